from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fearrefactor.core.manifest import Row, clean, default_id, parse_row
from fearrefactor.errors import ManifestError

SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
wild = st.text(st.characters(exclude_categories=()))  # lone surrogates and NUL included


@given(text=wild)
@example("")
@example(".")
@example("..")
@example("../../etc/passwd")
@example("a\x00b")
@example("CON\\..\\x")
@example("\ud800")
@example("x" * 5000)
@example("-rf")
def test_a_key_is_never_a_path_never_empty_and_never_long(text: str) -> None:
    assert SAFE.fullmatch(clean(text))


@given(text=st.from_regex(r"\A[A-Za-z0-9_-][A-Za-z0-9._-]{0,60}\Z"))
def test_an_ordinary_id_is_its_own_key(text: str) -> None:
    assert clean(text) == text or re.search(r"--[0-9a-f]{8}\Z", text)


@given(one=wild, other=wild)
@example("a/b", "a_b")
@example("a/b", "a b")
@example(".a", "a")
@example("é", "e\u0301")
@example("x" * 200, "x" * 201)
def test_different_ids_have_different_keys(one: str, other: str) -> None:
    assert (clean(one) == clean(other)) == (one == other)


@given(text=wild)
def test_an_id_made_to_look_like_anothers_key_gets_a_key_of_its_own(text: str) -> None:
    key = clean(text)
    assert key == text or clean(key) != key


@given(one=st.text(min_size=1), other=st.text(min_size=1))
@example("s3://a/x.mp4", "s3://b/x.mp4")
@example("x.mp4", "x.mkv")
def test_different_uris_have_different_readable_ids(one: str, other: str) -> None:
    ids = default_id(one), default_id(other)
    assert (ids[0] == ids[1]) == (one == other)
    for made in ids:
        assert clean(made) == made  # already fit for a key


def test_a_default_id_begins_with_the_files_name() -> None:
    assert re.fullmatch(r"my_clip-[0-9a-f]{8}", default_id("s3://bucket/deep/my clip.mp4"))
    assert re.fullmatch(r"video-[0-9a-f]{8}", default_id("///"))


def test_columns_that_nobody_knows_are_carried_along() -> None:
    row = parse_row(3, {"uri": " a.mp4 ", "id": "x", "policy": "people", "owner": 7, "none": None})
    assert row == Row(3, "x", "a.mp4", "people", {"owner": "7"})
    assert row.key == "x"


@pytest.mark.parametrize("columns", [{"uri": "a.mp4"}, {"uri": "a.mp4", "id": "", "policy": "  "}])
def test_what_is_left_empty_gets_its_default(columns: dict[str, object]) -> None:
    assert parse_row(1, columns) == Row(1, default_id("a.mp4"), "a.mp4")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "row 8 has no uri; .* found columns: none"),
        ({"url": "x"}, "row 8 has no uri; .* found columns: url"),
        ({"uri": "   "}, "row 8 has no uri"),
        ({"uri": None}, "row 8 has no uri"),
        ({"uri": 5}, "row 8: expected text in 'uri', got 5"),
        ({"uri": "a", "id": ["x"]}, r"row 8: expected text in 'id', got \['x'\]"),
        ({"uri": "a", "policy": b"x"}, "row 8: expected text in 'policy'"),
        ({"uri": "a\x00b"}, "row 8: 'uri' is longer than 4096 or has NUL"),
        ({"uri": "a", "id": "i" * 4097}, "row 8: 'id' is longer than 4096"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(columns: dict[str, object], message: str) -> None:
    with pytest.raises(ManifestError, match=message) as caught:
        parse_row(8, columns)
    assert caught.value.code == "bad_row"
