"""What a mask plan says without its masks: what is masked when and why, in a few milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter

from fearrefactor.core.plan import Provenance
from fearrefactor.core.policy import Effect
from fearrefactor.core.timeline import seconds
from fearrefactor.errors import StoreError
from fearrefactor.storage.parquet_file import metadata_of, opened
from fearrefactor.storage.plan_log import METADATA_KEYS, SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: ``PlanColumns.provenance`` counts these.
PROVENANCES: Final[tuple[Provenance, ...]] = get_args(Provenance)
_COLUMNS: Final = ("frame", "time_s", "track", "class", "provenance", "score", "effect")
_MOST_TRACKS: Final = 1 << 31
_EFFECTS = TypeAdapter(tuple[Effect, ...])


@dataclass(frozen=True)
class PlanColumns:
    """A row per region and frame, in the order of frames; all arrays are ``(n_rows,)``.

    ``frame`` and ``track`` (-1 where there is none) int64; ``time_s`` float64, seconds from the
    video's first frame; ``class_number`` int64 counts ``classes``, -1 where there is none;
    ``provenance`` int64 counts ``PROVENANCES``, ``effect`` int64 ``effects``; ``score`` float64.
    """

    video_id: str
    work_id: str
    n_frames: int
    effects: tuple[Effect, ...]
    classes: tuple[str, ...]
    frame: NDArray[np.int64]
    time_s: NDArray[np.float64]
    track: NDArray[np.int64]
    class_number: NDArray[np.int64]
    provenance: NDArray[np.int64]
    score: NDArray[np.float64]
    effect: NDArray[np.int64]


def read_plan_columns(path: Path) -> PlanColumns:
    """What ``write_plan`` was given, but for the masks.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, or is not such a file.
    """
    with opened(path, SCHEMA) as file:
        table = file.read(columns=list(_COLUMNS))
        said = metadata_of(file, path, METADATA_KEYS)
    try:
        start_s = seconds(int(said["start_pts"]), Fraction(said["time_base"]))
        class_number, classes = _numbered(table["class"])
        given, names = _numbered(table["provenance"])
        provenance = np.array([PROVENANCES.index(name) for name in names], np.int64)[given]
        found = PlanColumns(
            video_id=said["video_id"],
            work_id=said["work_id"],
            n_frames=int(said["n_frames"]),
            effects=_EFFECTS.validate_json(said["effects"]),
            classes=classes,
            frame=table["frame"].to_numpy(),
            time_s=table["time_s"].to_numpy() - start_s,
            track=table["track"].to_numpy(),
            class_number=class_number,
            provenance=provenance,
            score=table["score"].to_numpy(),
            effect=table["effect"].to_numpy().astype(np.int64),
        )
        _check(found)
    except (ValueError, ZeroDivisionError) as error:
        raise StoreError(f"{path} holds no valid mask plan: {error}") from error
    return found


def _numbered(column: Any) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """A dictionary column as numbers, -1 for null, and what they count."""
    whole = pa.chunked_array(column).unify_dictionaries() if column.num_chunks else column
    if not whole.num_chunks:
        return np.empty(0, np.int64), ()
    numbers = pa.chunked_array([chunk.indices for chunk in whole.chunks])
    names = tuple(whole.chunk(0).dictionary.to_pylist())
    return pc.fill_null(numbers, -1).to_numpy().astype(np.int64), names


def _check(found: PlanColumns) -> None:
    """The laws that those who read the columns rely on."""
    if not len(found.frame):
        return
    ascending = bool(np.all(np.diff(found.frame) >= 0))
    if not (ascending and found.frame[0] >= 0 and found.frame[-1] < found.n_frames):
        raise ValueError(f"expected ascending frames in [0, {found.n_frames})")
    if found.effect.min() < 0 or found.effect.max() >= len(found.effects):
        raise ValueError(f"expected effects below {len(found.effects)}")
    if found.track.min() < -1 or found.track.max() >= _MOST_TRACKS:
        raise ValueError(f"expected tracks from -1 to below {_MOST_TRACKS}")
    finite = np.isfinite(found.time_s).all() and np.isfinite(found.score).all()
    if not (finite and np.all(np.diff(found.time_s) >= 0)):
        raise ValueError("expected finite scores and ascending times")
