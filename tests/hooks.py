"""A server on loopback that takes notices as chats do, or fails to."""

from __future__ import annotations

import http.server
import json
import threading
from typing import Any, Self


class HookServer(http.server.ThreadingHTTPServer):
    """Answers posts by ``statuses``, the last one for ever; 0 is no answer until it is closed.

    ``told`` holds the bodies, in order; ``asked`` every path that was asked for.
    """

    daemon_threads = True

    def __init__(self, *statuses: int) -> None:
        self.told: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.types: list[str] = []
        self._statuses = list(statuses) or [200]
        self._is_closed = threading.Event()
        super().__init__(("127.0.0.1", 0), _Hook)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closed.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        """Where notices go; the last part is a secret, as that of chats is."""
        return f"http://127.0.0.1:{self.server_port}/services/T0SECRET"

    def take(self, path: str, body: bytes, kind: str) -> int:
        """The status of the answer to one post."""
        self.asked.append(path)
        self.told.append(json.loads(body))
        self.types.append(kind)
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        if not status:
            self._is_closed.wait()
        return status


class _Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, HookServer)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = server.take(self.path, body, self.headers["Content-Type"])
        if not status:
            return
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, HookServer)
        server.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass
