"""Static HDR metadata: the display on which a film was graded, and how bright the film gets."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from fearrefactor.core.timeline import Ratio  # noqa: TC001 - pydantic reads it at run time


class MasteringDisplay(BaseModel):
    """The display on which a film was graded (SMPTE ST 2086).

    Colours are CIE 1931 chromaticities ``(x, y)``, luminances are in cd/m².
    """

    model_config = ConfigDict(frozen=True)

    red: tuple[Ratio, Ratio]
    green: tuple[Ratio, Ratio]
    blue: tuple[Ratio, Ratio]
    white: tuple[Ratio, Ratio]
    min_luminance: Ratio
    max_luminance: Ratio


class ContentLight(BaseModel):
    """The brightest pixel of a film and the highest average of a frame, in cd/m² (CTA-861.3)."""

    model_config = ConfigDict(frozen=True)

    max_pixel: int
    max_average: int
