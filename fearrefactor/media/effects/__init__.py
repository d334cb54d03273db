"""The effects: one file each, and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fearrefactor.media.effects import (
    background_blur,
    background_image,
    blur,
    fill,
    mosaic,
    sticker,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fearrefactor.media.effects.brush import Apply

EFFECTS: Final[Mapping[str, Apply]] = {
    "blur": blur.apply,
    "mosaic": mosaic.apply,
    "fill": fill.apply,
    "background-blur": background_blur.apply,
    "background-image": background_image.apply,
    "sticker": sticker.apply,
}

#: Effects that read nothing of what they cover.
OPAQUE: Final = frozenset({"fill", "background-image", "sticker"})
