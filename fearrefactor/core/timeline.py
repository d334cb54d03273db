"""Exact time: integer presentation timestamps, ``Fraction`` time bases, half-open spans."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

#: A ``Fraction`` that travels through JSON as ``"30000/1001"``.
Ratio = Annotated[Fraction, BeforeValidator(Fraction), PlainSerializer(str, return_type=str)]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open run ``[start_pts, end_pts)`` of integer timestamps in one time base."""

    start_pts: int
    end_pts: int

    def __post_init__(self) -> None:
        if self.end_pts < self.start_pts:
            msg = f"expected start_pts <= end_pts, got [{self.start_pts}, {self.end_pts})"
            raise ValueError(msg)

    def __contains__(self, pts: int) -> bool:
        return self.start_pts <= pts < self.end_pts


def seconds(pts: int, time_base: Fraction) -> float:
    """``pts`` in seconds; floats are for logs and people, never for arithmetic."""
    return float(pts * time_base)
