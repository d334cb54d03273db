"""How a child reads a source that only its parent can open: offsets go up, bytes come down."""

from __future__ import annotations

import io
import os
import socket
import struct
import threading
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from fearrefactor.media.source import Source

_ASK = struct.Struct("<QI")
_BLOCK_BYTES = 1 << 20
_N_BLOCKS = 8


class SourceFeed:
    """The parent's end: a thread that answers a child's reads from ``source``.

    ``error`` is what went wrong while reading, if anything did; the child then only sees the end
    of the connection.
    """

    def __init__(self, source: Source, connection: Connection) -> None:
        self.error: Exception | None = None
        self._source = source
        self._connection = connection
        self._thread = threading.Thread(target=self._serve, name="source-feed", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up and wait for the thread."""
        self._hang_up()
        self._thread.join()
        self._connection.close()

    def _hang_up(self) -> None:
        # Not a close: of two threads that close one descriptor, the later closes whatever has been
        # opened under its number since; and a thread that reads is not woken by a close.
        with (
            socket.socket(fileno=os.dup(self._connection.fileno())) as end,
            suppress(OSError),  # the child's end may be gone
        ):
            end.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                offset, size = _ASK.unpack(self._connection.recv_bytes(_ASK.size))
            except (EOFError, OSError, struct.error):
                return
            try:
                data = self._read(offset, min(size, _BLOCK_BYTES))
            except Exception as error:  # noqa: BLE001 - whatever it is, the parent raises it
                self.error = error
                self._hang_up()
                return
            try:
                self._connection.send_bytes(data)
            except OSError:
                return

    def _read(self, offset: int, size: int) -> bytes:
        self._source.seek(offset)
        parts: list[bytes] = []
        while size and (part := self._source.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class FedSource(io.RawIOBase):
    """The child's end: a readable, seekable file of ``size`` bytes, read in cached blocks."""

    def __init__(self, connection: Connection, size: int) -> None:
        super().__init__()
        self._connection = connection
        self._size = size
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The current position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move; answers the new position from the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes; fewer at the end of a block, none at the end of the file."""
        left = max(0, self._size - self._at)
        size = left if size < 0 else min(size, left)
        if not size:
            return b""
        number, start = divmod(self._at, _BLOCK_BYTES)
        data = self._block(number)[start : start + size]
        self._at += len(data)
        return data

    def _block(self, number: int) -> bytes:
        block = self._blocks.get(number)
        if block is None:
            self._connection.send_bytes(_ASK.pack(number * _BLOCK_BYTES, _BLOCK_BYTES))
            block = self._connection.recv_bytes(_BLOCK_BYTES)
            expected = min(_BLOCK_BYTES, self._size - number * _BLOCK_BYTES)
            if len(block) != expected:
                raise OSError(f"expected {expected} bytes at block {number}, got {len(block)}")
            self._blocks[number] = block
            if len(self._blocks) > _N_BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return block
