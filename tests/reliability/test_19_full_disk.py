"""Try 19: no room on the disk for scratch files or for results: they lie on small file systems."""

from __future__ import annotations

import io
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from invariants import assert_a_rerun_does_nothing, assert_invariants, assert_nothing_is_left
from nights import Driver, Night, films, rows_in

from fearrefactor.core.settings import CutSettings, Limits, RenderSettings
from fearrefactor.errors import DiskFullError
from fearrefactor.media.child import MediaChild
from fearrefactor.pipeline.disk import wait_for_room
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Trial

KIB = 1 << 10
Disk = Callable[..., Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """``disk(name, KiB)``: a file system of its own at ``tmp_path / name``, or made larger."""
    mounted: list[Path] = []

    def make(name: str, kib: int) -> Path:
        path = tmp_path / name
        path.mkdir(exist_ok=True)
        how = f"{'remount,' if path in mounted else ''}size={kib}k"
        command = ["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(path)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a small file system can be mounted here only by root")
        mounted.append(path)
        return path

    yield make
    for path in dict.fromkeys(mounted):
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def with_sound(film: bytes, n_bytes: int) -> bytes:
    """The film with about ``n_bytes`` of noise to be heard, in a QuickTime file."""
    file = io.BytesIO()
    with av.open(io.BytesIO(film)) as silent, av.open(file, "w", format="mov") as out:
        pictures = out.add_stream_from_template(silent.streams.video[0])
        sound = out.add_stream("pcm_s16le", rate=48_000, layout="mono")
        noise = np.random.default_rng(1).integers(-9000, 9000, (1, n_bytes // 2), np.int16)
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        for packet in silent.demux():
            if packet.dts is not None:
                packet.stream = pictures
                out.mux_one(packet)
        out.mux([*sound.encode(frame), *sound.encode(None)])
    return file.getvalue()


def small_and_large(folder: Path, n_small: int) -> list[dict[str, object]]:
    """Rows of small films, and of one of half a megabyte in their midst."""
    contents = list(films(n_small + 1, n_frames=12))
    contents[n_small // 2] = with_sound(contents[n_small // 2], 500 * KIB)
    return rows_in(folder, contents)


@pytest.mark.timeout(200)
def test_what_finds_no_room_for_its_scratch_fails_and_the_worker_goes_on(
    night_folder: Path,
    disk: Disk,
    monkeypatch: pytest.MonkeyPatch,
    *,
    full: bool,
    tried: Trial,
) -> None:
    n_small = 40 if full else 4
    rows = small_and_large(night_folder / "films", n_small)
    night = Night(f"{night_folder}/out/", rows, workers=2)
    scratch = disk("tmp", 320)
    driver = Driver(night, night_folder)
    assert driver.wait() == 2, driver.said()
    reports = {report.row: report for report in assert_invariants(night)}
    large = reports.pop(n_small // 2 + 1)
    assert (large.outcome, large.code) == ("failed", "disk_full"), large
    assert {report.outcome for report in reports.values()} == {"masked"}
    assert_nothing_is_left(night, night_folder)
    assert [path for path in scratch.rglob("*") if path.is_file()] == []

    again = replace(night, run_id="with-room", workers=None)
    disk("tmp", 4096)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    report, _ = again.run()
    assert report.outcomes["failed"] == 0
    reports = {report.row: report for report in assert_invariants(again)}
    assert [row for row, report in reports.items() if not report.reused] == [large.row]
    assert_nothing_is_left(again, night_folder)
    tried(f"{n_small + 1} films", "a disk of 320 KiB for scratch: 1 disk_full, done once it grew")


@pytest.mark.timeout(200)
def test_what_finds_no_room_for_its_result_fails_and_a_rerun_does_it(
    night_folder: Path, disk: Disk, *, full: bool, tried: Trial
) -> None:
    n_small = 20 if full else 4
    output = disk("out", 360 + 44 * n_small)
    night = Night(f"{output}/", small_and_large(night_folder / "films", n_small))
    report, _ = night.run()
    assert report.outcomes["failed"] == 1
    reports = {told.row: told for told in assert_invariants(night)}
    large = reports[n_small // 2 + 1]
    assert (large.outcome, large.code) == ("failed", "disk_full"), large
    assert list(FolderStore(output).unfinished("")) == []
    assert_nothing_is_left(night)

    disk("out", 4096)
    again = night.again("with-room")
    report, _ = again.run()
    assert report.outcomes["failed"] == 0
    reused = {told.row for told in assert_invariants(again) if told.reused}
    assert reused == {*range(1, n_small + 2)} - {large.row}
    assert_a_rerun_does_nothing(again)
    tried(f"{n_small + 1} films", "a full folder of results: 1 disk_full, done once it grew")


@pytest.mark.timeout(200)
def test_a_run_whose_own_ledger_finds_no_room_ends_and_goes_on_when_there_is_some(
    night_folder: Path, disk: Disk, tried: Trial
) -> None:
    output = disk("out", 200)
    night = Night(f"{output}/", rows_in(night_folder / "films", films(12, n_frames=12)))
    with pytest.raises(DiskFullError):
        night.run()
    assert_invariants(night, is_over=False)
    before = set((output / "videos").glob("*.mp4"))
    assert 0 < len(before) < 12

    disk("out", 4096)
    report, reports = night.run()
    assert report.outcomes["failed"] == 0
    assert_invariants(night)
    assert sum(told.reused for told in reports) == len(before)
    assert_nothing_is_left(night)
    assert_a_rerun_does_nothing(night)
    tried("12 films", f"no room for the ledger: ended after {len(before)} films, 0 lost")


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
def test_a_muxer_that_comes_upon_a_full_disk_says_so_wherever_it_happens(
    disk: Disk, container: str, tried: Trial
) -> None:
    film = with_sound(next(films(1, n_frames=240, lit={})), 16 * KIB)
    file = io.BytesIO()
    with av.open(io.BytesIO(film)) as whole, av.open(file, "w", format=container) as out:
        stream = out.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux_one(packet)
    n_kib = len(file.getvalue()) // KIB
    outcomes = set()
    # The first page, the middle, and everything about the end, where indices are written.
    for kib in (4, n_kib // 2, *range(n_kib - 12, n_kib + 16, 4)):
        scratch = disk("scratch", 4096)
        (scratch / "ballast").write_bytes(bytes((4096 - kib) * KIB))
        with MediaChild(io.BytesIO(file.getvalue()), scratch) as child:
            index = child.index(Limits(), CutSettings())
            nothing = np.zeros(len(index.gops), np.bool_)
            try:
                made = child.assemble(index, [], nothing, RenderSettings())
            except DiskFullError:
                outcomes.add("disk_full")
            else:
                outcomes.add("whole")
                with av.open(str(made)) as result:
                    assert sum(1 for _ in result.decode(video=0)) == 240
        (scratch / "ballast").unlink()
        assert list(scratch.iterdir()) == []
    assert outcomes == {"disk_full", "whole"}
    tried("9 sizes of disk", f"{container}: disk_full or whole")


def test_room_that_another_video_leaves_is_used(disk: Disk) -> None:
    scratch = disk("scratch", 256)
    ballast = scratch / "ballast"
    ballast.write_bytes(bytes(200 * KIB))
    leaving = threading.Timer(0.5, ballast.unlink)
    leaving.start()
    wait_for_room(scratch, 100 * KIB, wait_s=20)
    assert not ballast.exists()
    leaving.join()
    with pytest.raises(DiskFullError, match="are needed"):
        wait_for_room(scratch, 257 * KIB, wait_s=20)


def test_a_step_that_finds_no_room_is_the_disks_fault_and_the_next_video_is_done(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = disk("scratch", 64)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(VideoWorker, "room_wait_s", 0.1)
    settings = JobSettings(f"{tmp_path}/out", "", S3Settings())
    source = tmp_path / "film.mp4"
    source.write_bytes(next(films(1)))
    with scratch_folder("test") as folder, VideoWorker(settings, None, folder) as worker:
        ballast = scratch / "ballast"
        ballast.write_bytes(bytes(60 * KIB))
        for n_pieces in (1, 3):
            with pytest.raises(DiskFullError):
                worker.hold("packets", [bytes(3 * KIB)] * n_pieces + [bytes(8 * KIB)])
            assert list(worker.scratch.iterdir()) == []
        ballast.unlink()
        assert worker.hold("packets", [bytes(8 * KIB)]).stat().st_size == 8 * KIB
        assert worker.survey(str(source)).index.n_frames == 24
    assert list(scratch.iterdir()) == []
