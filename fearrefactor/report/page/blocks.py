"""Values as JSON that can stand inside an HTML file, whatever texts are in them."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import BaseModel

    from fearrefactor.report.content import DetailContent

#: HTML ends a block of JSON at ``</script`` and counts ``<!--``; inside of JSON strings, the only
#: place for these characters, escapes say the same.
_ESCAPED: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def escaped_json(value: BaseModel, **more: Any) -> str:
    """``value`` and ``more`` as one JSON object in ASCII, without ``<``, ``>`` and ``&``.

    Raises:
        ValueError: a number in ``more`` is not finite; one in ``value`` becomes null.
    """
    text = value.model_dump_json(ensure_ascii=True)
    if more:
        said = json.dumps(more, allow_nan=False)
        text = f"{text[:-1]}, {said[1:]}"
    for character, escape in _ESCAPED.items():
        text = text.replace(character, escape)
    return text


def json_block(name: str, value: BaseModel, **more: Any) -> str:
    """A block that browsers neither show nor run, with ``name`` as its id."""
    data = escaped_json(value, **more)
    return f'<script type="application/json" id="{html.escape(name)}">{data}</script>\n'


def detail_blocks(details: Iterable[DetailContent]) -> Iterator[str]:
    """A block for each video, ``detail-ROW``, which is parsed when that video is opened."""
    for detail in details:
        yield json_block(f"detail-{detail.row}", detail)
