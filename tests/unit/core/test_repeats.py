from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core import repeats
from fearrefactor.core.manifest import Row
from fearrefactor.core.repeats import SeenRows

_TEXTS = st.sampled_from(["a", "b", "", "None", '"', "ä"])
_ROWS = st.builds(
    Row,
    number=st.integers(1, 9),
    id=_TEXTS,
    uri=_TEXTS,
    policy=st.none() | _TEXTS,
    extra=st.dictionaries(_TEXTS, _TEXTS, max_size=2),
)


@given(st.lists(_ROWS, max_size=40))
def test_a_row_is_admitted_unless_the_first_with_its_id_says_something_else(
    rows: list[Row],
) -> None:
    seen = SeenRows()
    first: dict[str, Row] = {}
    for row in rows:
        before = dataclasses.replace(first.setdefault(row.id, row), number=row.number)
        assert seen.admits(row) == (row == before)


def test_rows_are_known_again_after_they_were_sorted_in() -> None:
    n_rows = 3 * repeats._MIN_RECENT
    rows = [Row(number, f"film {number}", f"{number}.mp4") for number in range(n_rows)]
    seen = SeenRows()
    assert all(map(seen.admits, rows))
    assert len(seen._ids) > repeats._MIN_RECENT
    assert all(map(seen.admits, rows))
    assert not any(seen.admits(dataclasses.replace(row, uri="other")) for row in rows)
    n_bytes = seen._ids.nbytes + seen._said.nbytes
    assert n_bytes == 16 * len(seen._ids)
