"""A TCP proxy on loopback that loses replies: what a network does to an S3 client."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class CuttingProxy:
    """Passes bytes on to ``target_url``; ``cut`` makes it break off replies.

    A cut connection has passed its request on, so the request takes effect.
    """

    def __init__(self, target_url: str) -> None:
        parts = urlsplit(target_url)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._wanted: Callable[[bytes], bool] = lambda _: False
        self._keep_bytes = 0
        self.n_left = 0

    def cut(self, wanted: Callable[[bytes], bool], *, n: int = 1, keep_bytes: int = 0) -> None:
        """Break off the next ``n`` replies to requests whose head is ``wanted``."""
        with self._lock:
            self._wanted, self.n_left, self._keep_bytes = wanted, n, keep_bytes

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        doomed = threading.Event()
        with suppress(OSError), client, socket.create_connection(self._target) as server:
            back = threading.Thread(
                target=self._pass_back, args=(server, client, doomed), daemon=True
            )
            back.start()
            while data := client.recv(1 << 16):
                if self._takes(data):
                    doomed.set()
                server.sendall(data)

    def _takes(self, data: bytes) -> bool:
        with self._lock:
            if self.n_left and self._wanted(data):
                self.n_left -= 1
                return True
            return False

    def _pass_back(
        self, server: socket.socket, client: socket.socket, doomed: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                if doomed.is_set() and not data.startswith(b"HTTP/1.1 100"):
                    client.sendall(data[: self._keep_bytes])
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)
