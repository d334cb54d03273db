from __future__ import annotations

from typing import Any

import pytest
from ledgers import ended

from fearrefactor.core.frozen import FrozenRows
from fearrefactor.core.ledger import Taken
from fearrefactor.errors import InputError


def row(number: int = 3, **changes: Any) -> Taken:
    told = {"id": "film", "uri": "s3://b/film.mp4", "policy": None, "extra": {"shift": "night"}}
    return Taken(time_s=0, row=number, **(told | changes))


@pytest.fixture
def frozen() -> FrozenRows:
    rows = FrozenRows()
    rows.add(row())
    return rows


def test_the_same_row_and_rows_that_nobody_took_may_be_taken(frozen: FrozenRows) -> None:
    frozen.check(row().model_copy(update={"time_s": 9.0}))
    frozen.check(row(2, id="other"))
    frozen.check(row(4, id="other"))


@pytest.mark.parametrize(
    "change",
    [{"id": "x"}, {"uri": "s3://b/x.mp4"}, {"policy": "people"}, {"extra": {"shift": "day"}}],
)
def test_a_row_that_has_changed_since_is_refused_by_its_number(
    frozen: FrozenRows, change: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=r"row 3 .* the manifest has changed; choose another"):
        frozen.check(row(**change))


def test_a_manifest_that_has_become_shorter_is_refused(frozen: FrozenRows) -> None:
    frozen.check_all(3)
    with pytest.raises(InputError, match="has 2 rows, and this run has taken row 3"):
        frozen.check_all(2)


def test_a_row_that_has_moved_to_another_shard_is_refused(frozen: FrozenRows) -> None:
    for row_of_others in (1, 2, 4):
        frozen.check_passed(row_of_others)
    with pytest.raises(InputError, match=r"row 3 was of this run's shard .* manifest has changed"):
        frozen.check_passed(3)


def test_only_the_end_of_a_row_that_killed_all_who_tried_it_stands(frozen: FrozenRows) -> None:
    poison = ended(3, outcome="failed", code="poison").report
    frozen.end(poison)
    frozen.end(ended(4, outcome="failed", code="store_error").report)
    frozen.end(ended(5).report)
    assert frozen.poison == {3: poison}
    frozen.end(ended(3).report)
    assert frozen.poison == {}
