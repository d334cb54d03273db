"""What a model is shown when it is loaded, before it is believed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from fearrefactor.errors import InputError, MediaError
from fearrefactor.vision.canary import Shown
from fearrefactor.vision.pictures import known_pictures

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

#: Longer side of the known pictures in pixels: small enough to stand in the input of nearly every
#: video, and the men in them are still seen with 0.85.
_KNOWN_SIDE: Final = 256


def shown(chosen: Path | None, long_side: int) -> Shown:
    """The pictures for a model with an input of ``long_side`` pixels, or the one that was chosen.

    They are decoded in this process: they come from its own packages or from its own user.

    Raises:
        InputError: the chosen file is no picture that can be read.
        ModelError: the known ones are not where they should be.
    """
    if chosen is None:
        return Shown(_known())
    from fearrefactor.media.letterboxed import letterboxed  # FFmpeg, which workers never load

    try:
        picture = letterboxed(chosen.read_bytes(), long_side)
    except (OSError, MediaError) as error:
        raise InputError(f"{chosen} is no picture to test a model with: {error}") from error
    return Shown((picture,), str(chosen))


@cache
def _known() -> tuple[NDArray[np.uint8], ...]:
    from fearrefactor.media.letterboxed import letterboxed

    return tuple(letterboxed(data, _KNOWN_SIDE) for data in known_pictures())
