"""Reading a whole object for the first time: all checksums that later readings are held against."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fearrefactor.errors import DamagedReadError
from fearrefactor.storage.reader import BLOCK_BYTES, block_sums

if TYPE_CHECKING:
    from fearrefactor.storage.objects import ObjectStat, ObjectStore

_PIECE_BYTES = 4 * BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class FirstReading:
    """What was read: ``sha256`` in hex, and the ``block_sums`` of the whole."""

    sha256: str
    sums: bytes


def read_first(store: ObjectStore, stat: ObjectStat) -> FirstReading:
    """Read the pinned object through; where the store knows its CRC-32, it is held against that.

    Raises:
        SourceChangedError: it is no longer the object that was pinned.
        DamagedReadError: it was read twice, and both times not what the store says that it keeps.
        StoreError: it cannot be read.
    """
    found, crc32 = _read(store, stat)
    if stat.crc32 not in {None, crc32}:
        found, crc32 = _read(store, stat)
    if stat.crc32 not in {None, crc32}:
        raise DamagedReadError(
            f"{store.uri(stat.key)} was read twice with CRC-32 {crc32:08x} at the end; the store "
            f"says {stat.crc32:08x}; storage, network or memory changes bytes"
        )
    return found


def _read(store: ObjectStore, stat: ObjectStat) -> tuple[FirstReading, int]:
    digest, crc32 = hashlib.sha256(), 0
    sums = bytearray()
    with store.open(stat.key, stat) as reader:
        while piece := reader.read(_PIECE_BYTES):
            digest.update(piece)
            sums += block_sums(piece)
            if stat.crc32 is not None:
                crc32 = zlib.crc32(piece, crc32)
    return FirstReading(digest.hexdigest(), bytes(sums)), crc32
