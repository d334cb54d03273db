from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from asked_runs import HOSTILE_ID, N_FRAMES, Nights

from fearrefactor.errors import InputError
from fearrefactor.report.query import Question, asked
from fearrefactor.report.run_files import RunFiles
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.locations import open_store

if TYPE_CHECKING:
    from intruders import Listener
    from shell import Shell

    from fearrefactor.storage.s3 import S3Settings


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    made = Nights(
        FolderStore(tmp_path_factory.mktemp("masked")), "", tmp_path_factory.mktemp("scratch")
    )
    for _ in range(2):
        made.add()
    return made


@pytest.fixture(scope="module")
def output(nights: Nights) -> str:
    return nights.store.uri("").rstrip("/")


def told(shell: Shell, place: object, query: str) -> list[dict[str, Any]]:
    said = shell("sql", place, query, "--json")
    assert said.code == 0, said.err
    rows: list[dict[str, Any]] = json.loads(said.out)
    return rows


def test_an_output_is_all_of_its_runs_and_a_run_is_itself(
    shell: Shell, nights: Nights, output: str
) -> None:
    count = "SELECT run_id, night, count(*) AS n FROM videos GROUP BY ALL ORDER BY run_id"
    both = [
        {"run_id": run_id, "night": str(night), "n": len(nights.reports[run_id])}
        for run_id, night in nights.nights.items()
    ]
    assert told(shell, output, count) == both
    assert told(shell, f"{output}/runs/nightly-1", count) == both[1:]


def test_columns_of_videos_are_those_of_its_file(shell: Shell, nights: Nights, output: str) -> None:
    rows = told(shell, output, "SELECT * FROM videos ORDER BY run_id, row")
    reports = [video for run in nights.reports.values() for video in run]
    for row, video in zip(rows, reports, strict=True):
        expected = json.loads(video.model_dump_json())
        expected["ended_at"] = expected["ended_at"].removesuffix("Z")
        del row["run_id"], row["night"]
        assert row == expected


def test_runs_tell_what_they_were_asked(shell: Shell, output: str) -> None:
    rows = told(shell, f"{output}/runs/nightly-0", "SELECT * FROM runs")
    assert [row["run_id"] for row in rows] == ["nightly-0"]
    assert rows[0]["began_at"] == "2026-11-18T22:00:00"
    assert rows[0]["night"] == "2026-11-18"
    assert rows[0]["settings"] == {"audit": "sampled"}
    assert list(rows[0]["policies"].values()) == ["street"]


def test_logs_are_those_that_the_rows_name(shell: Shell, nights: Nights, output: str) -> None:
    videos = nights.reports["nightly-0"]
    plans = {v.row: nights.plans[v.plan_key] for v in videos if v.plan_key}
    query = "SELECT row, count(*) AS n FROM {} GROUP BY row ORDER BY row"
    place = f"{output}/runs/nightly-0"
    assert told(shell, place, query.format("plans")) == [
        {"row": row, "n": sum(map(len, plan.regions.values()))}
        for row, plan in plans.items()
        if plan.regions
    ]
    assert told(shell, place, query.format("detections")) == [
        {"row": v.row, "n": v.n_detections} for v in videos if v.n_detections
    ]
    assert told(shell, place, query.format("frames")) == [{"row": r, "n": N_FRAMES} for r in plans]
    assert told(shell, place, query.format("thumbnails")) == [
        {"row": row, "n": 1} for row, plan in plans.items() if plan.regions
    ]


def test_a_log_that_no_row_names_is_not_counted_and_one_that_is_gone_is_told_of(
    shell: Shell, tmp_path: Path
) -> None:
    made = Nights(FolderStore(tmp_path / "masked"), "", tmp_path)
    made.add()
    place = tmp_path / "masked"
    query = "SELECT count(*) AS n FROM plans"
    before = told(shell, place, query)[0]["n"]
    gone, other = (v.plan_key for v in made.reports["nightly-0"][:2])
    (place / "plans" / "orphan.parquet").write_bytes((place / str(other)).read_bytes())
    assert told(shell, place, query)[0]["n"] == before
    (place / str(gone)).unlink()
    said = shell("sql", place, query, "--json")
    n_gone = sum(map(len, made.plans[str(gone)].regions.values()))
    assert json.loads(said.out) == [{"n": before - n_gone}]
    assert said.err == "plans: 1 of 4 files are not there any more: left out\n"


def test_a_damaged_log_is_named_as_it_is_in_the_output(shell: Shell, tmp_path: Path) -> None:
    made = Nights(FolderStore(tmp_path / "masked"), "", tmp_path)
    made.add()
    broken = tmp_path / "masked" / str(made.reports["nightly-0"][0].plan_key)
    broken.write_bytes(b"PAR1 nothing PAR1")
    said = shell("sql", tmp_path / "masked", "SELECT count(*) FROM plans")
    assert said.code == 1
    assert str(broken) in said.err


WRITES = {
    "a file of the run": "COPY (SELECT 1) TO '{videos}'",
    "another file": "COPY (SELECT 1) TO '{secret}'",
    "a table": "CREATE TABLE mine AS SELECT 1",
    "rows": "DELETE FROM videos",
    "rows on the way": "WITH x AS (DELETE FROM runs RETURNING *) SELECT * FROM x",
    "a setting": "SET enable_external_access = true",
    "another database": "ATTACH '{secret}' AS other",
    "an extension": "INSTALL httpfs",
    "an extension's code": "LOAD '{secret}'",
    "something after a question": "SELECT 1; SELECT 2",
    "a call": "CALL pragma_version()",
    "an export": "EXPORT DATABASE '{secret}'",
}
READS = {
    "a text": "SELECT * FROM read_text('{secret}')",
    "a table of another file": "SELECT * FROM '{secret}'",
    "bytes": "SELECT * FROM read_blob('{secret}')",
    "a table": "SELECT * FROM read_csv('{secret}')",
    "a list of files": "SELECT * FROM glob('/*')",
    "a page": "SELECT * FROM read_csv('{url}')",
    "a hidden page": "SELECT * FROM query('FROM read_csv(''{url}'')')",
    "a variable of the process": "SELECT getenv('HOME')",
    "another run": "SELECT * FROM read_parquet('{other}')",
    "the scratch of others": "SELECT * FROM read_text('/tmp/**/*')",
}


@pytest.mark.parametrize("query", [*WRITES.values(), *READS.values()], ids=[*WRITES, *READS])
def test_a_question_can_neither_write_nor_read_anything_else(
    shell: Shell, output: str, tmp_path: Path, listener: Listener, query: str
) -> None:
    videos = Path(output, "runs", "nightly-0", "videos.parquet")
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    places = {
        "videos": videos,
        "other": f"{output}/runs/nightly-1/videos.parquet",
        "secret": secret,
        "url": f"{listener.address}/x.csv",
    }
    before = videos.read_bytes()
    said = shell("sql", f"{output}/runs/nightly-0", query.format(**places))
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("Error: ")
    assert secret.read_text() == "a,b\n1,2\n"
    assert videos.read_bytes() == before
    assert listener.asked == []


def test_the_tables_are_locked_even_against_a_question_that_was_not_checked(
    nights: Nights, output: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    other = f"{output}/runs/nightly-1/videos.parquet"
    files = RunFiles(nights.store, "", tmp_path, pytest.fail)
    for number, query in enumerate(READS.values()):
        question = Question("SELECT count(*) FROM videos")
        sql = query.format(secret=secret, other=other, url="http://127.0.0.1:9/x.csv")
        object.__setattr__(question, "sql", sql)
        folder = tmp_path / str(number)
        folder.mkdir()
        with (
            pytest.raises(InputError, match=r"disabled|does not exist"),
            asked(question, replace(files, folder=folder), "nightly-0"),
        ):
            pytest.fail(sql)


def test_a_bucket_is_asked_as_a_folder_is_and_only_for_what_is_named(
    shell: Shell,
    tmp_path: Path,
    s3_bucket: str,
    s3_settings: S3Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", str(s3_settings.endpoint_url))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    store = open_store(f"s3://{s3_bucket}", s3_settings)
    made = Nights(store, "deep/masked/", tmp_path)
    made.add(n_videos=2)
    first = made.reports["nightly-0"][0]
    n_regions = sum(len(here) for plan in made.plans.values() for here in plan.regions.values())
    query = "SELECT count(*) AS n FROM plans"
    for place in ("deep/masked", "deep/masked/runs/nightly-0"):
        assert told(shell, f"s3://{s3_bucket}/{place}", query) == [{"n": n_regions}]
    store.delete(str(first.detections_key))
    assert told(shell, f"s3://{s3_bucket}/deep/masked", query) == [{"n": n_regions}]
    said = shell("sql", f"s3://{s3_bucket}/deep/masked", "SELECT count(*) FROM frames")
    assert said.err == "frames: 1 of 2 files are not there any more: left out\n"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELEC 1", ["syntax error", "LINE 1: SELEC 1", "^"]),
        ("SELECT id,\n  nope FROM videos", ["nope", "LINE 2:   nope FROM videos"]),
        ("SELECT * FROM vidoes", ["vidoes", 'Did you mean "videos"']),
        ("", ["SELECT"]),
        ("SELECT ?", ["parameter"]),
        ("SELECT 'x'::INTEGER FROM videos", ["Could not convert"]),
    ],
)
def test_a_question_that_cannot_be_asked_says_where(
    shell: Shell, output: str, query: str, words: list[str]
) -> None:
    said = shell("sql", output, query)
    assert (said.code, said.out) == (1, "")
    assert all(word in said.err for word in words), said.err


def test_a_question_is_checked_before_anything_is_fetched(shell: Shell, tmp_path: Path) -> None:
    said = shell("sql", tmp_path / "nothing", "SELECT nope FROM plans")
    assert "nope" in said.err
    said = shell("sql", tmp_path / "nothing", "SELECT id FROM plans")
    assert said.code == 1
    assert "there is no report of a run" in said.err


def test_without_a_question_tables_and_columns_are_listed(shell: Shell, output: str) -> None:
    said = shell("sql", output).out
    for word in ("plans: a row for", "provenance", "settings           MAP(VARCHAR, VARCHAR)"):
        assert word in said
    columns = json.loads(shell("sql", output, "--json").out)
    assert columns["videos"]["ended_at"] == "TIMESTAMP"
    assert "video_id" not in columns["plans"]


def test_rows_are_shown_as_a_table_in_which_texts_are_texts(shell: Shell, output: str) -> None:
    said = shell("sql", output, "SELECT id, row FROM videos WHERE row <= 2 ORDER BY run_id, row")
    assert "\x1b" not in said.out
    assert r"│ \x1b[31mred\x1b[0m\n'; drop table videos; -- │   2 │" in said.out


def test_long_answers_are_shown_in_part(shell: Shell, output: str) -> None:
    said = shell("sql", output, "SELECT * FROM range(1234)")
    assert "│   199 │" in said.out
    assert "│   200 │" not in said.out
    assert said.out.endswith("200 of 1234 rows; --csv, --json or --parquet FILE give all\n")


def test_csv_and_json_hold_every_value_as_it_is(shell: Shell, output: str) -> None:
    query = (
        "SELECT id, {'a': [1, NULL]} AS nested, 'nan'::DOUBLE AS nan, 1.25::DECIMAL(9, 2) AS d, "
        "jpeg, now() > began_at AS later, NULL AS nothing FROM thumbnails JOIN runs USING (run_id) "
        "WHERE row = 2 ORDER BY run_id LIMIT 1"
    )
    row = told(shell, output, query)[0]
    assert row == {
        "id": HOSTILE_ID,
        "nested": {"a": [1, None]},
        "nan": None,
        "d": 1.25,
        "jpeg": "/9g=",
        "later": row["later"],
        "nothing": None,
    }
    names, values = csv.reader(io.StringIO(shell("sql", output, query, "--csv").out))
    assert names == list(row)
    assert values[:2] == [HOSTILE_ID, '{"a": [1, null]}']
    assert values[2:5] == ["null", "1.25", "/9g="]
    assert values[6] == ""


def test_an_answer_without_rows_is_an_empty_list_and_a_head(shell: Shell, output: str) -> None:
    query = "SELECT id, row FROM videos WHERE false"
    assert told(shell, output, query) == []
    assert shell("sql", output, query, "--csv").out == "id,row\n"


def test_times_with_a_zone_are_told_in_utc(shell: Shell, output: str) -> None:
    query = "SELECT TIMESTAMPTZ '2026-11-18 23:00:00+01:00' AS t"
    assert told(shell, output, query) == [{"t": "2026-11-18T22:00:00"}]


def test_a_parquet_file_is_whole_and_never_replaced(
    shell: Shell, output: str, tmp_path: Path
) -> None:
    path = tmp_path / "answer.parquet"
    query = "SELECT id, seconds FROM videos ORDER BY run_id, row; -- all"
    said = shell("sql", output, query, "--parquet", path)
    assert (said.code, said.out) == (0, f"12 rows written to {path}\n")
    expected = told(shell, output, query)
    found = duckdb.sql(f"FROM '{path}'").fetchall()
    assert found == [tuple(row.values()) for row in expected]
    before = path.read_bytes()
    again = shell("sql", output, "SELECT 1", "--parquet", path)
    assert again.code == 1
    assert "already there" in again.err
    assert path.read_bytes() == before
    assert shell("sql", output, "SELECT 1", "--parquet", tmp_path / "no" / "x").code == 1
    assert [one.name for one in tmp_path.iterdir()] == ["answer.parquet"]


def test_two_ways_to_print_are_refused(shell: Shell, output: str) -> None:
    said = shell("sql", output, "SELECT 1", "--csv", "--json")
    assert said.code == 1
    assert "choose one" in said.err
