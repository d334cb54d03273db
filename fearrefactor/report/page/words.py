"""What a run came to in words and counts: what is read where no script runs."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.report.content import RunContent

#: Outcomes in the order of the page, and how a sentence names them.
OUTCOMES: Final = {
    "masked": "masked",
    "clean": "clean",
    "review": "for review",
    "failed": "failed",
}


def sentence(run: RunContent) -> str:
    """The outcome in one line: ``12 videos: 7 masked, 2 clean, 1 for review, 2 failed``."""
    said = [
        f"{run.outcomes[outcome]:,} {words}"
        for outcome, words in OUTCOMES.items()
        if run.outcomes.get(outcome)
    ]
    videos = f"{run.n_rows:,} {'video' if run.n_rows == 1 else 'videos'}"
    return f"{videos}: {', '.join(said)}" if said else videos


def counts(run: RunContent) -> Iterator[str]:
    """Rows of an HTML table: outcomes, then codes of what failed or is for review."""
    for outcome, words in OUTCOMES.items():
        yield _row(words.capitalize(), run.outcomes.get(outcome, 0))
    for code in run.codes:
        yield _row(f"Code {code.code}", code.n_videos)


def _row(name: str, n_videos: int) -> str:
    return f'<tr><th scope="row">{html.escape(name)}</th><td>{n_videos:,}</td></tr>\n'
