"""A stored object as a seekable file that is read in ranges and never held whole."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

BLOCK_BYTES = 1 << 20
#: Blocks fetched at once when reading runs forward.
READ_AHEAD_BLOCKS = 4
#: Blocks kept: room for several places of one file (interleaved audio, an index at its end).
CACHED_BLOCKS = 16

#: ``fetch(offset, length)`` returns exactly these bytes or raises a ``StoreError``.
Fetch = Callable[[int, int], bytes]


class ObjectReader(io.RawIOBase):
    """``size_bytes`` of an object behind ``read``, ``seek`` and ``tell``, for one thread.

    Ranges are whole blocks of ``BLOCK_BYTES``. The first touch of a place fetches one block; going
    forward from there fetches more at once, up to ``READ_AHEAD_BLOCKS``. At most ``CACHED_BLOCKS``
    blocks (16 MiB) are held. Unlike other raw files ``read(n)`` is short only at the end.
    ``n_fetches`` counts the ranges asked for.
    """

    def __init__(self, fetch: Fetch, size_bytes: int) -> None:
        super().__init__()
        self.size_bytes = size_bytes
        self.n_fetches = 0
        self._fetch = fetch
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
        data = self._fetch(start, min(end * BLOCK_BYTES, self.size_bytes) - start)
        self.n_fetches += 1
        for number in range(first, end):
            offset = (number - first) * BLOCK_BYTES
            self._blocks[number] = data[offset : offset + BLOCK_BYTES]
        while len(self._blocks) > CACHED_BLOCKS:
            self._blocks.popitem(last=False)

    def _run_before(self, number: int) -> int:
        """How many blocks just before this one are here: how far reading has run forward."""
        run = 0
        while run < READ_AHEAD_BLOCKS - 1 and number - run - 1 in self._blocks:
            run += 1
        return run
