"""``render``: a run over films that a model saw before which this machine does not have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from fake_stages import Tally
from lamp_clips import clip, decoded
from stub_model import COLOURS, LampFinder, lamp_bits

from fearrefactor.cli.past_run import output_of
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.report import VideoReport
from fearrefactor.errors import InputError
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import requested, run_videos
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.locations import Location
from fearrefactor.storage.manifest_file import RawRow
from fearrefactor.storage.report_log import ReportWriter, read_reports
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from pathlib import Path

    from shell import Said, Shell

RED = Policy(name="red", rules=(Rule(classes=("red",)),))


class Earlier:
    """A finished run of the lamp model, and ``render`` from it."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self._shell = shell
        self.sources = folder / "sources"
        self.output = folder / "out"
        self.run = self.output / "runs" / "first"
        self.sources.mkdir()

    def film(self, name: str, colour: str, seed: int = 0) -> Path:
        path = self.sources / f"{name}.mp4"
        path.write_bytes(clip({colour: range(12)}, 12, seed=seed))
        return path

    def do(self, *extra: str) -> list[VideoReport]:
        """Mask all films, and sources that are not there, by ``RED``."""
        uris = [str(path) for path in sorted(self.sources.iterdir())] + list(extra)
        rows = [
            RawRow(number, {"uri": uri, "id": f"film-{number}", "shift": "night"})
            for number, uri in enumerate(uris, 1)
        ]
        settings = JobSettings(str(self.output), "", S3Settings(), audit="none")
        reports: list[VideoReport] = []
        with VideoWorker(settings, LampFinder(), self.sources.parent) as worker:
            stages = InlineStages(worker, LampFinder().card, "stub")
            context = RunContext(settings, stages, Tally(), {})
            videos = requested(rows, lambda _: RED, context)
            asyncio.run(run_videos(videos, Tally(), Hands(1), reports.append))
        self.run.mkdir(parents=True)
        with ReportWriter(self.run / "videos.parquet") as writer:
            for report in reports:
                writer.write(report.model_dump())
        return reports

    def render(self, run_id: str, *words: object) -> Said:
        return self._shell("render", "--from", self.run, "--run-id", run_id, *words)

    def reports(self, run_id: str, output: Path | None = None) -> list[VideoReport]:
        path = (output or self.output) / "runs" / run_id / "videos.parquet"
        return [VideoReport.model_validate(row) for row in read_reports(path)]


@pytest.fixture
def earlier(shell: Shell, tmp_path: Path) -> Earlier:
    return Earlier(shell, tmp_path)


def test_another_policy_is_rendered_without_a_model_as_a_run_of_its_own(earlier: Earlier) -> None:
    earlier.film("a", "green")
    (first,) = earlier.do()
    assert first.outcome == "clean"
    said = earlier.render("second", "--classes", "green", "--preset", "privacy")
    assert (said.code, said.err) == (0, "")
    assert "detections reused for 1 videos, model calls: 0\n" in said.out
    (second,) = earlier.reports("second")
    assert (second.outcome, second.n_model_frames, second.detections_reused) == ("masked", 0, True)
    assert (second.row, second.id, second.uri, second.extra) == (
        *(first.row, first.id, first.uri),
        first.extra,
    )
    assert (second.model, second.model_sha256) == (first.model, first.model_sha256)
    assert second.detections_key == first.detections_key
    frames = decoded(earlier.output / str(second.output_key))
    assert len(frames) == 12
    assert not any(lamp_bits(frame, COLOURS.index("green")).any() for frame in frames)

    again = earlier.render("third", "--classes", "green", "--preset", "privacy")
    assert "1 of them done by an earlier run" in again.out


def test_each_row_that_cannot_be_rendered_says_why_and_the_others_are_done(
    earlier: Earlier,
) -> None:
    changed = earlier.film("a", "green")
    earlier.film("b", "green", seed=1)
    earlier.film("c", "green", seed=2)
    reports = earlier.do("gone.mp4")
    changed.write_bytes(clip({"blue": range(12)}, 12))
    log = earlier.output / str(reports[1].detections_key)
    log.write_bytes(log.read_bytes()[:-1])
    said = earlier.render("second", "--classes", "green", "--effect", "fill")
    assert said.code == 2
    found = sorted(earlier.reports("second"), key=lambda report: report.row)
    assert [(report.outcome, report.code) for report in found] == [
        ("failed", "source_changed"),
        ("failed", "no_detections"),
        ("masked", None),
        ("failed", "no_detections"),
    ]
    assert found[3].reason == "the earlier run has logged none: it ended as not_found"
    assert [report.extra for report in found] == [{"shift": "night"}] * 4


def test_another_output_stands_on_its_own(earlier: Earlier, shell: Shell, tmp_path: Path) -> None:
    earlier.film("a", "green")
    earlier.do()
    there = tmp_path / "there"
    said = earlier.render("second", "--classes", "green", "--output", there)
    assert said.code == 0, said.err
    (report,) = earlier.reports("second", there)
    assert (there / str(report.detections_key)).is_file()
    assert (there / str(report.plan_key)).is_file()
    earlier.output.rename(tmp_path / "away")
    more = shell("render", "--from", there / "runs" / "second", "--classes", "red")
    assert "1 rows: 1 clean\n" in more.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--classes", "gren"), "model lamp-finder has no class 'gren'; nearest: green"),
        ((), "either --classes person,dog or --policy NAME"),
        (("--policy", "people", "--preset", "strict"), "--preset, --effect and --confidence go"),
    ],
)
def test_a_policy_that_cannot_be_used_ends_the_run_before_it_begins(
    earlier: Earlier, options: tuple[str, ...], said: str
) -> None:
    earlier.film("a", "green")
    earlier.do()
    answer = earlier.render("second", *options)
    assert (answer.code, said in answer.err) == (1, True)
    assert not (earlier.output / "runs" / "second").exists()


def test_a_run_without_any_detections_has_nothing_to_render(earlier: Earlier) -> None:
    earlier.do("gone.mp4")
    answer = earlier.render("second", "--classes", "green")
    assert answer.code == 1
    assert "no video of this run has detections that can be read; mask it anew" in answer.err


def test_what_is_no_run_is_told_apart_from_one_that_is_not_done(
    shell: Shell, tmp_path: Path
) -> None:
    said = shell("render", "--from", tmp_path, "--classes", "green")
    assert (said.code, "is no run; expected a folder or s3:// address …/runs/ID" in said.err) == (
        1,
        True,
    )
    (tmp_path / "runs" / "one").mkdir(parents=True)
    said = shell("render", "--from", tmp_path / "runs" / "one", "--classes", "green")
    assert (said.code, "holds no videos.parquet; is that run done?" in said.err) == (1, True)


@pytest.mark.parametrize(
    ("run", "place"),
    [
        ("s3://bucket/runs/one", Location("s3://bucket", "")),
        ("s3://bucket/masked/night/runs/one/", Location("s3://bucket", "masked/night/")),
        ("/data/out/runs/one", Location("/data/out", "")),
    ],
)
def test_the_place_of_a_run_says_where_it_wrote(run: str, place: Location) -> None:
    assert output_of(run) == place


@pytest.mark.parametrize("run", ["s3://bucket/masked", "s3://bucket", "/data/out"])
def test_a_place_that_no_run_has_is_refused(run: str) -> None:
    with pytest.raises(InputError, match="is no run"):
        output_of(run)


@pytest.mark.slow
@pytest.mark.usefixtures("no_ray")
def test_actors_without_a_model_render_as_well(earlier: Earlier) -> None:
    earlier.film("a", "green")
    earlier.do()
    said = earlier.render("second", "--classes", "green", "--workers", "1")
    assert said.code == 0, said.err
    assert [report.outcome for report in earlier.reports("second")] == ["masked"]
