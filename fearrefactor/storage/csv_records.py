"""CSV records out of lines, such that one bad line costs one record.

The csv module alone reads on from an unclosed quote to the end of the file. Here a record whose end
is not found, or that then has another width than the header, loses its first line only.
"""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: How far the end of a quoted field is looked for.
MAX_RECORD_LINES = 100

_Numbered = tuple[int, bytes | None]


def csv_records(lines: Iterable[bytes | None]) -> Iterator[tuple[int, list[str] | str]]:
    """The line number of each record with its cells, or with what is wrong with it.

    ``lines`` come without their ends; None is one that was too long. Blank lines are left out. The
    first good record is the header: all others need as many cells.
    """
    source: Iterator[_Numbered] = enumerate(lines, start=1)
    ahead: deque[_Numbered] = deque()
    width = 0
    while ahead or _pull(source, ahead):
        number, line = ahead.popleft()
        if line is None:
            yield number, "is too long"
        elif line.strip():
            cells, n_more = _record(line, source, ahead, width)
            for _ in range(n_more):
                ahead.popleft()
            if not isinstance(cells, str):
                width = len(cells)
            yield number, cells


def _record(
    line: bytes, source: Iterator[_Numbered], ahead: deque[_Numbered], width: int
) -> tuple[list[str] | str, int]:
    """Cells or an error, and how many of the lines ``ahead`` are part of them."""
    raw = line
    for n_more in range(MAX_RECORD_LINES):
        if n_more == 0 or raw.count(b'"') % 2 == 0:
            cells = _parse(raw, width)
            if cells is not None:
                return cells, 0 if isinstance(cells, str) else n_more
        if n_more == len(ahead) and not _pull(source, ahead):
            break
        following = ahead[n_more][1]
        if following is None:
            break
        raw += b"\n" + following
    return "opens a quote that is not closed", 0


def _parse(raw: bytes, width: int) -> list[str] | str | None:
    """Cells, or an error, or None where a quoted field goes on behind the end."""
    try:
        cells = next(csv.reader([raw.decode("utf-8")], strict=True))
    except UnicodeDecodeError as error:
        return f"is no UTF-8: {error.reason} at byte {error.start}"
    except csv.Error as error:
        return None if "unexpected end of data" in str(error) else f"is no CSV: {error}"
    if width and len(cells) != width:
        return f"has {len(cells)} cells, expected {width} as in the header"
    return cells


def _pull(source: Iterator[_Numbered], ahead: deque[_Numbered]) -> bool:
    """Move one line from the source; False at its end."""
    for numbered in source:
        ahead.append(numbered)
        return True
    return False
