from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from values import detections

from fearrefactor.core.outline import Outline, Tracing
from fearrefactor.core.placing import Scene
from fearrefactor.core.shapes import FINE, united
from fearrefactor.core.sightings import Track

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT, WIDTH, N_FRAMES = 30, 60, 20
GRID = HEIGHT * FINE, WIDTH * FINE
SIZE = 8

#: Frame, left edge of a square of ``SIZE`` cells, score, and how many of its rows the mask shows,
#: half of them at its top and half at its bottom; ``UPPER``: only the upper half of all.
Row: TypeAlias = tuple[int, int, float, int]
UPPER = -1


def square(left: int, shown: int = SIZE) -> NDArray[np.uint8]:
    bits = np.zeros((HEIGHT, WIDTH), np.uint8)
    bits[10 : 10 + shown // 2, left : left + SIZE] = 1
    bits[10 + SIZE - shown // 2 : 10 + SIZE, left : left + SIZE] = 1
    return bits


def upper_half(left: int) -> NDArray[np.uint8]:
    bits = square(left)
    bits[10 + SIZE // 2 :] = 0
    return bits


def fine(left: int) -> NDArray[np.bool_]:
    return square(left).repeat(FINE, axis=0).repeat(FINE, axis=1).astype(bool)


def outlines(
    rows: list[Row], spread: int = 1, extend: int = 0, cut: int = N_FRAMES
) -> dict[int, Outline]:
    """By frame, with confidence from 0.25 on and boxes around the whole square."""
    seen = detections(
        N_FRAMES,
        [
            (
                frame,
                0,
                score,
                (left, 10, left + SIZE, 10 + SIZE),
                upper_half(left) if shown == UPPER else square(left, shown),
            )
            for frame, left, score, shown in rows
        ],
    )
    scene = Scene(
        detections=seen,
        box=seen.box.astype(np.float64) * FINE,
        camera=np.zeros((N_FRAMES, 4)),
        grid=GRID,
        number=(np.arange(N_FRAMES) >= cut).astype(np.int64),
    )
    tracing = Tracing(Track(list(range(len(rows)))), scene, seen.score >= 0.25)
    found = list(tracing.outlines(spread, extend))
    frames = [outline.frame for outline in found]
    assert frames == sorted(set(frames))
    return {outline.frame: outline for outline in found}


def covered(outline: Outline) -> NDArray[np.bool_]:
    return united(outline.shapes).on(GRID)


def test_what_a_mask_lacks_is_lent_by_its_neighbours_where_the_thing_is_now() -> None:
    half = [(0, 4, 0.9, 8), (1, 7, 0.9, 4), (2, 10, 0.9, 8)]
    alone, lent = outlines(half, spread=0)[1], outlines(half, spread=1)[1]
    assert np.count_nonzero(covered(alone)) == SIZE * SIZE * FINE**2 // 2
    assert (covered(lent) == fine(7)).all()
    assert lent.provenance == "detected"


def test_a_mask_that_lacks_all_of_one_end_is_lent_all_of_it() -> None:
    found = outlines([(0, 4, 0.9, 8), (1, 7, 0.9, UPPER), (2, 10, 0.9, 8)])
    assert (covered(found[1]) & fine(7)).sum() == fine(7).sum()


def test_masks_that_lack_nothing_are_not_made_larger_by_their_neighbours() -> None:
    found = outlines([(i, 4 + 2 * i, 0.9, 8) for i in range(10)], spread=2)
    assert all((covered(found[i]) == fine(4 + 2 * i)).all() for i in range(10))


def test_a_gap_is_bridged_where_the_thing_must_be() -> None:
    found = outlines([(2, 4, 0.9, 8), (6, 20, 0.9, 8)])
    assert sorted(found) == [2, 3, 4, 5, 6]
    for frame in (3, 4, 5):
        assert found[frame].provenance == "bridged"
        assert (covered(found[frame]) == fine(4 + 4 * (frame - 2))).all()
        assert found[frame].unsure > 0
    assert found[4].unsure > found[3].unsure == found[5].unsure


def test_a_weak_sighting_of_a_mere_part_is_filled_up_from_the_clear_ones_around_it() -> None:
    found = outlines([(2, 4, 0.9, 8), (3, 8, 0.1, 2), (4, 12, 0.9, 8)], spread=0)
    assert found[3].provenance == "continued"
    assert (covered(found[3]) >= fine(8)).all()


def test_a_thing_is_looked_for_beyond_its_ends_along_its_way_and_where_it_stopped() -> None:
    found = outlines([(i, 2 * i, 0.9, 8) for i in range(6, 12)], extend=4)
    assert sorted(found) == list(range(2, 16))
    for frame in (3, 4, 13, 14):
        assert found[frame].provenance == "extended"
        outline = covered(found[frame])
        # Speed is not believed in full: what that costs is made up for by ``unsure``.
        wide = united(found[frame].shapes).widened(1).on(GRID)
        assert (wide >= fine(2 * frame)).all()
        assert (outline >= fine(12 if frame < 6 else 22)).all()


def test_extension_ends_with_the_scene_and_with_the_video() -> None:
    rows = [(i, 10, 0.9, 8) for i in range(2, 6)]
    assert sorted(outlines(rows, extend=9, cut=7)) == list(range(7))
    late = [(i, 10, 0.9, 8) for i in range(16, 19)]
    assert sorted(outlines(late, extend=9, cut=15)) == list(range(15, N_FRAMES))


def test_what_was_seen_once_and_hardly_is_looked_for_in_fewer_frames() -> None:
    def reach(*scores: float) -> int:
        rows = [(8 + i, 10, score, 8) for i, score in enumerate(scores)]
        return max(outlines(rows, extend=7)) - (7 + len(scores))

    assert reach(0.3) == 2
    assert reach(0.9) == 4
    assert reach(0.9, 0.9) == 7
    assert reach(0.3, 0.1, 0.1) == 2  # weak sightings are no witnesses


def test_what_leaves_the_picture_is_cut_off_at_its_border_only_when_drawn() -> None:
    found = outlines([(i, 40 + 2 * i, 0.9, 8) for i in range(6)], extend=6)
    assert (covered(found[8]) >= fine(56)).all()
