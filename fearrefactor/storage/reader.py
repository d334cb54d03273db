"""A stored object as a seekable file that is read in ranges and never held whole.

A range of an object comes without a checksum that anybody looks at. So the first reading of the
whole takes a checksum of each block, and every later one is held against these.
"""

from __future__ import annotations

import io
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from fearrefactor.errors import DamagedReadError

if TYPE_CHECKING:
    from typing_extensions import Buffer

BLOCK_BYTES = 1 << 20
#: Blocks fetched at once when reading runs forward.
READ_AHEAD_BLOCKS = 4
#: Blocks kept: room for several places of one file (interleaved audio, an index at its end).
CACHED_BLOCKS = 16
#: Bytes of the CRC-32 of a block: 64 GiB of video have 256 KiB of them.
SUM_BYTES = 4
#: Before each try to read a block as it was when its checksum was taken.
_PAUSES_S = (0.0, 0.1, 0.2, 0.4, 0.8)

#: ``fetch(offset, length)`` returns exactly these bytes or raises a ``StoreError``.
Fetch = Callable[[int, int], bytes]


def block_sums(data: bytes) -> bytes:
    """A CRC-32, 4 bytes big-endian, of each block of ``data``, which begins where a block does."""
    view = memoryview(data)
    return b"".join(
        zlib.crc32(view[start : start + BLOCK_BYTES]).to_bytes(SUM_BYTES, "big")
        for start in range(0, len(view), BLOCK_BYTES)
    )


class ObjectReader(io.RawIOBase):
    """``size_bytes`` of an object behind ``read``, ``seek`` and ``tell``, for one thread.

    Ranges are whole blocks of ``BLOCK_BYTES``. The first touch of a place fetches one block; going
    forward from there fetches more at once, up to ``READ_AHEAD_BLOCKS``. At most ``CACHED_BLOCKS``
    blocks (16 MiB) are held. Unlike other raw files ``read(n)`` is short only at the end.
    ``n_fetches`` counts the ranges asked for. With ``sums``, the ``block_sums`` of the whole, every
    block that is fetched is held against them.
    """

    def __init__(self, fetch: Fetch, size_bytes: int, sums: bytes | None = None) -> None:
        super().__init__()
        n_blocks = -(-size_bytes // BLOCK_BYTES)
        if sums is not None and len(sums) != n_blocks * SUM_BYTES:
            msg = f"expected checksums of {n_blocks} blocks, got {len(sums) / SUM_BYTES:g}"
            raise ValueError(msg)
        self.size_bytes = size_bytes
        self.n_fetches = 0
        self._fetch = fetch
        self._sums = sums
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The offset of the next read, in bytes from the start."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to ``offset``; past the end is allowed and reads nothing there.

        Raises:
            ValueError: a place before the start, or an unknown ``whence``.
        """
        origins = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size_bytes}
        if whence not in origins or origins[whence] + offset < 0:
            msg = f"expected a place in the object, got seek({offset}, {whence})"
            raise ValueError(msg)
        self._position = origins[whence] + offset
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        """Fill ``buffer`` from the position on; returns the number of bytes, less only at the end.

        Raises:
            StoreError: the bytes could not be had; the position has not moved.
            DamagedReadError: they are not those that were read when the checksums were taken.
        """
        self._checkClosed()
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self.size_bytes - self._position))
        done = 0
        while done < wanted:
            number, skip = divmod(self._position + done, BLOCK_BYTES)
            piece = memoryview(self._block(number))[skip : skip + wanted - done]
            view[done : done + len(piece)] = piece
            done += len(piece)
        self._position += done
        return done

    def close(self) -> None:
        """Let the blocks go."""
        self._blocks.clear()
        super().close()

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            self._load(number)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _load(self, first: int) -> None:
        end = first + 1
        last = min(first + self._run_before(first) + 1, -(-self.size_bytes // BLOCK_BYTES))
        while end < last and end not in self._blocks:
            end += 1
        start = first * BLOCK_BYTES
        data = self._fetch_whole(start, min(end * BLOCK_BYTES, self.size_bytes) - start)
        for number in range(first, end):
            offset = (number - first) * BLOCK_BYTES
            self._blocks[number] = data[offset : offset + BLOCK_BYTES]
        while len(self._blocks) > CACHED_BLOCKS:
            self._blocks.popitem(last=False)

    def _fetch_whole(self, start: int, length: int) -> bytes:
        first = start // BLOCK_BYTES * SUM_BYTES
        found = earlier = b""
        wanted = b""
        for pause_s in _PAUSES_S:
            time.sleep(pause_s)
            data = self._fetch(start, length)
            self.n_fetches += 1
            if self._sums is None:
                return data
            found = block_sums(data)
            wanted = self._sums[first : first + len(found)]
            if found == wanted:
                return data
            if found == earlier:  # then it was the first reading that was damaged
                break
            earlier = found
        raise DamagedReadError(
            f"bytes {start} to {start + length} of {self.size_bytes} are not what was read before "
            f"of the same version: CRC-32 {found.hex(' ', SUM_BYTES)}, it was "
            f"{wanted.hex(' ', SUM_BYTES)}; storage, network or memory changes bytes"
        )

    def _run_before(self, number: int) -> int:
        """How many blocks just before this one are here: how far reading has run forward."""
        run = 0
        while run < READ_AHEAD_BLOCKS - 1 and number - run - 1 in self._blocks:
            run += 1
        return run
