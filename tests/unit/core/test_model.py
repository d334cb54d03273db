from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from values import CARD

from fearrefactor.errors import PolicyError


@given(which=st.integers(0, 3), upper=st.booleans(), spaces=st.integers(0, 2))
def test_a_class_is_found_in_any_case(which: int, upper: bool, spaces: int) -> None:  # noqa: FBT001
    name = CARD.classes[which]
    said = " " * spaces + (name.upper() if upper else name)
    assert CARD.class_id(said) == which


@pytest.mark.parametrize(
    ("said", "nearest"),
    [("dogs", "dog"), ("brid", "bird"), ("Teddybear", "teddy bear"), ("persons", "person")],
)
def test_an_unknown_class_is_answered_with_the_nearest(said: str, nearest: str) -> None:
    with pytest.raises(PolicyError, match=f"toy has no class '{said}'; nearest: {nearest}") as e:
        CARD.class_id(said)
    assert e.value.code == "unknown_class"


def test_where_nothing_is_near_all_classes_are_named() -> None:
    with pytest.raises(PolicyError, match="it knows: person, dog, bird, teddy bear"):
        CARD.class_id("xylophone")
