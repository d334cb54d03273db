from __future__ import annotations

import json

import numpy as np
import pytest

from fearrefactor.core.plan import MaskPlan, Region, regions_as_json, regions_from_json
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import encode

SPOT = encode(np.eye(6, dtype=np.uint8)[None])[0]
SEEN = Region(Effect(), SPOT, 24.0, "detected", 3, 1, 0.75)
PLACE = Region(Effect(kind="fill"), SPOT, 10.0, "always")


def test_a_plan_is_handed_out_by_runs_of_frames() -> None:
    plan = MaskPlan(10, dict.fromkeys((1, 4, 5, 9), (SEEN,)))
    assert plan.n_masked_frames == 4
    assert sorted(plan.between(0, 4)) == [1]
    assert sorted(plan.between(4, 9)) == [4, 5]
    assert plan.between(6, 9) == {}


@pytest.mark.parametrize("frame", [-1, 10])
def test_a_plan_for_frames_that_do_not_exist_is_refused(frame: int) -> None:
    with pytest.raises(ValueError, match=r"\[0, 10\)"):
        MaskPlan(10, {frame: (SEEN,)})


def test_a_plan_lists_no_frame_without_regions() -> None:
    with pytest.raises(ValueError, match="regions each"):
        MaskPlan(10, {3: ()})


def test_regions_come_back_from_json_and_an_effect_is_said_once() -> None:
    regions = {4: (SEEN, PLACE), 7: (SEEN,)}
    told = regions_as_json(regions)
    assert len(told["effects"]) == 2
    assert regions_from_json(json.loads(json.dumps(told))) == regions
