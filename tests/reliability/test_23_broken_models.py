"""Try 23: models that do not do their work; what they have not looked at is not published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from invariants import assert_invariants, find_leaks
from lamp_clips import clip
from nights import Night, films, rows_in
from stub_model import (
    BlindModel,
    DecliningModel,
    MuteModel,
    NanModel,
    OddMasksModel,
    RaisingModel,
    ShortModel,
    TouchyModel,
    watched,
)

from fearrefactor.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from conftest import Trial

    from fearrefactor.vision.segmenter import Segmenter

BROKEN = {
    "raises what nobody foresaw": (RaisingModel(), "internal"),
    "raises": (RaisingModel(error=ModelError("it broke")), "model_error"),
    "NaN": (NanModel(), "model_error"),
    "no answer": (MuteModel(), "model_error"),
    "wrong shape": (OddMasksModel(), "model_error"),
    "short batch": (ShortModel(), "model_error"),
    "silent zeros": (BlindModel(), "model_error"),
}
each_of_them = pytest.mark.parametrize(("model", "code"), BROKEN.values(), ids=BROKEN)


@each_of_them
def test_of_a_model_that_is_broken_from_the_start_nothing_is_published(
    tmp_path: Path, tried: Trial, *, model: Segmenter, code: str
) -> None:
    night = night_over(rows_in(tmp_path / "films", films(3)), tmp_path, model)
    night.run()
    reports = assert_invariants(night)
    assert [(told.outcome, told.code) for told in reports] == [("failed", code)] * 3
    assert [found.key for found in night.store().list("videos/")] == []
    tried("3 films each", "broken from the start: 0 published")


@each_of_them
def test_of_a_model_that_breaks_on_the_way_nothing_is_published_from_then_on(
    tmp_path: Path, tried: Trial, *, model: Segmenter, code: str
) -> None:
    # The first film takes 24 frames and, for the audit, a few more of what was masked.
    declining = DecliningModel(then=model, n_frames=40)
    night = night_over(rows_in(tmp_path / "films", films(3)), tmp_path, declining)
    night.run()
    reports = assert_invariants(night)
    codes = {told.id: told.code for told in reports}
    assert codes == {"film-00000": None, "film-00001": code, "film-00002": code}
    assert len(list(night.store().list("videos/"))) == 1
    tried("3 films each", "broken after 40 frames: 0 published from then on")


@pytest.mark.parametrize(
    ("model", "code"),
    [told for what, told in BROKEN.items() if what != "silent zeros"],
    ids=[what for what in BROKEN if what != "silent zeros"],
)
def test_a_model_that_is_broken_for_one_film_harms_no_other(
    tmp_path: Path, tried: Trial, *, model: Segmenter, code: str
) -> None:
    touched = clip({"red": range(24), "blue": range(13, 17)}, 24, seed=9, barred=True)
    before, *after = films(4)
    rows = rows_in(tmp_path / "films", [before, touched, *after])
    night = night_over(rows, tmp_path, TouchyModel(then=model))
    night.run()
    codes = {told.id: told.code for told in assert_invariants(night)}
    assert codes.pop("film-00001") == code
    assert set(codes.values()) == {None}
    assert len(list(night.store().list("videos/"))) == 4
    tried("5 films each", "broken for one film: the others done")


def test_without_a_canary_a_blind_model_would_be_believed(tmp_path: Path) -> None:
    night = Night(str(tmp_path / "out"), rows_in(tmp_path / "films", films(1)), model=BlindModel())
    _, reports = night.run()
    assert [told.outcome for told in reports] == ["clean"]
    assert len(find_leaks(night.store())) == 24


@pytest.mark.timeout(300)
@pytest.mark.parametrize("then", [BlindModel(), NanModel()], ids=["silent zeros", "NaN"])
def test_a_model_that_breaks_in_every_process_costs_time_and_no_row(
    tmp_path: Path, tried: Trial, *, then: Segmenter
) -> None:
    rows = rows_in(tmp_path / "films", films(6))
    model = watched(DecliningModel(then=then, n_frames=40))
    night = Night(str(tmp_path / "out"), rows, model=model, workers=2)
    night.run()
    reports = assert_invariants(night)
    assert [told.outcome for told in reports] == ["masked"] * 6, [told.reason for told in reports]
    tried("6 films on 2 workers", "every model breaks after 40 frames: 0 failed")


def night_over(rows: Sequence[Mapping[str, object]], folder: Path, model: Segmenter) -> Night:
    """A night with a model that is watched as those of the catalog are."""
    return Night(str(folder / "out"), rows, model=watched(model))
