from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pyarrow.parquet as pq
import pytest

from fearrefactor.core.report import VideoReport
from fearrefactor.core.run_facts import RunFacts
from fearrefactor.errors import NotFoundError, StoreError
from fearrefactor.storage.report_log import (
    ROWS_PER_GROUP,
    SCHEMA,
    ReportWriter,
    read_facts,
    read_reports,
)

if TYPE_CHECKING:
    from pathlib import Path

DONE = VideoReport(
    row=1,
    id="clip",
    uri="s3://in/clip.mp4",
    outcome="masked",
    input_bytes=5_000_000_000,
    n_frames=289,
    duration_s=9.64,
    seconds={"detect": 12.5, "render": 3.25},
    versions={"av": "18.1"},
    notes=["a", "b"],
    extra={"uploader": "é", "empty": ""},
    ended_at=datetime(2026, 11, 22, 2, 5, 39, 123456, tzinfo=UTC),
)
FAILED = VideoReport(
    row=2, id="gone", uri="gone.mp4", outcome="failed", code="not_found", reason="no such file"
)


def test_the_columns_are_the_fields_of_a_report() -> None:
    assert set(SCHEMA.names) == set(VideoReport.model_fields)


def test_reports_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "videos.parquet"
    with ReportWriter(path) as writer:
        writer.write(DONE.model_dump())
        writer.write(FAILED.model_dump())
    assert [VideoReport(**row) for row in read_reports(path)] == [DONE, FAILED]


def test_a_run_without_rows_leaves_a_table_without_rows(tmp_path: Path) -> None:
    with ReportWriter(tmp_path / "v.parquet"):
        pass
    assert list(read_reports(tmp_path / "v.parquet")) == []


def test_what_a_run_was_asked_comes_back_and_the_same_gives_the_same_bytes(tmp_path: Path) -> None:
    facts = RunFacts(run_id="näch\0t", ended_at=DONE.ended_at, settings={"audit": "all"}, drivers=2)
    for name in ("a", "b"):
        with ReportWriter(tmp_path / name) as writer:
            writer.tell(RunFacts(run_id="not the last word"))
            writer.write(DONE.model_dump())
            writer.tell(facts)
    assert read_facts(tmp_path / "a") == facts
    assert len(list(read_reports(tmp_path / "a"))) == 1
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_report_that_tells_nothing_of_its_run_is_named(tmp_path: Path) -> None:
    with ReportWriter(tmp_path / "silent.parquet"):
        pass
    with pytest.raises(StoreError, match=r"silent\.parquet: its metadata lacks 'run'"):
        read_facts(tmp_path / "silent.parquet")
    table = pq.read_table(tmp_path / "silent.parquet")
    pq.write_table(table.replace_schema_metadata({"run": '{"drivers": 1}'}), tmp_path / "odd")
    with pytest.raises(StoreError, match=r"odd: .* cannot be read: Field required"):
        read_facts(tmp_path / "odd")
    with pytest.raises(NotFoundError, match="gone"):
        read_facts(tmp_path / "gone")


def test_rows_go_to_the_file_in_bounded_groups(tmp_path: Path) -> None:
    path, row = tmp_path / "v.parquet", FAILED.model_dump()
    with ReportWriter(path) as writer:
        for number in range(2 * ROWS_PER_GROUP + 3):
            writer.write({**row, "row": number})
            assert len(writer._rows) < ROWS_PER_GROUP
    file = pq.ParquetFile(path)
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sizes == [ROWS_PER_GROUP, ROWS_PER_GROUP, 3]
    assert [one["row"] for one in read_reports(path)] == list(range(2 * ROWS_PER_GROUP + 3))


def test_duckdb_reads_maps_by_key(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    with ReportWriter(path) as writer:
        writer.write(DONE.model_dump())
    rows = duckdb.read_parquet(str(path)).select("seconds['detect'], extra['uploader']").fetchall()
    assert rows == [(12.5, "é")]


def test_a_report_with_other_fields_is_refused_by_name(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="colour, uri"),
        ReportWriter(tmp_path / "v.parquet") as writer,
    ):
        writer.write({**DONE.model_dump(exclude={"uri"}), "colour": "red"})


@pytest.mark.parametrize("error", [OSError("of the run itself"), KeyboardInterrupt()])
def test_a_run_that_breaks_off_leaves_no_report(tmp_path: Path, error: BaseException) -> None:
    def break_off() -> None:
        with ReportWriter(tmp_path / "v.parquet") as writer:
            writer.write(DONE.model_dump())
            raise error

    with pytest.raises(type(error)) as caught:
        break_off()
    assert caught.value is error
    assert list(tmp_path.iterdir()) == []


def test_a_value_of_another_type_leaves_no_report(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="does not fit"),
        ReportWriter(tmp_path / "v.parquet") as writer,
    ):
        writer.write({**DONE.model_dump(), "n_frames": "many"})
    assert list(tmp_path.iterdir()) == []


def test_something_else_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "v.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(StoreError, match=r"v\.parquet"):
        list(read_reports(tmp_path / "v.parquet"))
