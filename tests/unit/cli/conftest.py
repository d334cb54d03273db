"""A shell with a cache of its own, and films to mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lamp_clips import clip
from shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def shell(model_cache: Path) -> Iterator[Shell]:
    """A shell whose environment is known, and restored afterwards."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FEARREFACTOR_CACHE", str(model_cache))
        environment.setenv("YOLO_CONFIG_DIR", str(model_cache))
        environment.setenv("YOLO_OFFLINE", "true")
        environment.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        environment.setenv("COLUMNS", "240")
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        environment.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
        yield Shell()


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``red.mp4``, ``deep/green.mp4`` and a text beside them."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "deep").mkdir()
    (folder / "red.mp4").write_bytes(clip({"red": range(24)}, 24))
    (folder / "deep" / "green.mp4").write_bytes(clip({"green": range(24)}, 24))
    (folder / "notes.txt").write_text("not a film", "utf-8")
    return folder
