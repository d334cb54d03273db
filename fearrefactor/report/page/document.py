"""Puts ``page.html`` together: data as JSON, style and script inline, and a policy that binds them.

Nothing of the content is ever read as HTML: it stands in blocks of JSON and in escaped text, and
the script turns it into text nodes. The page's own security policy allows this one style and this
one script, pictures that are in the file, and no request to anywhere.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from fearrefactor.report.page.blocks import detail_blocks, json_block
from fearrefactor.report.page.words import counts, sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fearrefactor.report.content import ReportContent

#: In the order in which they are put together.
STYLES: Final = ("style.css", "table.css", "panel.css", "print.css")
SCRIPTS: Final = (
    *("elements.js", "words.js", "memory.js", "data.js", "overview.js"),
    *("rows.js", "table.js", "filters.js", "timeline.js", "pictures.js"),
    *("decisions.js", "places.js", "review.js", "handover.js", "panel.js", "start.js"),
)
_MARK: Final = re.compile(r"\{\{(\w+)\}\}")


def page_html(content: ReportContent) -> Iterator[str]:
    """The page in pieces, all ASCII: the head, the table, then the details of one video each.

    The table is painted before the browser has read the details.
    """
    parts: dict[str, Iterable[str]] = {
        "title": (_text(f"Run {content.run.run_id}"),),
        "policy": (_text(security_policy()),),
        "style": (style(),),
        "sentence": (_text(sentence(content.run)),),
        "counts": counts(content.run),
        "run": (json_block("run", content.run, has_source=content.has_source),),
        "table": (json_block("table", content.table),),
        "script": (script(),),
        "details": detail_blocks(content.details),
    }
    # the template is cut once: a mark that content brings along is text
    for number, text in enumerate(_MARK.split(_read("page.html"))):
        yield from parts[text] if number % 2 else (text,)


def security_policy() -> str:
    """What the page may load and run: its own style and script, by their hashes."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style())}'; "
        f"script-src '{_hash(script())}'; base-uri 'none'; form-action 'none'"
    )


@functools.cache
def style() -> str:
    """All that stands between ``<style>`` and ``</style>``."""
    return "".join(_read(name) for name in STYLES)


@functools.cache
def script() -> str:
    """All that stands between ``<script>`` and ``</script>``; its names are its own."""
    return '(() => {\n"use strict";\n' + "".join(_read(name) for name in SCRIPTS) + "})();\n"


def _text(said: str) -> str:
    """As text of HTML in ASCII."""
    return html.escape(said).encode("ascii", "xmlcharrefreplace").decode()


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="ascii")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
