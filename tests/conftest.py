"""What tests of several rooms share: a real S3 server, and a bucket of one's own on it."""

from __future__ import annotations

import ctypes
import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from intruders import Listener
from s3_server import S3Server

from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where this is set, each of the many processes that tests start compiles torch anew: 5 s of a core.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Small networks on a busy machine run ten times longer with a thread per core.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def _stay_ordinary() -> None:
    """Give up root's right to real time.

    SVT-AV1, of which synthetic films are made, takes it for the process that calls it, and all
    that tests start inherit it: two of them that spin then stop a machine of two cores.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    if sys.platform == "linux" and libc.capget(header, held) == 0:
        for place in range(3):
            held[place] &= ~(1 << 23)  # CAP_SYS_NICE
        libc.capset(header, held)


_stay_ordinary()

#: A deadline for each example measures how busy the machine is.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all tests of a run, on free ports of loopback."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A server of ours that counts who asks it for anything."""
    server = Listener()
    yield server
    server.close()


@pytest.fixture
def local_ray() -> None:
    """The Ray of this process: starting one takes seconds, so that all tests share it."""
    from local_ray import start_ray

    start_ray()


@pytest.fixture
def no_ray() -> None:
    """No Ray in this process, for a test in which one is started."""
    import ray

    ray.shutdown()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; a test that asks is skipped where it is not."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs real data in {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled models stay for the whole run of tests."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that the command line takes, without a download."""
    path = tmp_path_factory.mktemp("model") / "random.pt"
    from random_network import save_random_network

    save_random_network(path)
    return path


@pytest.fixture
def s3_settings(s3_server: S3Server) -> S3Settings:
    """How to reach the server."""
    return S3Settings(endpoint_url=s3_server.endpoint_url, region="us-east-1")


@pytest.fixture
def s3_bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a fresh bucket; the environment holds the credentials, as on a cluster."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    client = s3_server.client()
    client.create_bucket(Bucket=bucket)
    yield bucket
    client.delete_bucket(Bucket=bucket)  # this server removes what is in it, too
