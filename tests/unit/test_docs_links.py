"""Pages lead to one another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_LINK = re.compile(r"\]\(([^)\s:]*?)(?:#([\w-]+))?\)")


def headings(page: Path) -> set[str]:
    """The headings of a page as GitHub names them in links."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    heads = re.findall(r"^#+ +(.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for name, heading in _LINK.findall(page.read_text("utf-8")):
        place = page.parent / name if name else page
        assert place.exists(), f"{page.name}: no {name}"
        if heading:
            assert heading in headings(place), f"{page.name}: no heading {heading} in {name}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    told = {name for name, _ in _LINK.findall(index)}
    assert {page.name for page in PAGES if page.parent.name == "docs"} - told == {"README.md"}
