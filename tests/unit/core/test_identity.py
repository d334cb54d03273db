from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core import identity
from fearrefactor.core.identity import (
    detect_id,
    detections_key,
    frames_key,
    plan_key,
    video_key,
    work_id,
)

if TYPE_CHECKING:
    import pytest

parts = st.tuples(st.text(), st.text(), st.text())


@given(one=parts, other=parts)
def test_the_same_inputs_and_no_others_have_the_same_id(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    for name in (detect_id, work_id):
        assert (name(*one) == name(*other)) == (one == other)


def test_where_one_part_ends_and_the_next_begins_is_part_of_the_id() -> None:
    assert detect_id("ab", "c", "") != detect_id("a", "bc", "")
    assert detect_id('a", "b', "c", "") != detect_id("a", 'b", "c', "")


def test_a_new_version_renders_again_and_does_not_detect_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = detect_id("a", "b", "c"), work_id("a", "b", "c")
    monkeypatch.setattr(identity, "__version__", "99")
    assert detect_id("a", "b", "c") == before[0]
    assert work_id("a", "b", "c") != before[1]


def test_logs_of_another_format_have_other_names(monkeypatch: pytest.MonkeyPatch) -> None:
    before = detect_id("a", "b", "c")
    monkeypatch.setattr(identity, "LOG_FORMAT", "next")
    assert detect_id("a", "b", "c") != before


def test_keys_name_the_video_and_the_work() -> None:
    made = detect_id("s", "m", "x")
    assert detections_key("dog", made) == f"detections/dog.{made[:8]}.parquet"
    assert video_key("dog", made, ".mp4") == f"videos/dog.{made[:8]}.mp4"
    assert video_key("dog", made, ".mp4").startswith(video_key("dog", made, ""))
    assert video_key("dog", made, ".mp4", "clean") == video_key("dog", made, ".mp4")
    assert video_key("dog", made, ".mp4", "review") == f"review/dog.{made[:8]}.mp4"
    assert frames_key("dog", made) == f"frames/dog.{made[:8]}.parquet"
    assert plan_key("dog", made) == f"plans/dog.{made[:8]}.parquet"
