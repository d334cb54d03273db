"""What a detection log says of scores, without boxes and masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fearrefactor.storage.detection_log import SCHEMA
from fearrefactor.storage.parquet_file import opened

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_scores(path: Path) -> dict[str, NDArray[np.float64]]:
    """The scores of all things that were seen, by class, each ``(n,)`` in [0, 1].

    Raises:
        NotFoundError: there is no such file.
        StoreError: it is damaged, or is not such a file.
    """
    with opened(path, SCHEMA) as file:
        table = file.read(columns=["class", "score"])
    scores = table["score"].to_numpy().astype(np.float64)
    names = table["class"].to_numpy().astype(str)
    return {str(name): scores[names == name] for name in np.unique(names)}
