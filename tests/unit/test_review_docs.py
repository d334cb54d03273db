"""The page for moderators says what the file of decisions is."""

from __future__ import annotations

import re
from pathlib import Path

from fearrefactor.core.decisions import Decision, Decisions, More
from fearrefactor.core.decisions_file import LIMIT_BYTES, parse_decisions

FOLDER = Path(__file__).resolve().parents[2] / "docs"
TEXT = (FOLDER / "review.md").read_text("utf-8")


def test_every_field_of_the_file_stands_in_a_table_and_nothing_else_does() -> None:
    section = TEXT[TEXT.index("\n## The file\n") :]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    told = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    models = (Decisions, Decision, More)
    assert told == [name for model in models for name in model.model_fields]


def test_the_example_is_a_file_of_decisions_of_every_kind() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)
    found = parse_decisions(example.encode(), "docs/review.md").decisions
    assert [one.decision for one in found] == ["approve", "mask_more", "reject"]
    more = found[1].more
    assert more is not None
    assert more.model_fields_set == set(More.model_fields) - {"keep"}


def test_links_lead_to_headings_that_are_there() -> None:
    for page, heading in re.findall(r"\]\((\w+\.md)#([\w-]+)\)", TEXT):
        lines = (FOLDER / page).read_text("utf-8").splitlines()
        heads = [line.lstrip("# ") for line in lines if line.startswith("#")]
        assert heading in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}


def test_the_limit_of_the_file_is_that_of_the_page() -> None:
    assert f"at most {LIMIT_BYTES // 1_000_000} MB" in TEXT
