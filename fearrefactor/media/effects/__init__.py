"""The effects: one file each, and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fearrefactor.media.effects import blur, fill, mosaic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fearrefactor.media.effects.brush import Apply

EFFECTS: Final[Mapping[str, Apply]] = {
    "blur": blur.apply,
    "mosaic": mosaic.apply,
    "fill": fill.apply,
}

#: Effects that read nothing of what they cover.
OPAQUE: Final = frozenset({"fill"})
