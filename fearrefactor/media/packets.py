"""Encoded video packets as plain bytes, so that they travel between processes and machines."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from fearrefactor.errors import FidelityError

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = struct.Struct("<qqBI")


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One encoded frame: ``pts`` and ``duration`` in the source's time base.

    There are no B-frames in what is rendered, so the decode time is the presentation time.
    """

    pts: int
    duration: int
    is_keyframe: bool
    data: bytes

    def pack(self) -> bytes:
        """As bytes that ``unpack_all`` reads."""
        head = _HEAD.pack(self.pts, self.duration, self.is_keyframe, len(self.data))
        return head + self.data


def unpack_all(file: BinaryIO) -> Iterator[EncodedPacket]:
    """Packets of a file of packed ones, one after the other.

    Raises:
        FidelityError: the file ends inside a packet.
    """
    while head := file.read(_HEAD.size):
        if len(head) < _HEAD.size:
            raise FidelityError("the rendered packets end inside a header")
        pts, duration, is_keyframe, size = _HEAD.unpack(head)
        data = file.read(size)
        if len(data) < size:
            raise FidelityError(f"the rendered packet at pts {pts} is cut short")
        yield EncodedPacket(pts, duration, bool(is_keyframe), data)
