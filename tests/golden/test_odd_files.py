"""Every odd file that we could find, what comes of it, and what ffprobe says of that.

``docs/fidelity.md`` has a row for each: ``make fidelity`` writes it anew from what is found here.
"""

from __future__ import annotations

import hashlib
import json
import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ffprobe import Decoded, needs_ffprobe
from fidelity_page import INTRODUCTION, names_in, page, row_of_bad, row_of_good
from kept_properties import differences, strangers
from odd_outcomes import OUTCOMES, SLOW, Bad, Good
from odd_walk import SMALL, Seen, Walked
from walk import frames_of

from fearrefactor.errors import FearRefactorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"
REWRITES = bool(os.environ.get("FIDELITY_WRITE"))
#: Rows and columns of small pictures; the mask covers the middle half of each side.
INSIDE = slice(9, 15), slice(14, 26)
OUTSIDE = slice(0, 4), slice(0, 40)


def named(kind: type[Good | Bad]) -> list[object]:
    return [
        pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
        for name, outcome in OUTCOMES.items()
        if isinstance(outcome, kind)
    ]


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
def walks() -> dict[bytes, Walked]:
    """What came of each file, by its bytes: some files are odd by their name alone."""
    return {}


@pytest.fixture(scope="session")
def walked(
    odd: Path,
    name: str,
    walks: dict[bytes, Walked],
    tmp_path_factory: pytest.TempPathFactory,
) -> Walked:
    digest = hashlib.sha256((odd / name).read_bytes()).digest()
    if digest not in walks:
        walks[digest] = Walked(odd / name, tmp_path_factory.mktemp("odd"))
    return walks[digest]


@pytest.fixture(scope="session")
def source(name: str, walked: Walked) -> Seen:
    """The file itself, as ffprobe sees it."""
    expected = OUTCOMES[name]
    assert isinstance(expected, Good)
    return walked.original(expected.video)


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


@pytest.mark.parametrize("name", named(Bad), scope="session")
def test_a_broken_file_is_refused_for_its_own_reason(
    name: str, walked: Walked, rows: dict[str, str]
) -> None:
    expected = OUTCOMES[name]
    assert isinstance(expected, Bad)

    def inspect() -> None:
        for _ in frames_of(walked.data, walked.index):
            pass

    with pytest.raises(FearRefactorError) as caught:
        inspect()
    assert caught.value.code == expected.code
    _note(rows, name, row_of_bad(name, expected.what, caught.value))


@pytest.mark.parametrize("name", named(Good), scope="session")
def test_an_odd_file_is_copied_and_masked_or_refused_by_name(name: str, walked: Walked) -> None:
    expected = OUTCOMES[name]
    assert isinstance(expected, Good)
    info = walked.index.info
    assert (walked.index.n_frames, info.n_hidden_frames) == (expected.n_frames, expected.n_hidden)
    times, _ = walked.decoded
    assert times == walked.index.pts.tolist()
    assert bool(walked.copied_frames("masked")) == expected.spliced, info.whole_because
    found = {way: walked.outcome(way) for way in walked.results}
    assert found == {way: expected.copy if way == "clean" else expected.mask for way in found}


@needs_ffprobe
@pytest.mark.parametrize("name", named(Good), scope="session")
def test_ffprobe_finds_all_that_is_to_be_kept_and_nothing_else(
    name: str, walked: Walked, source: Seen, rows: dict[str, str]
) -> None:
    expected = OUTCOMES[name]
    assert isinstance(expected, Good)
    for way in walked.made:
        result = walked.seen(way)
        # Matroska counts milliseconds
        tick_s = Fraction(1, 1000) if "matroska" in result.probe.container else Fraction(0)
        assert differences(source.kept, result.kept, tick_s) == {}, way
        assert strangers(result.probe) == [], way
        before, after = ([frame.digest for frame in file.frames] for file in (source, result))
        same = walked.copied_frames(way)
        assert [after[frame] for frame in same] == [before[frame] for frame in same]
    _note(rows, name, row_of_good(name, expected.what, walked, source.kept))


@needs_ffprobe
@pytest.mark.parametrize("name", named(Good), scope="session")
def test_ffmpeg_sees_the_mask_in_each_planned_frame_and_in_no_other(
    walked: Walked, source: Seen
) -> None:
    for way in walked.made:
        planned, result = walked.planned(way), walked.seen(way)
        for number, (before, after) in enumerate(zip(source.frames, result.frames, strict=True)):
            old, new = _small(before), _small(after)
            flat = float(new[INSIDE].std()) < 4
            changed = float(np.abs(new[INSIDE] - old[INSIDE]).max()) > 8
            assert (flat and changed) == (number in planned), (way, number)
            assert np.abs(new[OUTSIDE] - old[OUTSIDE]).mean() < 3, (way, number)


def _small(frame: Decoded) -> NDArray[np.float64]:
    """``(24, 40)`` gray levels."""
    return np.frombuffer(frame.data, np.uint8).reshape(SMALL[::-1]).astype(np.float64)


def _note(rows: dict[str, str], name: str, row: str) -> None:
    """Keep a row for the page; where the page is not being written, it must have that row."""
    rows[name] = row
    if not REWRITES:
        assert row in PAGE.read_text("utf-8").splitlines(), "make fidelity writes the page anew"
