"""Chromium that opens a report from a file, and is used as people use it."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, ClassVar

from browser import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Keys by their WebDriver code points.
KEYS = {
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "PageUp": "\ue00e",
    "PageDown": "\ue00f",
    "End": "\ue010",
    "Home": "\ue011",
    "ArrowUp": "\ue013",
    "ArrowDown": "\ue015",
}
#: Resolves once what was asked for has been painted.
PAINTED = "await new Promise(done => requestAnimationFrame(() => setTimeout(done)));"


class ReportBrowser(Browser):
    """A browser for files: ``asked`` and ``complaints`` are since the last call of each."""

    logs: ClassVar[dict[str, str]] = {"browser": "ALL", "performance": "ALL"}

    def open(self, page: Path, fragment: str = "") -> None:
        """Open ``page`` anew, from the file."""
        self._ask("POST", "/url", {"url": "about:blank"})
        self._ask("POST", "/url", {"url": page.as_uri() + fragment})

    def run(self, script: str, *given: object) -> Any:
        """What ``script``, an async function's body, makes of ``given``, once it is painted."""
        body = (
            f"const given = [...arguments], done = given.pop();"
            f"const $ = (selector) => document.querySelector(selector);"
            f"const all = (selector) => [...document.querySelectorAll(selector)];"
            # what was pressed before has its events handled first
            f"const work = async () => {{ await new Promise(go => setTimeout(go)); {script} }};"
            f"work().then(async (value) => {{ {PAINTED} done({{value}}); }},"
            f"(error) => done({{error: String(error)}}));"
        )
        answer = self._ask("POST", "/execute/async", {"script": body, "args": given})
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    def until(self, condition: str) -> None:
        """Wait for ``condition``, an expression, for ten seconds at most.

        Raises:
            AssertionError: it did not come true.
        """
        came = self.run(
            f"for (let n = 0; n < 500 && !({condition}); n += 1)"
            f"  await new Promise(go => setTimeout(go, 20));"
            f"return Boolean({condition});"
        )
        assert came, condition

    def click(self, selector: str) -> None:
        """Press the mouse on the middle of the first element like this, scrolled into view."""
        self.run("$(given[0]).scrollIntoView({block: 'center', behavior: 'instant'})", selector)
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        self._ask("POST", f"/element/{next(iter(found.values()))}/click", {})

    def type(self, text: str) -> None:
        """Type ``text``, or press the key of that name, wherever the focus is."""
        typed = [
            {"type": kind, "value": letter}
            for letter in ([KEYS[text]] if text in KEYS else text)
            for kind in ("keyDown", "keyUp")
        ]
        self._act({"type": "key", "id": "keys", "actions": typed})

    def drag(self, selector: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw with the mouse from one share of the first element like this to another."""
        x, y, width, height = self.run(
            "const box = $(given[0]); box.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const at = box.getBoundingClientRect(); return [at.x, at.y, at.width, at.height];",
            selector,
        )
        moves = [
            {
                "type": "pointerMove",
                "x": round(x + width * across),
                "y": round(y + height * down),
                "duration": 10,
            }
            for across, down in (start, end)
        ]
        actions = [
            moves[0],
            {"type": "pointerDown", "button": 0},
            moves[1],
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": actions})

    def device(self, width: int, height: int, *, phone: bool = False) -> None:
        """Show pages at this size, as a phone would or as a desktop."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self._command("Emulation.setDeviceMetricsOverride", metrics)

    def media(self, kind: str = "", **features: str) -> None:
        """Pretend to a medium and to what the person prefers: ``prefers_color_scheme="dark"``."""
        named = [{"name": key.replace("_", "-"), "value": value} for key, value in features.items()]
        self._command("Emulation.setEmulatedMedia", {"media": kind, "features": named})

    @contextlib.contextmanager
    def before_each_page(self, script: str) -> Iterator[None]:
        """Run ``script`` in every page that is opened inside, before its own scripts."""
        kept = self._command("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        yield
        self._command("Page.removeScriptToEvaluateOnNewDocument", kept)

    def downloads(self, folder: Path) -> None:
        """Keep what pages offer in ``folder``."""
        told = {"behavior": "allow", "downloadPath": str(folder)}
        self._command("Browser.setDownloadBehavior", told)

    def complaints(self) -> list[str]:
        """What stands in the console."""
        return [line["message"] for line in self._ask("POST", "/se/log", {"type": "browser"})]

    def asked(self) -> list[str]:
        """Addresses of all requests of pages from files, their own too."""
        lines = self._ask("POST", "/se/log", {"type": "performance"})
        events = [json.loads(line["message"])["message"] for line in lines]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
            and event["params"]["documentURL"].startswith("file:")
        ]

    def _act(self, source: dict[str, Any]) -> None:
        self._ask("POST", "/actions", {"actions": [source]})

    def _command(self, name: str, given: dict[str, Any]) -> Any:
        return self._ask("POST", "/goog/cdp/execute", {"cmd": name, "params": given})
