from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.shard import WHOLE, Shard
from fearrefactor.errors import InputError

COUNTS = st.integers(1, 50)


@given(key=st.text(), count=COUNTS)
def test_every_key_belongs_to_exactly_one_shard(key: str, count: int) -> None:
    assert sum(Shard(number, count).holds(key) for number in range(1, count + 1)) == 1


def test_shards_are_of_about_one_size_and_stay_as_they_are_for_ever() -> None:
    sizes = [sum(Shard(i, 4).holds(f"film-{n}") for n in range(4000)) for i in range(1, 5)]
    assert sum(sizes) == 4000
    assert min(sizes) > 900
    # Another digest would share out the rows of a run that goes on anew.
    assert [n for n in range(12) if Shard(1, 4).holds(f"film-{n}")] == [1, 2, 4, 7]


@given(count=COUNTS, data=st.data())
def test_what_a_shard_says_of_itself_is_read_as_that_shard(count: int, data: st.DataObject) -> None:
    shard = Shard(data.draw(st.integers(1, count)), count)
    assert Shard.parse(str(shard)) == shard
    assert (shard == WHOLE) == (str(shard) == "1/1")


@pytest.mark.parametrize(
    "text", ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "\u0661/\u0662", "1 / 2"]
)
def test_what_is_no_shard_is_an_error_that_says_what_one_is(text: str) -> None:
    with pytest.raises(InputError, match=r"expected I/N with I from 1 to N, such as 2/8"):
        Shard.parse(text)
