from __future__ import annotations

import re
from pathlib import Path

from fearrefactor.core.code_meanings import MEANINGS
from fearrefactor.core.codes import MAY_BE_RETRIED

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text("utf-8")
SECTION = TEXT[TEXT.index("\n## Reason codes\n") :].split("\n## ")[1]


def plain(cell: str) -> str:
    """A cell of a Markdown table without its links and code marks."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", cell).replace("`", "").strip()


def told() -> dict[str, tuple[str, str]]:
    """Meaning and "again?" by code."""
    found = {}
    for line in SECTION.splitlines()[1:]:
        cells = line.strip().strip("|").split("|")
        for code in re.findall(r"`([a-z_]+)`", cells[0]) if len(cells) == 3 else ():
            found[code] = plain(cells[1]), plain(cells[2])
    return found


def test_every_code_has_a_meaning_and_something_to_do() -> None:
    assert MEANINGS.keys() == MAY_BE_RETRIED.keys()
    assert all(one.what_to_do.endswith(".") for one in MEANINGS.values())


def test_meanings_are_those_of_the_page_for_operators() -> None:
    outcomes = {"review"}
    assert {code: one.meaning for code, one in MEANINGS.items()} == {
        code: meaning for code, (meaning, _) in told().items() if code not in outcomes
    }


def test_what_may_be_retried_is_said_to_be_done_again_and_nothing_else_is() -> None:
    said = {code: one.what_to_do.startswith("Do it again") for code, one in MEANINGS.items()}
    assert said == MAY_BE_RETRIED
