"""An MP4's tables, read from its boxes: what PyAV does not tell, and what must be known before it.

ISO/IEC 14496-12: a box is a size, a name of four letters and a payload (4.2); each track describes
its samples in ``moov/trak/mdia/minf/stbl/stsd`` (8.5.2). Only headers are read on the way there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fearrefactor.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fearrefactor.media.source import Source

_TO_ENTRIES: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
_STSD_HEAD_BYTES: Final = 8  # version, flags, number of entries
_PICTURE_HEAD_BYTES: Final = 78  # what a picture's entry holds before boxes of its own
_MOST_BOXES: Final = 20_000
_MOST_PAYLOAD_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """How a track's samples are coded.

    ``boxes``: the first bytes of the boxes in the entry, by name, as they stand in a picture's.
    """

    kind: str
    boxes: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    end: int


def sample_entries(source: Source, size_bytes: int) -> list[SampleEntry]:
    """Those of all tracks, in the order in which they stand in the file.

    Raises:
        UnsupportedError: the file is made of more boxes than any honest one.
    """
    walk = _Walk(source)
    found = [_Box(b"", 0, size_bytes)]
    for name in _TO_ENTRIES:
        found = [box for parent in found for box in walk.inside(parent) if box.kind == name]
    return [
        SampleEntry(
            entry.kind.decode("latin-1"),
            {
                box.kind.decode("latin-1"): walk.payload(box)
                for box in walk.inside(entry, skip=_PICTURE_HEAD_BYTES)
            },
        )
        for table in found
        for entry in walk.inside(table, skip=_STSD_HEAD_BYTES)
    ]


def n_samples(source: Source, size_bytes: int) -> int:
    """How many samples the tables of all tracks promise; fragments promise theirs where they lie.

    Equal samples take no space in a table (8.7.3.2): a file of 2 kB that promised 50 million made
    FFmpeg fill 1.8 GB when it was opened.

    Raises:
        UnsupportedError: the tables are compressed, or the file is made of too many boxes.
    """
    walk = _Walk(source)
    found = [_Box(b"", 0, size_bytes)]
    for name in _TO_ENTRIES[:-1]:
        found = [box for parent in found for box in walk.inside(parent)]
        if any(box.kind == b"cmov" for box in found):
            raise UnsupportedError(
                "a compressed header (cmov), whose tables cannot be looked at before they are "
                "unpacked; write the file anew with: ffmpeg -i FILE -c copy"
            )
        found = [box for box in found if box.kind == name]
    sizes = [box for table in found for box in walk.inside(table) if box.kind in _SIZES]
    return sum(int.from_bytes(walk.payload(box)[8:12], "big") for box in sizes)


#: Both say a number of samples after their first eight bytes (8.7.3.2 and 8.7.3.3).
_SIZES: Final = (b"stsz", b"stz2")


class _Walk:
    """From box to box, never more than ``_MOST_BOXES`` in all."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._n_boxes = 0

    def inside(self, parent: _Box, skip: int = 0) -> Iterator[_Box]:
        at = parent.start + skip
        while at + 8 <= parent.end:
            self._n_boxes += 1
            if self._n_boxes > _MOST_BOXES:
                raise UnsupportedError(f"an MP4 of more than {_MOST_BOXES} boxes before its table")
            head = self._read(at, 16)
            size, header = int.from_bytes(head[:4], "big"), 8
            if size == 1:
                size, header = int.from_bytes(head[8:16], "big"), 16
            elif size == 0:  # until the end of what it lies in
                size = parent.end - at
            if size < header or len(head) < header:
                return  # no box: QuickTime ends some lists with four zeros
            yield _Box(head[4:8], at + header, min(at + size, parent.end))
            at += size

    def payload(self, box: _Box) -> bytes:
        return self._read(box.start, min(box.end - box.start, _MOST_PAYLOAD_BYTES))

    def _read(self, at: int, size: int) -> bytes:
        self._source.seek(at)
        return self._source.read(size) or b""
