"""The environment, read once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fearrefactor.pipeline.log_lines import LogSettings, has_begun_logging, start_logging
from fearrefactor.storage.locations import locate, open_store
from fearrefactor.storage.s3 import S3Settings
from fearrefactor.vision.catalog import ModelFile, cache_dir, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.storage.objects import ObjectStore

#: Leaves ten of the thirty seconds that clusters allow a process for leaving.
STOP_GRACE_S: Final = 20.0


@dataclass(frozen=True)
class Environment:
    """Where models are kept, how S3 is reached, whether a Ray job started us.

    ``stop_grace_s``: how long videos in hand may still take when this process is asked to leave.
    """

    cache: Path
    s3: S3Settings
    is_ray_job: bool
    n_cores: int
    stop_grace_s: float = STOP_GRACE_S

    def store(self, root: str) -> ObjectStore:
        """The store of a ``Location.store_root``."""
        return open_store(root, self.s3)

    def read_text(self, uri: str) -> str:
        """A small text file from anywhere."""
        place = locate(uri)
        with self.store(place.store_root).open(place.key) as reader:
            return reader.read().decode("utf-8", "replace")

    def read_bytes(self, uri: str, limit_bytes: int) -> bytes:
        """The first bytes of a file from anywhere, at most so many."""
        place = locate(uri)
        with self.store(place.store_root).open(place.key) as reader:
            return reader.read(limit_bytes)

    def model(self, spec: str) -> ModelFile:
        """A model by name, path or ``s3://`` address."""
        if not spec.startswith("s3://"):
            return resolve(spec, self.cache)
        place = locate(spec)
        store = self.store(place.store_root)
        pinned = store.stat(place.key)
        version = "".join(char for char in pinned.etag if char.isalnum())
        path = self.cache / "from-s3" / version[:64] / place.key.rsplit("/", 1)[-1]
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
            with store.open(place.key, pinned) as reader, partial.open("wb") as file:
                while piece := reader.read(1 << 22):
                    file.write(piece)
            partial.replace(path)
        return resolve(str(path), self.cache)


def read_environment() -> Environment:
    """As the process finds it now. Boto3 reads credentials and endpoint by its own rules."""
    # Ultralytics writes a settings file on import, and may phone home: neither is wanted.
    os.environ.setdefault("YOLO_CONFIG_DIR", str(cache_dir(os.environ)))
    os.environ.setdefault("YOLO_OFFLINE", "true")
    # Ray warns on every start about a variable that it sets itself.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if not has_begun_logging():  # a run has, as it was asked to
        start_logging(LogSettings())
    is_ray_job = "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ
    return Environment(
        cache=cache_dir(os.environ),
        s3=S3Settings(
            endpoint_url=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        ),
        is_ray_job=is_ray_job,
        n_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        stop_grace_s=_grace_of_ray() if is_ray_job else STOP_GRACE_S,
    )


def _grace_of_ray() -> float:
    """``ray job stop`` kills what has not left after so many seconds; two are for leaving."""
    try:
        wait_s = float(os.environ.get("RAY_JOB_STOP_WAIT_TIME_S", ""))
    except ValueError:
        wait_s = 3.0  # Ray's own default
    return min(STOP_GRACE_S, max(0.5, wait_s - 2))
