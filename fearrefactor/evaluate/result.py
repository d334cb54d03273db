"""An evaluation as numbers for people, for programs and for files."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from fearrefactor.evaluate.measure import MASKINGS, Masking
from fearrefactor.evaluate.scores import CONFIDENCES, Coverage, Curve, Score, curve, score, total

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fearrefactor.evaluate.measure import Measured
    from fearrefactor.evaluate.run import Evaluation


@dataclass(frozen=True)
class Result:
    """Scores of each sequence and of all, by masking; images have one of all only.

    ``curve`` is None if the object is in no frame. ``highest_mean`` and ``highest_worst``: the
    highest confidence at which single-frame masks have the wanted recall on average, and in every
    frame; None where even the lowest has not.
    """

    sequences: Mapping[str, Mapping[Masking, Score]]
    total: Mapping[Masking, Score]
    curve: Curve | None
    wanted: float
    highest_mean: float | None
    highest_worst: float | None


def summarise(evaluation: Evaluation, wanted: float) -> Result:
    """Scores, totals and the curve, with the confidence at which ``wanted`` recall is reached."""
    measured = evaluation.measured
    sequences: dict[str, dict[Masking, Score]] = {}
    if evaluation.follow:
        for one in measured:
            sequences[one.name] = {kind: score(one.coverage[kind]) for kind in MASKINGS}
        totals = {kind: total([by[kind] for by in sequences.values()]) for kind in MASKINGS}
    else:
        totals = {
            kind: score(_together([one.coverage[kind] for one in measured]), follow=False)
            for kind in MASKINGS
        }
    drawn = curve(
        np.concatenate([one.single_hit_px for one in measured]),
        np.concatenate([one.coverage["single"].object_px for one in measured]),
    )
    return Result(
        sequences,
        totals,
        drawn,
        wanted,
        drawn.highest_confidence(wanted, drawn.mean) if drawn else None,
        drawn.highest_confidence(wanted, drawn.worst) if drawn else None,
    )


def as_json(evaluation: Evaluation, result: Result) -> dict[str, Any]:
    """Everything but single frames, as plain values."""
    classes = {one.name: list(one.classes) for one in evaluation.measured}
    told = result.curve
    return {
        "sequences": [
            {
                "name": name,
                "classes": classes[name],
                **{kind: asdict(by_kind[kind]) for kind in MASKINGS},
            }
            for name, by_kind in result.sequences.items()
        ],
        "total": {kind: asdict(result.total[kind]) for kind in MASKINGS},
        "curve": told
        and {
            "confidence": [round(float(value), 2) for value in CONFIDENCES],
            "mean_recall": told.mean.tolist(),
            "worst_recall": told.worst.tolist(),
            "exposed_frames": told.exposed.tolist(),
        },
        "highest_confidence": {
            "wanted_recall": result.wanted,
            "mean": result.highest_mean,
            "worst_frame": result.highest_worst,
        },
        "average_precision": evaluation.precision and asdict(evaluation.precision),
        "left_out": list(evaluation.left_out),
    }


def frame_columns(measured: Sequence[Measured]) -> Iterator[dict[str, Any]]:
    """Columns of ``frames.parquet``, for each video and masking."""
    for one in measured:
        for kind in MASKINGS:
            coverage = one.coverage[kind]
            n = len(one.frames)
            yield {
                "sequence": [one.name] * n,
                "frame": one.frames,
                "masking": [kind] * n,
                "picture_px": coverage.picture_px,
                "object_px": coverage.object_px,
                "masked_px": coverage.masked_px,
                "hit_px": coverage.hit_px,
                "j": coverage.j,
                "recall": [None if np.isnan(value) else value for value in coverage.recall],
                "exposed": coverage.exposed,
            }


def _together(parts: Sequence[Coverage]) -> Coverage:
    names = [field.name for field in fields(Coverage)]
    return Coverage(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
