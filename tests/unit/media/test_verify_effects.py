from __future__ import annotations

import av
import numpy as np
import pytest
import synthetic
from walk import index_of, middle

from fearrefactor.core.plan import Region
from fearrefactor.core.policy import PICTURED, Effect
from fearrefactor.errors import FidelityError
from fearrefactor.media import render
from fearrefactor.media.effects import EFFECTS
from fearrefactor.media.verify_effects import prove_effect

INFO = index_of(synthetic.plain(n_frames=2)).info
UNPICTURED = sorted(set(EFFECTS) - set(PICTURED))


def flat(pix_fmt: str = "yuv420p") -> av.VideoFrame:
    grey = np.full((INFO.height_px, INFO.width_px, 3), 114, np.uint8)
    return av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=pix_fmt)


def region(kind: str) -> Region:
    return Region(Effect.model_validate({"kind": kind}), middle().mask, 40.0)


@pytest.mark.parametrize("kind", UNPICTURED)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "gray"])
def test_an_effect_shows_on_noise_also_where_the_picture_is_flat(kind: str, pix_fmt: str) -> None:
    info = INFO.model_copy(update={"pix_fmt": pix_fmt})
    prove_effect(flat(pix_fmt), region(kind), info)


def test_an_effect_that_changes_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "composite", lambda *_: None)
    with pytest.raises(FidelityError, match="the effect blur changes nothing, not even noise"):
        prove_effect(flat(), region("blur"), INFO)
