from __future__ import annotations

import contextlib
import io
import json
import logging
from typing import TYPE_CHECKING

import pytest

from fearrefactor.cluster.packed import pack_subject, unpack_subject
from fearrefactor.cluster.workers import Worker
from fearrefactor.errors import ManifestError
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.log_lines import SUBJECT, LogSettings, Subject, start_logging
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def plain_logs_afterwards() -> Iterator[None]:
    yield
    start_logging(LogSettings())


def test_a_worker_logs_json_about_the_video_and_the_segment_that_it_is_told(
    tmp_path: Path,
) -> None:
    about = pack_subject(Subject(7, "clip", 3))
    job = JobSettings(
        str(tmp_path), "", S3Settings(), run_id="night", log=LogSettings("json"), scratch=tmp_path
    )
    worker = Worker(job, None, 1)
    try:
        with contextlib.redirect_stderr(io.StringIO()) as err, worker._worker(about):
            logging.getLogger("fearrefactor.pipeline.worker").warning("of a worker")
    finally:
        worker.close()
    told = json.loads(err.getvalue())
    assert {name: told[name] for name in ("run", "row", "video", "segment")} == {
        "run": "night",
        "row": 7,
        "video": "clip",
        "segment": 3,
    }


def test_a_call_that_fails_leaves_the_worker_at_nothing(tmp_path: Path) -> None:
    worker = Worker(JobSettings(str(tmp_path), "", S3Settings(), scratch=tmp_path), None, 1)
    try:
        with pytest.raises(ManifestError):
            worker.survey(pack_subject(Subject(1, "clip")), "ftp://host/film.mp4")
        assert SUBJECT.get() == Subject()
    finally:
        worker.close()


def test_a_subject_is_the_same_on_the_other_side() -> None:
    subject = Subject(7, "a\ud800 film", None)
    assert unpack_subject(pack_subject(subject)) == subject
