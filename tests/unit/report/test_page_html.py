"""The page carries its content as JSON that no text can end, and allows only itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_reports import content

from fearrefactor.report.content import (
    DetailContent,
    FileContent,
    ReportContent,
    RunContent,
    TableContent,
)
from fearrefactor.report.page import page_html
from fearrefactor.report.page.document import SCRIPTS, STYLES, script, style
from fearrefactor.report.page.words import sentence

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>&lt;\u2028\u2029",
    "{{details}}{{script}}",
    "\u202egpj.exe",
    "\x00\x1b[31m",
    "\U0001f9d1\u200d\U0001f680 é" + "x" * 500,
)
TEXT = st.text(max_size=40) | st.sampled_from(HOSTILE)


class Blocks(HTMLParser):
    """The page as HTML has it: its blocks of JSON, and the tags outside of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.json: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._block: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.append((tag, said))
        if tag == "script" and said.get("type") == "application/json":
            self._block = said["id"]
            self.json[str(self._block)] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._block = None

    def handle_data(self, data: str) -> None:
        if self._block is not None:
            self.json[self._block] += data


def read_back(page: str) -> ReportContent:
    """The content that the page's own blocks say."""
    blocks = Blocks(page).json
    said = json.loads(blocks["run"])
    has_source = said.pop("has_source")
    details = [name for name in blocks if name.startswith("detail-")]
    return ReportContent(
        run=RunContent.model_validate(said),
        table=TableContent.model_validate_json(blocks["table"]),
        details=tuple(DetailContent.model_validate_json(blocks[name]) for name in details),
        has_source=has_source,
    )


def tainted(text: str) -> ReportContent:
    """A small report with ``text`` wherever a run can bring one along."""
    made = content(3, 2, names=(text,))
    run = made.run.model_copy(
        update={
            "run_id": text,
            "uri": text,
            "model": text,
            "settings": {text: text},
            "versions": {text: text},
            "policies": tuple(
                one.model_copy(update={"name": text, "words": (text,)}) for one in made.run.policies
            ),
            "codes": tuple(one.model_copy(update={"code": text}) for one in made.run.codes),
            "classes": tuple(one.model_copy(update={"name": text}) for one in made.run.classes),
            "seconds": {text: 1.0},
        }
    )
    table = made.table.model_copy(update={"reason": (text,) * 3, "code": (text,) * 3})
    details = tuple(
        one.model_copy(
            update={
                "notes": (text,),
                "extra": {text: text},
                "audit": text,
                "pictures_left_out": text,
                "files": (FileContent(kind="source", place=text, href=text),),
                "lanes": tuple(lane.model_copy(update={"class_name": text}) for lane in one.lanes),
            }
        )
        for one in made.details
    )
    return ReportContent(run=run, table=table, details=details)


@given(text=TEXT)
def test_what_the_page_says_reads_back_equal_whatever_texts_are_in_it(text: str) -> None:
    report = tainted(text)
    page = "".join(page_html(report))
    assert read_back(page) == report
    assert page.isascii()


@given(text=TEXT)
def test_no_text_adds_an_element_or_an_attribute(text: str) -> None:
    plain, page = (Blocks("".join(page_html(tainted(said)))).tags for said in ("plain", text))
    assert [(tag, sorted(said)) for tag, said in page] == [
        (tag, sorted(said)) for tag, said in plain
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_blocks_hold_no_character_that_html_understands(text: str) -> None:
    page = "".join(page_html(tainted(text)))
    blocks = re.findall(
        r'<script type="application/json" id="[\w-]+">(.*?)</script>', page, re.DOTALL
    )
    assert len(blocks) == 4
    assert not any(re.search("[<>&]", block) for block in blocks)


def test_the_page_allows_its_own_style_and_script_and_nothing_else() -> None:
    page = "".join(page_html(content(2, 1)))
    policy = next(
        str(said["content"])
        for tag, said in Blocks(page).tags
        if tag == "meta" and "http-equiv" in said
    )
    [styled] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    [run] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [
        "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
        for text in (styled, run)
    ]
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        f"style-src {hashes[0]}",
        f"script-src {hashes[1]}",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_every_part_beside_the_page_is_in_it_and_none_turns_text_into_html() -> None:
    there = {
        one.name
        for one in files("fearrefactor.report.page").iterdir()
        if one.name.endswith((".js", ".css"))
    }
    assert there == {*STYLES, *SCRIPTS}
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in script()
    assert "</script" not in script()
    assert "</style" not in style()
    assert not re.search(r"url\((?!#)|@import", style())


def test_the_outcome_and_the_counts_are_read_without_a_script() -> None:
    report = content(40, 0)
    said = re.sub(r"<(style|script)\b.*?</\1>", "", "".join(page_html(report)), flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", " ", said)
    assert "40 videos: 30 masked, 4 clean, 2 for review, 4 failed" in text
    assert re.search(r"For review\s+2", text)
    assert re.search(r"Code not_a_video\s+2", text)


def test_a_sentence_names_only_what_there_was() -> None:
    run = content(1, 0).run
    assert sentence(run) == "1 video: 1 masked"
    assert sentence(run.model_copy(update={"n_rows": 0, "outcomes": {}})) == "0 videos"


def test_details_come_after_the_table_so_that_it_is_painted_first() -> None:
    page = "".join(page_html(content(3, 2)))
    assert page.index('id="table"') < page.index("<script>") < page.index('id="detail-1"')
