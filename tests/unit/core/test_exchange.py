"""One thing stands still and another one crosses it, and both are lost for a while."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from moving import CANVAS, N_FRAMES, Motion, Thing, seen, uncovered
from values import CARD

from fearrefactor.core.decide import decide
from fearrefactor.core.exchange import exchanges
from fearrefactor.core.policy import Policy
from fearrefactor.core.sightings import Sightings, Track

POLICY = Policy.model_validate({"rules": [{"classes": ["person"]}]})
STILL = Motion(place=(50, 28), half_width=5)
# How the other one crosses it, and frames in which the still one and the other are lost.
CROSSINGS = [
    ({"middle": 8, "speed": 0.1, "way": 1.0}, ({0, 1, 2, 3, 4}, {2})),
    ({"middle": 8, "speed": 0.2, "way": 2.0}, ({0, 1}, {2})),
    ({"middle": 4, "speed": 0.1, "way": 2.0}, ({0, 1, 2, 3}, {5})),
    ({"middle": 6, "speed": 0.2, "way": 4.0}, ({0, 1, 2, 3, 4}, {6})),
    ({"middle": 5, "speed": 0.25, "way": 3.0}, ({7}, {0, 1, 2, 3, 4})),
    ({"middle": 7, "speed": 0.15, "way": 5.0}, ({4}, {0, 1, 2, 3, 4})),
]


@pytest.mark.parametrize("step", [1, -1], ids=["forward", "backward"])
@pytest.mark.parametrize(("crossing", "lost"), CROSSINGS)
def test_what_a_track_shows_before_it_goes_over_to_another_thing_is_covered_on_both(
    crossing: dict[str, Any], lost: tuple[set[int], set[int]], step: int
) -> None:
    paths = [STILL.path()[::step], replace(STILL, **crossing).path()[::step]]
    times = range(N_FRAMES)[::step]
    things = [Thing(path) for path in paths]
    scores = [{times[frame]: 0.0 for frame in frames} for frames in lost]
    assert uncovered(decide(seen(things, scores), POLICY, CARD, CANVAS), things) == []


def sightings(boxes: list[tuple[int, float]]) -> Sightings:
    """Boxes of 10 × 10, by frame and left side, all of them strong, in one scene."""
    box = np.array([(left, 0, left + 10, 10) for _, left in boxes], np.float64)
    yes, no = np.ones(len(boxes), bool), np.zeros(len(boxes), bool)
    return Sightings(
        frame=np.array([frame for frame, _ in boxes]),
        box=box,
        score=np.full(len(boxes), 0.9, np.float32),
        strong=yes,
        weak=no,
        renamed=no,
        scene=np.zeros(40, np.int64),
    )


def test_a_track_that_jumps_away_from_where_another_one_begins_may_have_gone_over_to_it() -> None:
    jumping = [(0, 0.0), (1, 1.0), (2, 2.0), (3, 9.0), (4, 9.0), (5, 9.0)]
    seen_here = sightings([*jumping, (5, 4.0), (6, 5.0)])
    first, second = Track([0, 1, 2, 3, 4, 5]), Track([6, 7])
    found = list(exchanges([first, second], seen_here, max_gap_frames=10))
    assert [track for track, places in found if 3 in places] == [first]


def test_a_track_that_jumps_alone_has_not_gone_over_to_another_thing() -> None:
    jumping = [(0, 0.0), (1, 1.0), (2, 2.0), (3, 6.0), (4, 6.0), (5, 6.0)]
    far = [(5, 300.0), (6, 300.0)]
    tracks = [Track([0, 1, 2, 3, 4, 5]), Track([6, 7])]
    assert list(exchanges(tracks, sightings([*jumping, *far]), max_gap_frames=10)) == []


def test_a_track_that_goes_on_as_foreseen_keeps_its_thing_where_another_one_begins() -> None:
    steady = [(frame, 2.0 * frame) for frame in range(8)]
    tracks = [Track(list(range(8))), Track([8, 9])]
    seen_here = sightings([*steady, (4, 12.0), (5, 12.0)])
    assert list(exchanges(tracks, seen_here, max_gap_frames=10)) == []


def test_two_tracks_that_are_there_all_the_time_exchange_nothing() -> None:
    jumping = [(frame, 0.0 if frame < 20 else 5.0) for frame in range(40)]
    steady = [(frame, 3.0) for frame in range(40)]
    tracks = [Track(list(range(40))), Track(list(range(40, 80)))]
    assert list(exchanges(tracks, sightings([*jumping, *steady]), max_gap_frames=10)) == []
