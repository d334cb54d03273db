"""A model that the command line takes, without a download: a file of random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from fearrefactor.vision.coco import COCO_CLASSES


def save_random_network(path: Path) -> None:
    """Write a very small network with COCO's classes to ``path``: it is surely sure of nothing."""
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
    torch.save({"model": model}, path)
