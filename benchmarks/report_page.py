"""How soon the report of a large run is there, and how soon it answers: in Chromium, from a file.

    python benchmarks/report_page.py [--runs 7]

Needs Debian's chromium and chromium-driver.
"""

from __future__ import annotations

import base64
import io
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
from PIL import Image
from record import record

from fearrefactor.report.page import page_html

if TYPE_CHECKING:
    from record import Row

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # the browser, and what reports hold

#: When rows of the table are on the screen, in milliseconds since the navigation began.
WATCH = """
new MutationObserver((_, watching) => {
  if (!document.querySelector('.body .line')) return;
  watching.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.paintedAfter = performance.now(); }));
}).observe(document, {childList: true, subtree: true});
"""
#: Milliseconds since the navigation began.
OPENED = {
    "open until the table is painted": "return window.paintedAfter;",
    "open until all details are read": (
        "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd;"
    ),
}
#: What is done to the page; each is timed until what it shows has been painted.
ACTS = {
    "filter by outcome": "$('.chip-failed').click();",
    "filter by policy": "pick('#policy', 1);",
    "search, after its pause of 40 ms": "type('harbour-0');",
    "search for nothing, after its pause": "type('no such thing');",
    "clear": "all('.filters button').at(-1).click();",
    "sort by id, first": "$('.head.c-id .sort').click();",
    "sort by id, again": "$('.head.c-id .sort').click();",
    "sort by length": "$('.head.c-length .sort').click();",
    "open a video": "$('.body .line').click();",
}
TIMED = """
const told = (id, change, event) => { change($(id)); $(id).dispatchEvent(new Event(event)); };
const pick = (id, at) => told(id, (one) => { one.selectedIndex = at + 1; }, 'change');
const type = (text) => told('#search', (one) => { one.value = text; }, 'input');
const changed = new Promise(done => new MutationObserver(done).observe(
  document.body, {childList: true, characterData: true, subtree: true}));
const began = performance.now();
%s
await changed;
await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
return performance.now() - began;
"""


@click.command()
@click.option("--runs", default=7, show_default=True, help="How often each page is opened.")
def main(runs: int) -> None:
    """Open reports of 10,000 and 50,000 videos, and use them."""
    from made_reports import content

    # 500 videos with details of up to seven lanes of nine spans and five pictures each: 2,500
    # pictures of 7 KB, a little more than a report holds by default
    jpegs = [jpeg(seed) for seed in range(20)]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for n_rows in (10_000, 50_000):
            page = Path(folder, f"{n_rows}.html")
            with page.open("w", encoding="ascii") as file:
                file.writelines(page_html(content(n_rows, 500, jpegs)))
            size_mb = round(page.stat().st_size / 1e6, 1)
            print(f"{n_rows:,} videos: {size_mb} MB")
            for act, times in measured(page, Path(folder), runs).items():
                row: Row = {
                    "videos": n_rows,
                    "page_mb": size_mb,
                    "act": act,
                    "median_ms": round(statistics.median(times), 1),
                    "min_ms": round(min(times), 1),
                    "max_ms": round(max(times), 1),
                }
                rows.append(row)
                print(row)
    print(record("report_page", rows, {"runs": runs, "wanted": "painted 2000 ms, filter 100 ms"}))


def measured(page: Path, folder: Path, runs: int) -> dict[str, list[float]]:
    """Milliseconds of opening ``page`` and of each act on it, ``runs`` times."""
    from report_browser import ReportBrowser

    times: dict[str, list[float]] = {act: [] for act in (*OPENED, *ACTS)}
    with ReportBrowser(folder / f"profile-{page.stem}") as browser, browser.before_each_page(WATCH):
        browser.device(1280, 800)
        for _ in range(runs):
            browser.open(page)
            for act, script in OPENED.items():
                times[act].append(browser.run(script))
            for act, script in ACTS.items():
                times[act].append(browser.run(TIMED % script))
    return times


def jpeg(seed: int) -> tuple[str, int, int]:
    """A picture with about as much in it as a small frame of a film: base64, width, height."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    noise = Image.frombytes("RGB", (26, 15), dice.randbytes(26 * 15 * 3))
    kept = io.BytesIO()
    noise.resize((320, 180), Image.Resampling.BICUBIC).save(kept, "JPEG", quality=50)
    return base64.b64encode(kept.getvalue()).decode(), 320, 180


if __name__ == "__main__":
    main()
