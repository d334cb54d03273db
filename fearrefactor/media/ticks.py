"""Times by two clocks, held against each other without rounding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import NDArray


def apart_s(
    times: Sequence[int] | NDArray[np.int64],
    time_base: Fraction,
    others: Sequence[int] | NDArray[np.int64],
    other_base: Fraction,
) -> NDArray[np.float64]:
    """``(n,)`` seconds from each of ``others`` to each of ``times``: 0 where they are equal."""
    if time_base == other_base:
        ticks = np.asarray(times, np.int64) - np.asarray(others, np.int64)
        return ticks.astype(np.float64) * float(time_base)
    # In ticks of a clock that both clocks' ticks are whole numbers of: they outgrow 64 bits.
    denominator = math.lcm(time_base.denominator, other_base.denominator)
    one = np.array(times, object) * int(time_base * denominator)
    other = np.array(others, object) * int(other_base * denominator)
    apart: NDArray[np.float64] = (one - other).astype(np.float64) / denominator
    return apart
