"""A small picture of a masked frame, as it is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Why this moment is shown. ``first``: something is masked for the first time. ``most``: most of
#: the picture is. ``unsure``: masked, and not seen there with confidence. ``audit``: hidden better
#: after the audit had recognised it. ``typical``: none of these.
Why = Literal["first", "most", "unsure", "audit", "typical"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame that is worth a look."""

    frame: int
    why: Why


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """``jpeg`` shows ``moment`` of the result upright, ``width_px`` × ``height_px``.

    ``time_s`` counts from the zero of the source's clock, as in all logs.
    """

    moment: Moment
    time_s: float
    width_px: int
    height_px: int
    jpeg: bytes
