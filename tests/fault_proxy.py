"""An HTTP proxy on loopback in front of an S3 server: it does what networks and busy servers do.

What is to go wrong is told by rules, which are plain values; everything else passes unchanged, so
that signatures stay valid. Each call is counted, also one that the server never sees.
"""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from faults import Busy, Call, Cut, Delay, Drop, Fault, Flip, Forget, Rule, Truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    #: ``listener(call, moment)``; ``call.status`` is known ``after``.
    Listener = Callable[[Call, Literal["before", "after"]], object]

_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)


class FaultProxy:
    """Passes calls on to ``target_url``; the first of the ``rules`` that takes a call decides.

    ``calls`` are all that came, ``done`` says how often each rule was applied.
    """

    def __init__(self, target_url: str, seed: int = 0) -> None:
        self.calls: list[Call] = []
        self.done: Counter[Rule] = Counter()
        self._target = urlsplit(target_url)
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._rules: tuple[Rule, ...] = ()
        self._seen: Counter[Rule] = Counter()
        self._listeners: list[Listener] = []
        self._dark_until = 0.0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.endpoint_url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def set(self, *rules: Rule) -> None:
        """From now on these rules hold and no others; counts begin anew."""
        with self._lock:
            self._rules = rules
            self.calls, self.done, self._seen = [], Counter(), Counter()

    def dark(self, seconds: float) -> None:
        """For so long every connection is reset, also one that waits for its reply."""
        self._dark_until = time.monotonic() + seconds

    def on_request(self, listener: Listener) -> None:
        """``listener`` is called before each call goes on, and before its reply goes back."""
        self._listeners.append(listener)

    @property
    def n_calls(self) -> Counter[str]:
        """How often each operation was asked for."""
        return Counter(call.operation for call in self.calls)

    @property
    def is_dark(self) -> bool:
        """Whether nobody gets through."""
        return time.monotonic() < self._dark_until

    def arrived(self, operation: str, key: str, headers: Mapping[str, str]) -> tuple[Call, Fault]:
        """Count a call, and say what becomes of it; ``Delay(0)`` is nothing at all."""
        with self._lock:
            call = Call(len(self.calls) + 1, operation, key, headers)
            self.calls.append(call)
            for rule in self._rules:
                if rule.concerns(call) and self._takes(rule):
                    self.done[rule] += 1
                    return call, rule.fault
        return call, Delay(0)

    def tell(self, call: Call, moment: Literal["before", "after"]) -> None:
        """Tell all listeners."""
        for listener in self._listeners:
            listener(call, moment)

    def flipped(self, body: bytes) -> bytes:
        """``body`` with one bit changed."""
        if not body:
            return body
        with self._lock:
            place, bit = self._random.randrange(len(body)), self._random.randrange(8)
        return body[:place] + bytes([body[place] ^ 1 << bit]) + body[place + 1 :]

    def forward(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """The server's answer to a request as it came."""
        server = http.client.HTTPConnection(str(self._target.hostname), self._target.port, 120)
        try:
            server.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                server.putheader(name, value)
            server.endheaders(body or None)
            reply = server.getresponse()
            return reply, reply.read()
        finally:
            server.close()

    def signed_without(self, forget: Forget, method: str, path: str, sent: _Sent) -> dict[str, str]:
        """The headers of a request that was made without one of them."""
        kept = {
            name: value
            for name, value in sent.headers.items()
            if name.lower() not in {forget.header.lower(), "authorization"}
        }
        request = AWSRequest(method, f"http://{kept['Host']}{path}", kept, sent.body)
        keys = Credentials(forget.access_key, forget.secret_key)
        S3SigV4Auth(keys, "s3", "us-east-1").add_auth(request)
        return dict(request.headers.items())

    def _takes(self, rule: Rule) -> bool:
        self._seen[rule] += 1
        if self._seen[rule] <= rule.skip or self.done[rule] == rule.most:
            return False
        return rule.share == 1 or self._random.random() < rule.share


@dataclass(frozen=True)
class _Sent:
    headers: dict[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: FaultProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up, or a server that was stopped: nothing to say."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def _pass_on(self) -> None:
        """Any request."""
        proxy = self.server.proxy
        sent = _Sent(
            {name: value for name, value in self.headers.items() if name.lower() != "expect"},
            self.rfile.read(int(self.headers.get("Content-Length", 0))),
        )
        operation, key = _named(self.command, self.path)
        call, fault = proxy.arrived(operation, key, sent.headers)
        if proxy.is_dark:
            self._reset()
            return
        if isinstance(fault, Busy):
            self._answer(503, {"Content-Type": "application/xml"}, _SLOW_DOWN)
            return
        headers = sent.headers
        if isinstance(fault, Forget):
            headers = proxy.signed_without(fault, self.command, self.path, sent)
        proxy.tell(call, "before")
        reply, body = proxy.forward(self.command, self.path, headers, sent.body)
        proxy.tell(replace(call, status=reply.status), "after")
        if isinstance(fault, Delay):
            time.sleep(fault.seconds)
        if isinstance(fault, Drop) or proxy.is_dark:
            self._reset()
            return
        if isinstance(fault, Flip):
            body = proxy.flipped(body)
        if isinstance(fault, Truncate):
            body = body[: -fault.n_bytes]
        keep = fault.keep_bytes if isinstance(fault, Cut) else None
        self._answer(reply.status, dict(reply.getheaders()), body, keep)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 - names there

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Nothing."""

    def _answer(
        self, status: int, headers: Mapping[str, str], body: bytes, keep: int | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        # A HEAD tells how long the body would be, and has none.
        length = {name.lower(): value for name, value in headers.items()}.get("content-length")
        told = length if self.command == "HEAD" and length is not None else str(len(body))
        if status not in {204, 304}:
            self.send_header("Content-Length", told)
        self.end_headers()
        self.wfile.write(body[:keep])
        if keep is not None:
            self.wfile.flush()
            self._reset()

    def _reset(self) -> None:
        """End the connection as a machine does that is gone: with RST, no farewell."""
        self.close_connection = True
        with suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()


def _named(method: str, path: str) -> tuple[str, str]:
    """S3's name of an operation, and the key that it is about."""
    parts = urlsplit(path)
    query = parse_qs(parts.query, keep_blank_values=True)
    key = unquote(parts.path).lstrip("/").partition("/")[2]
    if method == "GET" and not key:
        listing = "ListMultipartUploads" if "uploads" in query else "ListObjectsV2"
        return (listing if {"uploads", "list-type"} & set(query) else "other"), query.get(
            "prefix", [""]
        )[0]
    if "uploadId" in query:
        of_upload = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload"}
        return of_upload.get(method, "AbortMultipartUpload"), key
    if "uploads" in query:
        return "CreateMultipartUpload", key
    whole = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
    return whole.get(method, "other"), key
