from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_stages import CARD, make_index
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.core.plan import MaskPlan, Region
from fearrefactor.core.policy import Effect
from fearrefactor.core.rle import encode
from fearrefactor.errors import NotFoundError, StoreError
from fearrefactor.storage import plan_log
from fearrefactor.storage.plan_log import read_plan, write_plan

if TYPE_CHECKING:
    from pathlib import Path

EFFECTS = (
    Effect(),
    Effect(kind="fill", color="#102030"),
    Effect(kind="sticker", image="data:image/png;base64,aGVsbG8=", feather=0.1),
)
BITS = np.zeros((3, 12, 20), np.uint8)
BITS[0, 3:6, 5:9] = 1
BITS[1] = 1
MASKS = encode(BITS)

regions = st.builds(
    Region,
    effect=st.sampled_from(EFFECTS),
    mask=st.sampled_from(MASKS),
    size_px=st.floats(0, 1e4),
    provenance=st.sampled_from(["detected", "bridged", "always", "background", "audit"]),
    track=st.integers(-1, 9),
    class_id=st.integers(-1, len(CARD.classes) - 1),
    score=st.floats(0, 1),
)
plans = st.dictionaries(
    st.integers(0, 23), st.lists(regions, min_size=1, max_size=4).map(tuple), max_size=8
).map(lambda found: MaskPlan(24, found))


def write(path: Path, plan: MaskPlan) -> Path:
    write_plan(path, plan, video_id="clip", index=make_index(24), card=CARD, work_id="e2" * 32)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plans")


@given(plan=plans)
def test_what_is_read_is_the_plan_that_was_written(folder: Path, plan: MaskPlan) -> None:
    found, said = read_plan(write(folder / "p.parquet", plan))
    assert found == plan
    assert (said["video_id"], said["work_id"], said["n_frames"]) == ("clip", "e2" * 32, "24")


def region(mask: int = 0, **changes: object) -> Region:
    told = {"effect": EFFECTS[0], "mask": MASKS[mask], "size_px": 20.0} | changes
    return Region(**told)  # type: ignore[arg-type]


def test_plans_larger_than_a_row_group_come_back_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_log, "ROWS_PER_GROUP", 4)
    three = tuple(region(track=track) for track in range(3))
    plan = MaskPlan(24, dict.fromkeys((20, 3, 7), three))
    assert read_plan(write(tmp_path / "p.parquet", plan))[0] == plan


def test_the_same_plan_is_the_same_bytes_in_whatever_order_its_frames_were_found(
    tmp_path: Path,
) -> None:
    one = write(tmp_path / "1", MaskPlan(24, {3: (region(),), 9: (region(1),)}))
    two = write(tmp_path / "2", MaskPlan(24, {9: (region(1),), 3: (region(),)}))
    assert one.read_bytes() == two.read_bytes()


def test_duckdb_reads_what_is_masked_where_and_why(tmp_path: Path) -> None:
    """The picture is 160 × 96 pixels, the masks have cells of 8 × 8."""
    plan = MaskPlan(24, {6: (region(class_id=1, track=4), region(2, provenance="always"))})
    path = write(tmp_path / "p.parquet", plan)
    columns = "frame, time_s, track, class, provenance, x1, y1, x2, y2"
    found = duckdb.read_parquet(str(path)).select(columns).fetchall()
    assert found == [
        (6, 0.25, 4, "person", "detected", 40.0, 24.0, 72.0, 48.0),
        (6, 0.25, -1, None, "always", 0.0, 0.0, 0.0, 0.0),
    ]


def test_a_plan_of_another_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a plan of 24 frames of clip, got 23"):
        write(tmp_path / "p.parquet", MaskPlan(23, {}))


@pytest.mark.parametrize(
    ("key", "value"), [("effects", "[]"), ("effects", "rubbish"), ("n_frames", "3")]
)
def test_a_plan_whose_metadata_does_not_fit_its_rows_is_refused(
    tmp_path: Path, key: str, value: str
) -> None:
    path = write(tmp_path / "p.parquet", MaskPlan(24, {6: (region(),)}))
    table = pq.read_table(path)
    said = {**table.schema.metadata, key.encode(): value.encode()}
    pq.write_table(table.replace_schema_metadata(said), path)
    with pytest.raises(StoreError, match="no valid mask plan"):
        read_plan(path)


def test_a_damaged_plan_and_a_missing_one_are_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "p.parquet", MaskPlan(24, {6: (region(),)}))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(StoreError, match=r"p\.parquet"):
        read_plan(path)
    with pytest.raises(NotFoundError):
        read_plan(tmp_path / "none.parquet")
