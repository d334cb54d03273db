"""Debian's Chromium, which plays a film from a server on loopback and tells what it painted.

It is driven by plain W3C WebDriver: JSON over HTTP to ``chromedriver``.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SCRIPT_LIMIT_S = 60
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--autoplay-policy=no-user-gesture-required", "--window-size=900,600"),
    # nothing leaves the machine: neither what the browser asks for by itself nor what a page might
    *("--disable-quic", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-breakpad", "--no-default-browser-check"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PAGE = b"""<!doctype html><title>film</title>
<body style="background: #444"><video src="/film" preload="auto" muted playsinline
style="width: 760px; height: 420px"></video></body>"""
#: Every script may call these; ``done`` is what WebDriver waits for.
SHARED = """
const video = document.querySelector('video'), done = arguments[arguments.length - 1];
const broken = new Promise((_, reject) => {
  const tell = () => reject('code ' + video.error.code + ': ' + video.error.message);
  if (video.error) tell(); else video.addEventListener('error', tell);
});
const event = name => Promise.race(
  [broken, new Promise(resolve => video.addEventListener(name, resolve, {once: true}))]);
const run = work => work().then(value => done({value}), error => done({error: String(error)}));
"""
LOAD = """
run(async () => {
  while (video.readyState < 4)
    await Promise.race([broken, new Promise(resolve => setTimeout(resolve, 20))]);
  return [video.videoWidth, video.videoHeight, video.duration];
});
"""
PLAY = """
run(async () => {
  const times = [];
  const painted = (_, frame) => {
    times.push(frame.mediaTime);
    video.requestVideoFrameCallback(painted);
  };
  video.requestVideoFrameCallback(painted);
  const ended = event('ended');
  video.playbackRate = arguments[0];
  await video.play();
  await ended;
  const quality = video.getVideoPlaybackQuality();
  return [times, quality.totalVideoFrames, quality.corruptedVideoFrames];
});
"""
SEEK = """
run(async () => {
  const [time, width, height] = arguments;
  const painted = new Promise(resolve =>
    video.requestVideoFrameCallback((_, frame) => resolve(frame.mediaTime)));
  const sought = event('seeked');
  video.currentTime = time;
  await sought;
  const mediaTime = await Promise.race([broken, painted]);
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(video, 0, 0, width, height);
  const bytes = pen.getImageData(0, 0, width, height).data;
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return [mediaTime, btoa(text)];
});
"""


class PlaybackError(Exception):
    """The browser refused the film, or its decoder gave up."""


@dataclass(frozen=True)
class Playback:
    """What came of a film that ran to its end.

    ``painted_s``: media times of the frames that reached the screen, in the order in which they
    did; ``n_decoded``: of all frames, also of those that came too late for the screen.
    """

    painted_s: tuple[float, ...]
    n_decoded: int
    n_corrupted: int


@dataclass(frozen=True)
class Picture:
    """A painted frame: its media time and ``(height, width, 3)`` uint8 RGB."""

    time_s: float
    rgb: NDArray[np.uint8]


class Browser:
    """A headless Chromium with a profile in ``folder``; ends with everything it started."""

    #: What chromedriver writes down, by kind and least level.
    logs: ClassVar[dict[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = _FilmServer()
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self._session = ""

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._process is not None:
            with contextlib.suppress(PlaybackError, OSError):
                self._ask("DELETE", "")  # a browser that is asked writes nothing more afterwards
            os.killpg(self._process.pid, signal.SIGKILL)  # chromedriver and the browser it started
            self._process.communicate()

    def load(self, film: Path) -> tuple[int, int, float]:
        """Open ``film`` in a new page: its width and height in pixels, its length in seconds."""
        self._server.film = film
        address = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._ask("POST", "/url", {"url": address})
        width, height, length_s = self._run(LOAD)
        return width, height, length_s

    def play(self, rate: float) -> Playback:
        """Play from where it is to the end, ``rate`` times as fast as it was recorded."""
        times, n_decoded, n_corrupted = self._run(PLAY, rate)
        return Playback(tuple(times), n_decoded, n_corrupted)

    def seek(self, time_s: float, width: int, height: int) -> Picture:
        """What is painted after a jump to ``time_s``, scaled to ``width × height``."""
        painted_s, text = self._run(SEEK, time_s, width, height)
        flat = np.frombuffer(base64.b64decode(text), np.uint8)
        return Picture(painted_s, flat.reshape(height, width, 4)[..., :3].copy())

    def screenshot(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [str(CHROMEDRIVER), "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        for line in self._process.stdout or ():
            if found := re.search(r"successfully on port (\d+)", line):
                self._port = int(found[1])
                break
        flags = [*FLAGS, f"--user-data-dir={self._folder / 'profile'}"]
        asked = {"binary": CHROMIUM, "args": flags}
        capabilities = {
            "goog:chromeOptions": asked,
            "goog:loggingPrefs": self.logs,
            "timeouts": {"script": SCRIPT_LIMIT_S * 1000},
        }
        answer = self._ask("POST", "", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = "/" + answer["sessionId"]

    def _run(self, script: str, *arguments: object) -> Any:
        body = {"script": SHARED + script, "args": arguments}
        answer = self._ask("POST", "/execute/async", body)
        if "error" in answer:
            raise PlaybackError(answer["error"])
        return answer["value"]

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2 * SCRIPT_LIMIT_S)
        try:
            sent = None if body is None else json.dumps(body)
            line.request(method, f"/session{self._session}{path}", sent)
            answer = line.getresponse()
            value = json.loads(answer.read())["value"]
        finally:
            line.close()
        if answer.status != 200:
            raise PlaybackError(f"{value['error']}: {value['message'][:500]}")
        return value


class _FilmServer(ThreadingHTTPServer):
    """Serves the page, and ``film`` in ranges: without them a browser does not jump."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.film: Path | None = None

    def handle_error(self, *_: object) -> None:
        """A browser hangs up in the middle of an answer whenever it has seen enough."""


class _Answer(BaseHTTPRequestHandler):
    server: _FilmServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/":
            self._send(200, "text/html", PAGE)
        elif self.path == "/film" and self.server.film is not None:
            data = self.server.film.read_bytes()
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            first = int(asked[1]) if asked else 0
            end = min(int(asked[2]) + 1 if asked and asked[2] else len(data), len(data))
            place = {"Content-Range": f"bytes {first}-{end - 1}/{len(data)}"} if asked else {}
            self._send(206 if asked else 200, "video/mp4", data[first:end], place)
        else:
            self._send(404, "text/plain", b"")

    def log_message(self, *_: object) -> None:
        pass

    def _send(
        self, status: int, kind: str, data: bytes, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        told = {"Content-Type": kind, "Content-Length": str(len(data)), "Accept-Ranges": "bytes"}
        for name, value in {**told, "Cache-Control": "no-store", **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
