"""How the tries are run, and the page that tells of them.

``RELIABILITY=full`` runs each at full size. ``RELIABILITY_PAGE=FILE`` writes the page.
"""

from __future__ import annotations

import os
import platform
import re
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from fault_proxy import FaultProxy
from nights import kill_all_of
from s3_nights import Nights
from tries import TRIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from s3_server import S3Server

_NUMBER: Final = re.compile(r"test_(\d\d)_")
_DONE = pytest.StashKey[dict[str, "Trial"]]()


@dataclass
class Trial:
    """A test that was run: which try it belongs to, at what size, and what was found."""

    number: int | None
    sentence: str
    size: str = ""
    found: list[str] = field(default_factory=list)
    outcome: str = "not run"
    seconds: float = 0.0

    def __call__(self, size: str, *found: str) -> None:
        """What a test tells of itself for the page."""
        self.size = size
        self.found += found


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the tries are to be run at full size, which takes an hour and more."""
    return _is_full()


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Trial:
    """``tried("40 films", "2 drivers, 0 failed")`` goes onto the page."""
    return request.config.stash[_DONE][request.node.nodeid]


@pytest.fixture
def night_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a night whose drivers do not outlive the test."""
    yield tmp_path
    kill_all_of(tmp_path)


@pytest.fixture
def nights(s3_server: S3Server, s3_bucket: str) -> Iterator[Nights]:
    """Nights on S3, through a proxy that lets things go wrong."""
    with FaultProxy(s3_server.endpoint_url) as proxy:
        yield Nights(s3_server, proxy, s3_bucket)


def pytest_configure(config: pytest.Config) -> None:
    """Nothing was tried yet."""
    config.stash[_DONE] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each test of this folder is a trial; the file's name says of which try."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            number = _NUMBER.match(item.path.name)
            sentence = item.name.removeprefix("test_").replace("_", " ")
            config.stash[_DONE][item.nodeid] = Trial(int(number[1]) if number else None, sentence)
            if _is_full():
                item.add_marker(pytest.mark.timeout(3 * 3600), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """How it ended."""
    report = yield
    trial = item.config.stash[_DONE].get(item.nodeid)
    if trial is not None:
        trial.seconds += report.duration
        if report.when == "call" or report.outcome != "passed":
            trial.outcome = report.outcome
            if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
                trial.found.append(str(report.longrepr[2]).removeprefix("Skipped: "))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page, if it was asked for. What was not tried this time was, as it came out then.

    So a try can be repeated alone, and the page is made of several runs.
    """
    page, cache = os.environ.get("RELIABILITY_PAGE"), session.config.cache
    if page and cache is not None:
        trials = session.config.stash[_DONE].items()
        kept = cache.get("reliability/trials", {})
        kept |= {name: asdict(trial) for name, trial in trials if trial.outcome != "not run"}
        cache.set("reliability/trials", kept)
        Path(page).write_text(_page([Trial(**told) for told in kept.values()]), "utf-8")


def _is_full() -> bool:
    return os.environ.get("RELIABILITY") == "full"


def _page(trials: list[Trial]) -> str:
    by_number: dict[int | None, list[Trial]] = defaultdict(list)
    for trial in trials:
        by_number[trial.number].append(trial)
    machine = f"{platform.system()} {platform.machine()} with {os.cpu_count()} cores"
    lines = [
        "# What was tried, and what came of it",
        "",
        f"Written by `make reliability` on {machine}, Python {platform.python_version()}; the size",
        "of each try is in the table. `SIZE=small` is what CI runs, in some fifteen minutes;",
        "`TRIES=FILE` repeats one try and keeps what came of the others.",
        "",
        "After each try the invariants are checked: every row ended once, with a result or a code;",
        "a scanner that opens every object finds no target; checksums and numbers of frames are",
        "right; one result for each work; nothing is left behind; a rerun calls no model and",
        "writes nothing.",
        "",
        "| # | try | must hold | size | came of it | result |",
        "|---|---|---|---|---|---|",
    ]
    for number, (what, must) in TRIES.items():
        lines.append(_row(str(number), what, must, by_number.get(number, [])))
    lines += ["", "| besides | size | came of it | result |", "|---|---|---|---|"]
    besides: dict[str, list[Trial]] = defaultdict(list)
    for trial in by_number[None]:
        besides[trial.sentence.partition("[")[0]].append(trial)
    lines += [_beside(sentence, of_it) for sentence, of_it in besides.items()]
    return "\n".join(lines) + "\n"


def _row(number: str, what: str, must: str, trials: list[Trial]) -> str:
    return f"| {number} | {what} | {must} | {_sizes(trials)} | {_found(trials)} | {_came(trials)} |"


def _beside(sentence: str, trials: list[Trial]) -> str:
    return f"| {sentence} | {_sizes(trials)} | {_found(trials)} | {_came(trials)} |"


def _sizes(trials: list[Trial]) -> str:
    return "; ".join(dict.fromkeys(trial.size for trial in trials if trial.size))


def _found(trials: list[Trial]) -> str:
    return "; ".join(dict.fromkeys(text for trial in trials for text in trial.found))


def _came(trials: list[Trial]) -> str:
    outcomes = {trial.outcome for trial in trials}
    n_passed = sum(trial.outcome == "passed" for trial in trials)
    tests = "1 test" if n_passed == 1 else f"{n_passed} tests"
    seconds = sum(trial.seconds for trial in trials)
    if not trials:
        return "**not tried**"
    if outcomes == {"passed"}:
        return f"passed ({tests}, {seconds:.0f} s)"
    return "**FAILED**" if "failed" in outcomes else f"{n_passed} passed, others not run"
