"""A Ray head on loopback in processes of its own, as ``ray start --head`` makes it, for tests."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nights import MARKER

if TYPE_CHECKING:
    from collections.abc import Mapping

START_LIMIT_S = 120.0


class RayHead:
    """``ray start --head --block`` with free ports; ends with everything it started."""

    def __init__(self, folder: Path, environment: Mapping[str, str], num_cpus: int = 2) -> None:
        self._folder = folder
        # Ray asks for a token as soon as any ray.init() has left one in the home directory; one of
        # our own makes the head the same on every machine.
        self._token = secrets.token_hex(32)
        asked = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self._token}
        self._environment = {**os.environ, **asked, **environment}
        self._num_cpus = num_cpus
        # The agent takes jobs; its usual port may be that of another Ray on this machine.
        ports = (_free_port() for _ in range(4))
        self._port, self._dashboard_port, self._agent_port, self._metrics_port = ports
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """For ``--ray-address``."""
        return f"127.0.0.1:{self._port}"

    @property
    def job_address(self) -> str:
        """For ``ray job submit --address``."""
        return f"http://127.0.0.1:{self._dashboard_port}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus would ask."""
        return f"http://127.0.0.1:{self._metrics_port}/metrics"

    @property
    def environment(self) -> Mapping[str, str]:
        """Of whoever is to talk to it: it holds the token."""
        return self._environment

    def __enter__(self) -> Self:
        log = (self._folder / "ray.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                [
                    str(Path(sys.executable).parent / "ray"),
                    *("start", "--head", "--block", f"--num-cpus={self._num_cpus}"),
                    *("--node-ip-address=127.0.0.1", f"--port={self._port}"),
                    *("--dashboard-host=127.0.0.1", f"--dashboard-port={self._dashboard_port}"),
                    f"--dashboard-agent-listen-port={self._agent_port}",
                    f"--metrics-export-port={self._metrics_port}",
                    f"--object-store-memory={256 << 20}",
                    "--disable-usage-stats",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        end = time.monotonic() + START_LIMIT_S
        while not self._is_ready():
            if time.monotonic() > end or self._process.poll() is not None:
                said = (self._folder / "ray.log").read_text(errors="replace")[-2000:]
                self.__exit__()
                raise RuntimeError(f"ray did not become ready:\n{said}")
            time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)  # --block ends the others first
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def submit(self, *entrypoint: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """``ray job submit --working-dir . -- …`` from the root of the project."""
        return self.job("submit", "--working-dir", ".", "--", *entrypoint, timeout_s=timeout_s)

    def job(self, what: str, *words: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """``ray job WHAT WORDS…`` from the root of the project."""
        return subprocess.run(
            [
                str(Path(sys.executable).parent / "ray"),
                *("job", what, "--address", self.job_address, *words),
            ],
            cwd=Path(__file__).resolve().parents[1],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def kill(self) -> None:
        """As a machine is lost: all of its processes at once, in whatever group they are.

        They are known by the head's token. So is a driver that is joined to it, which is elsewhere.
        """
        token, elsewhere = os.fsencode(self._token), os.fsencode(MARKER)
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # gone since, or not ours
                environment = (place / "environ").read_bytes()
                if token in environment and elsewhere not in environment:
                    os.kill(int(place.name), signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def _is_ready(self) -> bool:
        jobs = urllib.request.Request(  # noqa: S310 - our own http
            f"{self.job_address}/api/jobs/", headers={"Authorization": f"Bearer {self._token}"}
        )
        try:
            with (
                urllib.request.urlopen(jobs, timeout=2) as answer,  # noqa: S310
                socket.create_connection(("127.0.0.1", self._agent_port), timeout=2),
            ):
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
