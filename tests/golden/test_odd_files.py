"""Every odd file that we could find, what comes of it, and what ffprobe says of that.

``docs/fidelity.md`` has a row for each: ``make fidelity`` writes it anew from what is found here.
"""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ffprobe import decoded, needs_ffprobe
from fidelity_page import INTRODUCTION, names_in, page, row_of_bad, row_of_good
from kept_properties import differences, strangers
from odd_outcomes import OUTCOMES, Bad, Good
from odd_walk import Seen, Walked, seen
from walk import frames_of

from fearrefactor.errors import FearRefactorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"
REWRITES = bool(os.environ.get("FIDELITY_WRITE"))
#: Pictures as small as this are looked at, of which the mask covers the middle half of each side.
SMALL = 40, 24
INSIDE = slice(9, 15), slice(14, 26)
OUTSIDE = slice(0, 4), slice(0, 40)


def named(kind: type[Good | Bad]) -> list[str]:
    return [name for name, outcome in OUTCOMES.items() if isinstance(outcome, kind)]


@pytest.fixture(scope="session")
def odd(shared_data: Path) -> Path:
    folder = shared_data / "odd"
    if not folder.is_dir():
        pytest.skip(f"needs the odd files in {folder}")
    return folder


@pytest.fixture(scope="session")
def rows() -> Iterator[dict[str, str]]:
    """The page's rows, by file; at the end they are written, where that was asked for."""
    found: dict[str, str] = {}
    yield found
    if REWRITES:
        assert found.keys() == OUTCOMES.keys(), "the page is written from a run over all files"
        PAGE.write_text(page(found[name] for name in OUTCOMES), "utf-8")


@pytest.fixture(scope="session")
def walked(
    odd: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Walked:
    return Walked(request.param, odd / request.param, tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="session")
def source(walked: Walked) -> Seen:
    """The file itself, as ffprobe sees it."""
    expected = OUTCOMES[walked.name]
    assert isinstance(expected, Good)
    return seen(walked.source, expected.video)


def test_the_table_names_every_odd_file(odd: Path) -> None:
    there = json.loads((odd / "PROBE.json").read_text("utf-8"))
    assert sorted(OUTCOMES) == sorted(name for name in there if (odd / name).is_file())


def test_the_table_counts_the_frames_that_another_reader_found(odd: Path) -> None:
    probed = json.loads((odd / "PROBE.json").read_text("utf-8"))
    for name, outcome in OUTCOMES.items():
        if isinstance(outcome, Good) and name != "torchcodec/nasa_13013.mp4":
            assert outcome.n_frames == probed[name]["av"], name


@pytest.mark.skipif(REWRITES, reason="the page is being written")
def test_the_page_has_its_introduction_and_a_row_for_every_file() -> None:
    text = PAGE.read_text("utf-8")
    assert text.startswith(INTRODUCTION)
    assert names_in(text) == list(OUTCOMES)


@pytest.mark.parametrize("walked", named(Bad), indirect=True)
def test_a_broken_file_is_refused_for_its_own_reason(walked: Walked, rows: dict[str, str]) -> None:
    expected = OUTCOMES[walked.name]
    assert isinstance(expected, Bad)

    def inspect() -> None:
        for _ in frames_of(walked.data, walked.index):
            pass

    with pytest.raises(FearRefactorError) as caught:
        inspect()
    assert caught.value.code == expected.code
    _note(rows, walked.name, row_of_bad(walked.name, expected.what, caught.value))


@pytest.mark.parametrize("walked", named(Good), indirect=True)
def test_an_odd_file_is_copied_and_masked_or_refused_by_name(walked: Walked) -> None:
    expected = OUTCOMES[walked.name]
    assert isinstance(expected, Good)
    info = walked.index.info
    assert (walked.index.n_frames, info.n_hidden_frames) == (expected.n_frames, expected.n_hidden)
    times = [frame.pts for frame in frames_of(walked.data, walked.index)]
    assert times == walked.index.pts.tolist()
    assert bool(walked.copied_frames("masked")) == expected.spliced, info.whole_because
    found = {way: walked.outcome(way) for way in walked.results}
    assert found == {way: expected.copy if way == "clean" else expected.mask for way in found}


@needs_ffprobe
@pytest.mark.parametrize("walked", named(Good), indirect=True)
def test_ffprobe_finds_all_that_is_to_be_kept_and_nothing_else(
    walked: Walked, source: Seen, rows: dict[str, str]
) -> None:
    expected = OUTCOMES[walked.name]
    assert isinstance(expected, Good)
    for way, path in walked.made.items():
        result = seen(path)
        # Matroska counts milliseconds
        tick_s = Fraction(1, 1000) if "matroska" in result.probe.container else Fraction(0)
        assert differences(source.kept, result.kept, tick_s) == {}, way
        assert strangers(result.probe) == [], way
        before, after = ([frame.digest for frame in file.frames] for file in (source, result))
        same = walked.copied_frames(way)
        assert [after[frame] for frame in same] == [before[frame] for frame in same]
    _note(rows, walked.name, row_of_good(walked.name, expected.what, walked, source.kept))


@needs_ffprobe
@pytest.mark.parametrize("walked", named(Good), indirect=True)
def test_ffmpeg_sees_the_mask_in_each_planned_frame_and_in_no_other(
    walked: Walked, source: Seen
) -> None:
    video = source.probe.streams[OUTCOMES[walked.name].video].index
    rendered = [way for way in walked.made if len(walked.copied_frames(way)) < len(source.frames)]
    before = _small(walked.source, video) if rendered else []
    for way in rendered:
        planned = walked.planned(way)
        after = _small(walked.made[way], 0)
        for frame, (old, new) in enumerate(zip(before, after, strict=True)):
            flat = float(new[INSIDE].std()) < 4
            changed = float(np.abs(new[INSIDE] - old[INSIDE]).max()) > 8
            assert (flat and changed) == (frame in planned), (way, frame)
            assert np.abs(new[OUTSIDE] - old[OUTSIDE]).mean() < 3, (way, frame)


def _small(path: Path, stream: int) -> list[NDArray[np.float64]]:
    """Every frame as ``(24, 40)`` gray levels."""
    form = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{SMALL[0]}x{SMALL[1]}")
    return [
        np.frombuffer(frame.data, np.uint8).reshape(SMALL[1], SMALL[0]).astype(np.float64)
        for frame in decoded(path, stream, form=form)
    ]


def _note(rows: dict[str, str], name: str, row: str) -> None:
    """Keep a row for the page; where the page is not being written, it must have that row."""
    rows[name] = row
    if not REWRITES:
        assert row in PAGE.read_text("utf-8").splitlines(), "make fidelity writes the page anew"
