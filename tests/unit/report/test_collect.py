from __future__ import annotations

import base64
import shlex
from typing import TYPE_CHECKING, NoReturn

import pytest
from reported import JPEG, POLICY, EndedRun, video

from fearrefactor.core.code_meanings import MEANINGS
from fearrefactor.core.thumbnail import Moment, Thumbnail
from fearrefactor.errors import MediaError, StoreError
from fearrefactor.report.collect import Wanted, collect
from fearrefactor.storage.run_folder import RunFolder
from fearrefactor.storage.s3 import S3Store
from fearrefactor.storage.thumbnail_log import write_thumbnails

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fearrefactor.core.report import VideoReport
    from fearrefactor.report.content import DetailContent, ReportContent

HOSTILE = "</script><script>alert(1)</script>\u202e $x_{1}$ \U0001f600'; rm -rf /"


@pytest.fixture
def run(tmp_path: Path) -> EndedRun:
    return EndedRun(tmp_path / "out")


def content(run: EndedRun, **wanted: object) -> ReportContent:
    return collect(run.folder, run.path, Wanted(**wanted), run.path.parent / "report")  # type: ignore[arg-type]


def only_detail(run: EndedRun, **wanted: object) -> DetailContent:
    (detail,) = content(run, **wanted).details
    return detail


def test_the_run_is_told_from_its_rows_and_its_facts(run: EndedRun) -> None:
    masked = run.masked(2, "review", n_leaks=1, reason="masked in 90 %", output_bytes=10)
    refused = video(1, "failed", code="bad_row", policy=None, policy_digest=None, versions={})
    run.write([run.masked(4), masked, video(3), refused], lost_processes=2)
    found = content(run).run
    assert (found.run_id, found.model, found.wall_s, found.shard) == ("night", "toy", 3600, "1/1")
    assert found.began_at == "2026-03-01T22:00:00+00:00"
    assert found.outcomes == {"clean": 1, "failed": 1, "masked": 1, "review": 1}
    assert [(one.code, one.n_videos, one.what_to_do) for one in found.codes] == [
        ("bad_row", 1, MEANINGS["bad_row"].what_to_do)
    ]
    assert [(one.name, one.digest, one.n_videos) for one in found.policies] == [
        ("dogs", POLICY.digest(), 3)
    ]
    assert "Every dog" in found.policies[0].words[0]
    assert (found.n_rows, found.n_listed, found.n_detailed) == (4, 4, 4)
    assert (found.n_frames, found.n_masked_frames, found.n_leaks) == (96, 12, 1)
    assert (found.duration_s, found.output_bytes, found.lost_processes) == (4.0, 10, 2)
    assert found.seconds == {"detect": 8.0, "render": 2.0}
    assert found.versions == {"fearrefactor": "1.0"}
    (dogs,) = found.classes
    assert (dogs.name, dogs.n_videos, dogs.n_tracks) == ("dog", 2, 2)
    assert dogs.masked_s == pytest.approx(12 / 24)


def test_the_table_is_in_the_order_of_the_manifest(run: EndedRun) -> None:
    run.write([video(3), video(1, "failed", policy_digest=None), video(2, duration_s=None)])
    table = content(run).table
    assert table.row == (1, 2, 3)
    assert table.id == ("film-1", "film-2", "film-3")
    assert table.outcome == ("failed", "clean", "clean")
    assert table.code == ("truncated", "", "")
    assert table.policy == (-1, 0, 0)
    assert table.duration_s == (1.0, None, 1.0)
    assert table.seconds == (2.5, 2.5, 2.5)


def test_a_video_has_its_timeline_its_pictures_and_its_files(run: EndedRun) -> None:
    told = run.masked(1, output_key="videos/a b.mp4", output_sha256="ab" * 32, output_bytes=5)
    run.write([told])
    detail = only_detail(run)
    (lane,) = detail.lanes
    assert (lane.class_name, lane.effect, detail.n_lanes) == ("dog", "fill #808080", 1)
    assert [base64.b64decode(one.jpeg) for one in detail.pictures] == [JPEG, JPEG]
    assert [(one.frame, one.why) for one in detail.pictures] == [(3, "first"), (6, "typical")]
    assert [one.time_s for one in detail.pictures] == pytest.approx([3 / 24, 6 / 24])
    assert (detail.pictures_left_out, detail.notes) == (None, ())
    files = {one.kind: one for one in detail.files}
    assert files["source"].href is None  # no page leads to what is not masked
    assert files["result"].href == "../../../videos/a%20b.mp4"
    assert files["result"].place == str(run.output / "videos/a b.mp4")
    assert files["plan"].href == f"../../../{told.plan_key}"
    assert files["plan"].sha256 == told.plan_sha256


def test_hostile_names_come_through_as_they_are_and_are_one_word_of_a_command(
    run: EndedRun,
) -> None:
    run.write([run.masked(1, id=HOSTILE, extra={HOSTILE: HOSTILE})])
    found = content(run, picture_bytes=1)
    assert found.table.id == (HOSTILE,)
    (detail,) = found.details
    assert detail.extra == {HOSTILE: HOSTILE}
    assert detail.pictures_left_out is not None
    command = shlex.split(detail.pictures_left_out.split(": ", 1)[1])
    assert command == ["fearrefactor", "report", run.folder.uri, "--only", HOSTILE]


def test_pictures_of_the_most_urgent_videos_take_the_room_that_there_is(run: EndedRun) -> None:
    videos = [run.masked(1), run.masked(2, "review"), run.masked(3, n_leaks=1), run.masked(4)]
    run.write(videos)
    details = {one.row: one for one in content(run, picture_bytes=4 * len(JPEG)).details}
    assert {row for row, one in details.items() if one.pictures} == {2, 3}
    assert "--only film-1" in (details[1].pictures_left_out or "")
    assert "--only film-4" in (details[4].pictures_left_out or "")
    assert all(one.n_lanes == 1 for one in details.values())


def test_a_page_of_single_videos_shows_them_and_counts_all(run: EndedRun) -> None:
    run.write([run.masked(1), run.masked(2), video(3)])
    found = content(run, n_details=0, only=("film-2",))
    assert (found.table.row, [one.row for one in found.details]) == ((2,), [2])
    assert (found.run.n_rows, found.run.n_listed, found.run.n_detailed) == (3, 1, 1)


def test_a_plan_that_is_damaged_or_another_one_is_a_note_at_its_video(run: EndedRun) -> None:
    gone, cut, other = run.masked(1), run.masked(2), run.masked(3)
    run.write([gone, cut, other, run.masked(4)])
    (run.output / str(gone.plan_key)).unlink()
    path = run.output / str(cut.plan_key)
    path.write_bytes(path.read_bytes()[:-9])
    (run.output / str(other.plan_key)).write_bytes(
        (run.output / str(run.masked(4).plan_key)).read_bytes()
    )
    details = content(run).details
    said = [" ".join(one.notes) for one in details]
    assert "its timeline is missing" in said[0]
    assert "there is no such file" in said[0]
    assert "cannot be read as Parquet" in said[1]
    assert "checksum is not the one that the run noted" in said[2]
    assert said[3] == ""
    assert [one.n_lanes for one in details] == [0, 0, 0, 1]
    assert all(len(one.pictures) == 2 for one in details)


def test_pictures_of_another_work_or_that_are_none_are_not_shown(run: EndedRun) -> None:
    run.write([run.masked(1), run.masked(2), run.masked(3)])
    first, second, third = sorted((run.output / "thumbnails").iterdir())
    first.write_bytes(second.read_bytes())
    text = [Thumbnail(Moment(3, "first"), 0.1, 160, 96, b"<script>")]
    write_thumbnails(second, text, video_id="film-2", work_id=str(video(2).work_id))
    third.unlink()
    details = content(run).details
    assert [one.pictures for one in details] == [(), (), ()]
    said = [one.pictures_left_out or "" for one in details]
    assert "pictures of another video or work" in said[0]
    assert "they are no JPEG" in said[1]
    assert "there is no such file" in said[2]


def test_a_clean_video_needs_no_logs(run: EndedRun) -> None:
    run.write([video(1, notes=["as it was"])])
    detail = only_detail(run)
    assert (detail.lanes, detail.pictures, detail.pictures_left_out) == ((), (), None)
    assert detail.notes == ("as it was",)


def test_a_page_elsewhere_leads_to_the_same_files_and_one_of_a_bucket_nowhere(
    run: EndedRun, tmp_path: Path
) -> None:
    run.write([run.masked(1, output_key="videos/a.mp4")])

    def hrefs(folder: Path | None) -> list[str | None]:
        (detail,) = collect(run.folder, run.path, Wanted(), folder).details
        return [one.href for one in detail.files if one.kind == "result"]

    assert hrefs(tmp_path / "pages") == ["../out/videos/a.mp4"]
    assert hrefs(None) == [None]


def test_unmasked_pictures_are_shown_only_where_somebody_looks_at_the_source(
    run: EndedRun,
) -> None:
    run.write([run.masked(1), run.masked(2, n_leaks=1), video(3)])
    source = b"\xff\xd8\xffsource"

    def look(told: VideoReport, thumbnails: Sequence[Thumbnail]) -> Mapping[int, bytes]:
        if told.row == 2:
            raise MediaError("it is gone")
        return {thumbnails[0].moment.frame: source}

    without = content(run)
    assert not without.has_source
    assert all(one.source_jpeg is None for it in without.details for one in it.pictures)
    found = collect(run.folder, run.path, Wanted(), None, look)
    assert found.has_source
    first, second, _ = found.details
    assert [one.source_jpeg for one in first.pictures] == [base64.b64encode(source).decode(), None]
    assert [one.source_jpeg for one in second.pictures] == [None, None]
    assert second.notes == ("its source cannot be shown: it is gone",)


class SilentStore(S3Store):
    """A bucket whose answers do not come."""

    def __init__(self) -> None:
        self.bucket = "nowhere"
        self.asked: list[str] = []

    def open(self, key: str, *_: object) -> NoReturn:
        self.asked.append(key)
        raise StoreError("no answer for a minute")


def test_a_store_that_does_not_answer_is_not_asked_for_every_video(run: EndedRun) -> None:
    run.write([run.masked(row) for row in range(1, 31)])
    store = SilentStore()
    found = collect(RunFolder(store, "", "night"), run.path, Wanted(), None)
    assert len(store.asked) < 30  # of 60; several are under way at once
    assert len(found.details) == 30
    assert "no answer for a minute" in " ".join(found.details[0].notes)
    assert "was not asked any more" in " ".join(found.details[-1].notes)


def test_a_key_that_leads_out_of_the_output_is_not_followed(run: EndedRun, tmp_path: Path) -> None:
    told = run.masked(1)
    (tmp_path / "elsewhere").mkdir()
    run.write([told.model_copy(update={"plan_key": f"../elsewhere/{'x' * 8}.parquet"})])
    detail = only_detail(run)
    assert "is no key of a folder" in detail.notes[0]
