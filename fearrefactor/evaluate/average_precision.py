"""COCO's average precision of instance masks, as pycocotools computes it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fearrefactor.core.rle import encode
from fearrefactor.media.annotation import outlined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fearrefactor.evaluate.coco_file import Content
    from fearrefactor.evaluate.look import Watched


@dataclass(frozen=True)
class AveragePrecision:
    """Over IoU .50 to .95, at .50 and at .75; None where no class has anything to be found."""

    ap: float | None
    ap50: float | None
    ap75: float | None


def results(image_id: int, seen: Watched, category_of: Mapping[int, int]) -> list[dict[str, Any]]:
    """Instances of one image as COCO results, with the outlines that the model gave them.

    ``category_of`` maps the model's classes to the data set's; others are left out.
    """
    found = []
    for row, (class_id, score) in enumerate(
        zip(seen.detections.class_id.tolist(), seen.detections.score.tolist(), strict=True)
    ):
        if class_id not in category_of:
            continue
        (mask,) = encode(outlined(seen.detections.mask[row], seen.info)[None])
        found.append(
            {
                "image_id": image_id,
                "category_id": category_of[class_id],
                "segmentation": {"size": [mask.height, mask.width], "counts": mask.counts},
                "score": score,
            }
        )
    return found


def average_precision(
    content: Content, category_ids: Sequence[int], found: list[dict[str, Any]]
) -> AveragePrecision:
    """AP of ``found`` over all images of ``content``, mean over the categories."""
    wanted = set(category_ids)
    said = content.model_dump()
    said["annotations"] = [one for one in said["annotations"] if one["category_id"] in wanted]
    if not any(not one["iscrowd"] for one in said["annotations"]):
        return AveragePrecision(None, None, None)
    if not found:
        return AveragePrecision(0.0, 0.0, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools tells of its every step
        truth = COCO()
        truth.dataset = said
        truth.createIndex()
        judge: Any = COCOeval(truth, truth.loadRes(found), "segm")
        judge.params.catIds = sorted(wanted)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return AveragePrecision(*(float(value) for value in judge.stats[:3]))
