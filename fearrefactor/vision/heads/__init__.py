"""How the answers of each kind of head are read. A new kind is one file, and a line in ``reader``.

A head is read in two steps, so that a GPU sends back only what matters: ``confident`` picks, on
whatever device the answers are, the rows that can reach the floor; ``HeadReader.read`` turns those
few rows, now on the CPU, into candidates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from fearrefactor.errors import ModelError
from fearrefactor.vision.heads.anchor_free import AnchorFree
from fearrefactor.vision.heads.anchors import Anchors
from fearrefactor.vision.heads.end_to_end import EndToEnd

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.vision.candidates import Candidates
    from fearrefactor.vision.network import Head


class HeadReader(Protocol):
    """Reads predictions of ``n_classes`` classes.

    ``overlapping`` says whether one thing is named several times. Predictions are numpy arrays or
    torch tensors: ``rows`` and ``bounds`` use only what both of them have.
    """

    n_classes: int
    n_columns: int
    overlapping: bool

    def rows(self, predictions: Any) -> Any:
        """Predictions as ``(b, n, n_columns)``, a row for each possible instance; a view."""
        ...

    def bounds(self, rows: Any) -> Any:
        """``(b, n, any)``: the score of a row is at most the largest of its bounds."""
        ...

    def read(self, rows: NDArray[np.float32]) -> Candidates:
        """``(m, n_columns)`` rows of one frame to candidates."""
        ...


def reader(head: Head, n_classes: int) -> HeadReader:
    """The reader for a kind of head, as ``Network.head`` names it."""
    kinds: dict[Head, type[Anchors | AnchorFree | EndToEnd]] = {
        "anchors": Anchors,
        "anchor_free": AnchorFree,
        "end_to_end": EndToEnd,
    }
    return kinds[head](n_classes)


#: Of a number in full precision.
_FULL_BYTES: Final = 4


def confident(
    head: HeadReader, predictions: Any, n_frames: int, score_floor: float
) -> tuple[Any, list[int]]:
    """Rows that can reach the floor, all frames in order, and how many belong to each frame.

    Raises:
        ModelError: another shape than the head's, or scores that are NaN, outside [0, 1] or all 0.
    """
    rows = head.rows(predictions) if predictions.ndim == 3 else predictions
    shape = tuple(rows.shape)
    if rows.ndim != 3 or shape[0] != n_frames or shape[2] != head.n_columns or not shape[1]:
        raise ModelError(
            f"expected rows ({n_frames}, n, {head.n_columns}) of {type(head).__name__}, got {shape}"
        )
    bounds = head.bounds(rows)
    lowest, highest = float(bounds.min()), float(bounds.max())
    if not 0 <= lowest <= highest <= 1:  # NaN compares false
        raise ModelError(f"expected scores in [0, 1], the model answered {lowest} to {highest}")
    # Of thousands of sigmoids none is ever exactly 0, but in half precision, where the surest noes
    # are: there only the canary tells.
    if highest == 0 and predictions.dtype.itemsize >= _FULL_BYTES:
        raise ModelError("expected scores, the model answered 0 everywhere: it is dead")
    keep = (bounds >= score_floor).any(-1)
    return rows[keep], keep.sum(-1).tolist()
