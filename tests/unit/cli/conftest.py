"""A shell with a cache of its own, a model without a download, and films to mask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from lamp_clips import clip
from shell import Shell

from fearrefactor.vision.coco import COCO_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled models stay for the whole run of tests."""
    return tmp_path_factory.mktemp("models")


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
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A very small network of random weights with COCO's classes: it is surely sure of nothing."""
    import torch
    import ultralytics
    from ultralytics.nn.tasks import SegmentationModel

    models = Path(ultralytics.__file__).parent / "cfg" / "models"
    described = yaml.safe_load((models / "26" / "yolo26-seg.yaml").read_text("utf-8"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tiny = {"scale": "n", "scales": {"n": [0.3, 0.0625, 256]}}
        build: Any = SegmentationModel
        model = build({**described, **tiny}, verbose=False)
    model.names = dict(enumerate(COCO_CLASSES))
    path = tmp_path_factory.mktemp("model") / "random.pt"
    torch.save({"model": model}, path)
    return path


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``red.mp4``, ``deep/green.mp4`` and a text beside them."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "deep").mkdir()
    (folder / "red.mp4").write_bytes(clip({"red": range(24)}, 24))
    (folder / "deep" / "green.mp4").write_bytes(clip({"green": range(24)}, 24))
    (folder / "notes.txt").write_text("not a film", "utf-8")
    return folder
