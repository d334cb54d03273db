"""Ultralytics' segmentation predictor, whose network is made to have seen the marked thing."""

from __future__ import annotations

from typing import Any

from scripted import write_into
from ultralytics.models.yolo.segment import SegmentationPredictor

_postprocess = SegmentationPredictor.postprocess


def _scripted(self: Any, preds: Any, img: Any, orig_imgs: Any) -> Any:
    answers = preds[0] if isinstance(preds[0], tuple) else preds
    if img.shape[0] != 1:
        raise SystemExit(f"expected frames one by one, got a batch of {img.shape[0]}")
    write_into(answers[0], answers[1], img)
    return _postprocess(self, preds, img, orig_imgs)


def install() -> None:
    """From here on every predictor of this process is scripted; all that follows is its own."""
    SegmentationPredictor.postprocess = _scripted
