from __future__ import annotations

import io
import os
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import synthetic
from walk import LIMITS, RENDER, copied, everywhere, expectation, frames_of, index_of, rendered

from fearrefactor.core.letterbox import fit
from fearrefactor.core.settings import CutSettings
from fearrefactor.errors import (
    FidelityError,
    LimitError,
    MediaError,
    SourceChangedError,
    WorkerLostError,
)
from fearrefactor.media.budget import Budget
from fearrefactor.media.child import MediaChild
from fearrefactor.media.child_launch import TEMPLATES
from fearrefactor.media.decode import shrink
from fearrefactor.media.packets import unpack_all

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.core.letterbox import Letterbox

CUT = CutSettings(min_segment_frames=12)
BOX = fit(160, 96, 160 / 96, 160)
ALL = np.ones(4, bool)  # its GOPs


#: ``test_sandbox`` asks a child itself, whoever runs it.
only_root_sees = pytest.mark.skipif(
    os.geteuid() != 0, reason="a child that is locked in shows its files in /proc only to root"
)


def expected_pixels(data: bytes, box: Letterbox) -> np.ndarray:
    out = []
    for frame in frames_of(data, index_of(data)):
        picture = np.zeros((box.input_height, box.input_width, 3), np.uint8)
        shrink(frame, box, 0, picture)
        out.append(picture)
    return np.stack(out)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("batch", [1, 5, 12, 100])
def test_frames_of_all_segments_arrive_once_and_as_they_are(batch: int, tmp_path: Path) -> None:
    data = synthetic.b_frames()
    numbers, pixels, checksums = [], [], []
    with MediaChild(io.BytesIO(data), tmp_path) as child:
        index = child.index(LIMITS, CUT)
        assert len(index.segments) == 4
        for task in index.tasks():
            for found in child.frames(task, BOX, batch):
                assert len(found.frames) == len(found.pixels) <= batch
                numbers += found.frames.tolist()
                pixels.append(found.pixels.copy())
                checksums += found.checksums.tolist()
    assert numbers == list(range(48))
    assert (np.concatenate(pixels) == expected_pixels(data, BOX)).all()
    assert checksums == expectation(data, index, {}).checksums.tolist()


def test_what_comes_through_a_child_is_what_this_process_would_have_made(tmp_path: Path) -> None:
    data = synthetic.everything()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    here = index_of(data, 12)
    plan = everywhere(here)
    with MediaChild(io.BytesIO(data), scratch) as child:
        index = child.index(LIMITS, CUT)
        assert index.info == here.info
        assert index.segments == here.segments
        assert index.gops.as_bytes() == here.gops.as_bytes()
        assert index.pts.tolist() == here.pts.tolist()
        packets = b"".join(
            piece
            for task in index.tasks()
            for piece in child.render(task, plan, ALL[task.segment.gops], RENDER)
        )
        assert list(unpack_all(io.BytesIO(packets))) == rendered(data, here, plan)
        file = scratch / "packets"
        file.write_bytes(packets)
        result = child.assemble(index, [file], ALL, RENDER)
        with MediaChild(io.BytesIO(data), scratch) as other:
            other.verify(result, expectation(data, here, plan), LIMITS)
        copy = child.assemble(index, [], ~ALL, RENDER)
        (tmp_path / "here").mkdir()
        assert copy.read_bytes() == copied(data, here, tmp_path / "here").read_bytes()
        file.unlink()
    assert not result.exists()
    assert list(scratch.iterdir()) == []


def test_a_sabotaged_result_is_caught_through_a_child_too(tmp_path: Path) -> None:
    data = synthetic.plain()
    other = tmp_path / "other.mp4"
    other.write_bytes(synthetic.plain(n_frames=47))
    with MediaChild(io.BytesIO(data), tmp_path) as child:
        index = child.index(LIMITS, CUT)
        with pytest.raises(FidelityError, match="frames: expected 48, the result has 47"):
            child.verify(other, expectation(data, index, {}), LIMITS)


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (b"", MediaError, "empty_file"),
        (b"#EXTM3U\nhttp://127.0.0.1/", MediaError, "not_a_video"),
        (synthetic.sound_only, MediaError, "no_video_stream"),
    ],
)
def test_bad_media_keeps_its_kind_and_code_and_the_child_goes_on(
    data: Any, kind: type[MediaError], code: str, tmp_path: Path
) -> None:
    with MediaChild(io.BytesIO(data() if callable(data) else data), tmp_path) as child:
        for _ in range(2):
            with pytest.raises(kind) as caught:
                child.index(LIMITS, CUT)
            assert (type(caught.value), caught.value.code) == (kind, code)


def test_a_limit_holds_in_a_child_too(tmp_path: Path) -> None:
    limits = LIMITS.model_copy(update={"max_frames": 10})
    with MediaChild(io.BytesIO(synthetic.plain()), tmp_path) as child:
        with pytest.raises(LimitError, match="max_frames"):
            child.index(limits, CUT)
        assert child.index(LIMITS, CUT).n_frames == 48


class Killing(io.BytesIO):
    """A source that kills whoever it is told to, in the middle of being read."""

    pid = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        return super().read(size)


def test_a_child_that_is_killed_is_a_lost_worker_named_with_its_signal(tmp_path: Path) -> None:
    source = Killing(synthetic.plain())
    with MediaChild(source, tmp_path) as child:
        source.pid = child._process.pid
        with pytest.raises(WorkerLostError, match="signal 9 during 'index'") as caught:
            child.index(LIMITS, CUT)
    assert caught.value.code == "poison"
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_dies_between_two_batches_is_a_lost_worker(tmp_path: Path) -> None:
    with MediaChild(io.BytesIO(synthetic.plain()), tmp_path) as child:
        task = child.index(LIMITS, CutSettings()).tasks()[0]
        batches = child.frames(task, BOX, 4)
        next(batches)
        os.kill(child._process.pid, signal.SIGSEGV)
        with pytest.raises(WorkerLostError, match=r"signal 11 during '(frames|more)'"):
            list(batches)


@only_root_sees
def test_no_secret_reaches_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "s3cr3t-value"  # noqa: S105 - it is none
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "HOME", "MY_TOKEN", "HTTPS_PROXY"):
        monkeypatch.setenv(name, secret)
    TEMPLATES.close()  # the next one starts with secrets in reach
    with MediaChild(io.BytesIO(synthetic.plain()), tmp_path) as child:
        child.index(LIMITS, CUT)
        with open(f"/proc/{child._process.pid}/environ", "rb") as file:  # noqa: PTH123
            environment = file.read()
        with open(f"/proc/{child._process.pid}/cmdline", "rb") as file:  # noqa: PTH123
            arguments = file.read()
    names = {entry.split(b"=")[0] for entry in environment.split(b"\0")}
    assert secret.encode() not in environment + arguments
    assert not [name for name in names if name.startswith(b"AWS")]
    assert b"PYTHONPATH" in names


@only_root_sees
def test_a_child_holds_no_file_of_its_parent_beside_its_pipes(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.write_text("x")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    descriptor = os.open(private, os.O_RDONLY)
    os.set_inheritable(descriptor, True)  # noqa: FBT003
    TEMPLATES.close()
    try:
        with MediaChild(io.BytesIO(synthetic.plain()), scratch) as child:
            folder = f"/proc/{child._process.pid}/fd"
            held = [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]  # noqa: PTH115, PTH208
            where = os.readlink(f"/proc/{child._process.pid}/cwd")  # noqa: PTH115
    finally:
        os.close(descriptor)
    assert str(private) not in held
    assert where.startswith(str(scratch))


class Overwritten(io.BytesIO):
    """An object that was replaced after its first read."""

    n_reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.n_reads += 1
        if self.n_reads > 1:
            raise SourceChangedError("s3://bucket/key is no longer what was pinned")
        return super().read(size)


def test_an_error_of_the_store_surfaces_as_itself(tmp_path: Path) -> None:
    data = synthetic.plain(muxer="matroska", width=320, height=192, options={"crf": "0"})
    data += bytes((2 << 20) - len(data) % (1 << 20))  # more than one block
    with (
        MediaChild(Overwritten(data), tmp_path) as child,
        pytest.raises(SourceChangedError, match="no longer what was pinned"),
    ):
        child.index(LIMITS, CUT)
    assert list(tmp_path.iterdir()) == []


class Broken(io.BytesIO):
    """A source that cannot even tell its size."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise SourceChangedError(f"gone at {offset}, {whence}")


def children() -> set[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123
        return set(file.read().split())


def test_a_source_that_fails_at_once_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    before = children()
    with pytest.raises(SourceChangedError):
        MediaChild(Broken(synthetic.plain()), tmp_path)
    assert children() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("doing", ["frames", "render"])
def test_an_exception_of_the_parent_leaves_no_process_and_no_file(
    doing: str, tmp_path: Path
) -> None:
    pid = 0

    def work() -> None:
        nonlocal pid
        with MediaChild(io.BytesIO(synthetic.plain(n_frames=200)), tmp_path) as child:
            pid = child._process.pid
            index = child.index(LIMITS, CutSettings())
            task = index.tasks()[0]
            steps: Any = (
                child.frames(task, BOX, 2)
                if doing == "frames"
                else child.render(task, everywhere(index), np.ones(len(task.gops), bool), RENDER)
            )
            next(steps)
            assert is_alive(pid)
            raise KeyError("the model broke")

    with pytest.raises(KeyError):
        work()
    assert not is_alive(pid)
    assert list(tmp_path.iterdir()) == []


def test_a_child_ends_when_its_parent_hangs_up(tmp_path: Path) -> None:
    child = MediaChild(io.BytesIO(synthetic.plain()), tmp_path)
    child._control.close()
    assert child._process.wait() == 0
    child.close()


def test_a_child_that_hangs_is_given_up(tmp_path: Path) -> None:
    with MediaChild(io.BytesIO(synthetic.plain()), tmp_path) as child:
        child._budget = Budget(patience=0.2 / 300)  # five minutes are too long for a test
        os.kill(child._process.pid, signal.SIGSTOP)
        with pytest.raises(LimitError, match=r"the 0\.2 s that it had for 'index'") as caught:
            child.index(LIMITS, CutSettings())
    assert caught.value.code == "limit_time"
