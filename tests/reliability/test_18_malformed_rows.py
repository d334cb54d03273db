"""Try 18, and the threat "manifest URIs": rows that are wrong, odd or hostile."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from fake_stages import FakeStages, Tally, make_context
from intruders import Listener
from stub_model import LampFinder
from values import frame_by_frame

from fearrefactor.core.manifest import clean
from fearrefactor.core.policy import Policy
from fearrefactor.core.report import printable
from fearrefactor.errors import FearRefactorError, ManifestError, NotFoundError
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import requested, run_videos
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.locations import locate_prefix
from fearrefactor.storage.manifest_file import read_rows
from fearrefactor.storage.report_log import ReportWriter, read_reports
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial

    from fearrefactor.core.report import VideoReport
    from fearrefactor.storage.manifest_file import Kind

DOGS = Policy(name="dogs", rules=(frame_by_frame("dog"),))

#: ``{http}`` is the address of a server that listens, ``{local}`` its host and port alone.
EVIL_URIS = {
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/": "unknown_scheme",
    "{http}/film.mp4": "unknown_scheme",
    "HTTPS://{local}/film.mp4": "unknown_scheme",
    "gopher://{local}/_GET": "unknown_scheme",
    "ftp://{local}/film.mp4": "unknown_scheme",
    "rtsp://{local}/film": "unknown_scheme",
    "tcp://{local}": "unknown_scheme",
    "concat://{local}|x": "unknown_scheme",
    "async:{http}/film.mp4": "not_found",
    "concat:/etc/passwd|/etc/group": "not_found",
    "subfile,,start,0,end,64,,:/etc/passwd": "not_found",
    "crypto:/etc/passwd": "not_found",
    "pipe:0": "not_found",
    "fd:3": "not_found",
    "data:video/mp4;base64,AAAAIGZ0eXBpc29t": "not_found",
    "lavfi:color=red": "not_found",
    "\\\\{local}\\share\\film.mp4": "not_found",
    "//{local}/share/film.mp4": "not_found",
    "file://{local}/film.mp4": "bad_row",
    "file:///dev/zero": "not_found",
    "/proc/self/fd/0": "not_found",
    "/proc/self/environ": "empty_file",
    "file:///etc/passwd": "not_a_video",
    "file:///../../etc/passwd": "not_a_video",
    "s3://{local}/film.mp4": "bad_row",
    "s3://../film.mp4": "bad_row",
    "s3://user:word@bucket/film.mp4": "bad_row",
    "s3://arn:aws:s3:::bucket/film.mp4": "bad_row",
    "s3://bucket%2f..%2fother/film.mp4": "bad_row",
    "s3:///film.mp4": "bad_row",
    "/films/a.mp4\r\nHost: {local}": "bad_row",
}


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_200_malformed_rows_are_200_coded_failures_and_the_others_are_done(
    kind: Kind, tried: Trial
) -> None:
    good = [{"uri": f"film {number}.mp4"} for number in range(100)]
    lines = {"jsonl": _bad_json, "csv": _bad_csv}[kind]()
    written = {
        "jsonl": [json.dumps(row) for row in good],
        "csv": [f'"{row["uri"]}",{number},' for number, row in enumerate(good)],
    }[kind]
    mixed = [line for number in range(100) for line in (*lines[2 * number :][:2], written[number])]
    head = {"jsonl": [], "csv": ["uri,id,policy"]}[kind]
    reports = run("\n".join([*head, *mixed]).encode("utf-8", "surrogateescape"), kind)
    assert Counter(report.outcome for report in reports) == {"failed": 200, "clean": 100}
    assert {report.code for report in reports if report.outcome == "failed"} == {"bad_row"}
    assert sorted(report.row for report in reports) == list(range(1, 301))
    assert all(report.reason for report in reports if report.outcome == "failed")
    tried("200 bad rows of 300, as JSON lines and as CSV", "200 codes, 100 done")


def test_evil_uris_have_codes_and_nobody_is_asked_for_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    listener = Listener()
    settings = JobSettings(str(tmp_path / "out"), "", S3Settings(listener.address, "us-east-1"))
    found = {}
    try:
        with VideoWorker(settings, LampFinder(), tmp_path) as worker:
            for uri in EVIL_URIS:
                local = listener.address.removeprefix("http://")
                asked = uri.replace("{http}", listener.address).replace("{local}", local)
                with pytest.raises(FearRefactorError) as caught:
                    worker.survey(asked)
                found[uri] = caught.value.code
            asked_by_the_evil = list(listener.asked)
            with pytest.raises(NotFoundError):
                worker.survey("s3://bucket/film.mp4")
    finally:
        listener.close()
    assert found == EVIL_URIS
    assert asked_by_the_evil == []
    assert listener.asked  # an honest row is heard, so that silence means something


def test_where_sources_may_come_from_is_said_nothing_else_is_looked_at(tmp_path: Path) -> None:
    listener = Listener()
    allowed = ("s3://uploads/tonight", str(tmp_path / "films"))
    settings = JobSettings(
        str(tmp_path / "out"),
        "",
        S3Settings(listener.address, "us-east-1"),
        sources_under=tuple(map(locate_prefix, allowed)),
    )
    others = [
        "s3://uploads/film.mp4",
        "s3://uploads/tonight-too/film.mp4",
        "s3://uploads-of-others/tonight/film.mp4",
        "/etc/passwd",
        f"file://{tmp_path}/films/../out/film.mp4",
        f"{tmp_path}/films-of-others/film.mp4",
    ]
    try:
        with VideoWorker(settings, LampFinder(), tmp_path) as worker:
            for uri in others:
                with pytest.raises(ManifestError, match="--sources-under") as caught:
                    worker.survey(uri)
                assert caught.value.code == "not_allowed"
            with pytest.raises(NotFoundError):
                worker.survey(str(tmp_path / "films" / "film.mp4"))
    finally:
        listener.close()
    assert listener.asked == []


ODD_IDS = {
    "upwards": "../../../etc/passwd",
    "absolute": "/etc/passwd",
    "backwards": "..\\..\\x",
    "hidden": ".meta",
    "lines": "a\r\nINFO all is well\r\n",
    "escapes": "\x1b[2J\x1b]0;title\x07",
    "turned": "\u202efilm\u202c",
    "long": "x" * 4096,
    "composed": "é",
    "decomposed": "e\u0301",
    "like another's key": clean("a/b"),
    "a comma": 'a,"b"\n',
}


def test_odd_ids_stay_under_the_prefix_and_are_one_record_each(tmp_path: Path) -> None:
    rows = [{"uri": f"film {name}", "id": text} for name, text in ODD_IDS.items()]
    too_long = [{"uri": "film", "id": "x" * 10_000}, {"uri": "film", "id": "a\0b"}]
    reports = run("\n".join(map(json.dumps, [*rows, *too_long])).encode(), "jsonl")
    assert [report.code for report in reports[-2:]] == ["bad_row", "bad_row"]

    root = tmp_path / "out"
    store = FolderStore(root)
    for text in ODD_IDS.values():
        store.create(f"videos/{clean(text.strip())}.0123abcd.mp4", b"film", {})
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parent for path in files if path.suffix == ".mp4"} == {root / "videos"}
    assert sum(path.suffix == ".mp4" for path in files) == len(ODD_IDS)
    with pytest.raises(NotFoundError):
        store.stat("etc/passwd")

    for report in reports:
        told = f"video {printable(report.id)}: {printable(report.reason or '')}"
        assert len(told.splitlines()) == 1
        assert told.isprintable()
    path = tmp_path / "videos.parquet"
    with ReportWriter(path) as writer:
        for report in reports:
            writer.write(report.model_dump())
    assert [row["row"] for row in read_reports(path)] == [report.row for report in reports]


def run(manifest: bytes, kind: Kind, stages: FakeStages | None = None) -> list[VideoReport]:
    reports: list[VideoReport] = []
    context = make_context(stages or FakeStages({}), Tally())
    rows = read_rows(io.BufferedReader(io.BytesIO(manifest)), kind)  # type: ignore[arg-type]
    videos = requested(rows, lambda _: DOGS, context)
    asyncio.run(run_videos(videos, context.progress, Hands(4), reports.append))
    return reports


def _bad_json() -> list[str]:
    """200 lines, none of them a row, no two alike."""
    return [
        line
        for number in range(20)
        for line in (
            f"{{{number}",
            f"[{number}]",
            f'"{number}"',
            f'{{"uri": {number}}}',
            f'{{"uri": "", "id": "{number}"}}',
            f'{{"url": "film {number}.mp4"}}',
            f'{{"uri": "film {number}.mp4", "id": ["x"]}}',
            f'{{"uri": "film {number}\\u0000.mp4"}}',
            f'{{"uri": "film {number}\\ud800.mp4"}}',
            "[" * (100_000 + number),
        )
    ]


def _bad_csv() -> list[str]:
    """200 lines, none of them a row, no two alike."""
    return [
        line
        for number in range(40)
        for line in (
            f"film,{number}",
            f"film,{number},,one too many",
            f",{number},",
            f"{'x' * 5000},{number},",
            f"film \udcff,{number},",
        )
    ]
