from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fearrefactor.errors import DiskFullError, StoreError
from fearrefactor.pipeline.disk import explained_disk, wait_for_room
from fearrefactor.pipeline.scratch import LOCK, Scratch, scratch_folder, sweep, swept_scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

_KILLED = """
import os, signal, sys
from pathlib import Path
from fearrefactor.pipeline.scratch import Scratch
scratch = Scratch("killed", Path(sys.argv[1]))
(scratch.path / "deep").mkdir()
(scratch.path / "deep" / "packets").write_bytes(b"masked")
print(scratch.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
_SWEEPING = """
import sys
from pathlib import Path
from fearrefactor.pipeline.scratch import sweep
print(sweep(Path(sys.argv[1])))
"""


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    """A scratch folder whose owner was killed."""
    command = [sys.executable, "-c", _KILLED, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return Path(said.stdout.strip())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_scratch_folder_is_gone_with_all_that_is_in_it_when_it_is_closed(tmp_path: Path) -> None:
    with Scratch("toy", tmp_path) as scratch:
        (scratch.path / "sub").mkdir()
        (scratch.path / "sub" / "file").touch()
        (scratch.path / "link").symlink_to(tmp_path)
        assert scratch.path.name.startswith("fearrefactor-toy-")
        assert scratch.path.stat().st_mode & 0o077 == 0
    assert names(tmp_path) == []
    scratch.close()  # once more does no harm


def test_what_a_killed_process_has_left_is_swept(tmp_path: Path, dead: Path) -> None:
    assert (dead / "deep" / "packets").exists()
    assert sweep(tmp_path) == 1
    assert names(tmp_path) == []


def test_what_a_living_process_uses_is_not_swept(tmp_path: Path) -> None:
    with Scratch("alive", tmp_path) as scratch:
        (scratch.path / "packets").touch()
        command = [sys.executable, "-c", _SWEEPING, str(tmp_path)]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        assert said.stdout.strip() == "0"
        assert sweep(tmp_path) == 0
        assert names(scratch.path) == [LOCK, "packets"]


def test_a_folder_that_is_not_surely_ours_is_never_touched(tmp_path: Path, dead: Path) -> None:
    kept = tmp_path / "elsewhere"
    dead.rename(kept)  # another name
    (tmp_path / "fearrefactor-no-lock").mkdir()
    (tmp_path / "fearrefactor-no-lock" / "precious").touch()
    (tmp_path / "fearrefactor-link").symlink_to(kept)
    (tmp_path / "fearrefactor-file").touch()
    (tmp_path / "fearrefactor-lured").mkdir()
    (tmp_path / "fearrefactor-lured" / LOCK).symlink_to(kept / LOCK)
    before = names(tmp_path)
    assert sweep(tmp_path) == 0
    assert names(tmp_path) == before
    assert (kept / "deep" / "packets").exists()


def test_a_folder_that_is_half_swept_can_still_be_swept(tmp_path: Path, dead: Path) -> None:
    (dead / "deep" / "packets").unlink()
    (dead / "deep").rmdir()
    assert names(dead) == [LOCK]
    assert sweep(tmp_path) == 1


def test_a_folder_that_was_removed_by_others_is_no_error(tmp_path: Path) -> None:
    with Scratch("gone", tmp_path) as scratch:
        (scratch.path / LOCK).unlink()
        scratch.path.rmdir()
    assert names(tmp_path) == []


def test_a_run_sweeps_before_and_after(temporary: Path, dead: Path) -> None:
    again = dead.with_name(f"{dead.name}-again")
    with swept_scratch("run") as folder:
        assert names(temporary) == [folder.name]
        with Scratch("actor") as killed:
            (killed.path / LOCK).rename(again.with_name("lock"))
            again.mkdir()
            again.with_name("lock").rename(again / LOCK)
    assert names(temporary) == []


def test_each_folder_has_its_own_name(temporary: Path) -> None:
    with scratch_folder("a") as one, scratch_folder("a") as other:
        assert names(temporary) == sorted([one.name, other.name])


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no scratch folder can be made"):
        Scratch("toy", tmp_path / "nowhere")


def test_room_that_is_there_is_not_waited_for(tmp_path: Path) -> None:
    wait_for_room(tmp_path, 1, wait_s=0)


def test_room_that_does_not_come_is_named(tmp_path: Path) -> None:
    size = shutil.disk_usage(tmp_path).total
    with pytest.raises(DiskFullError, match=f"{size + 1} bytes are needed, .* are free") as caught:
        wait_for_room(tmp_path, size + 1)  # at once: there never will be
    with pytest.raises(DiskFullError, match=f"{size} bytes are needed"):
        wait_for_room(tmp_path, size, wait_s=0)  # a disk with a file on it
    assert caught.value.code == "disk_full"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_apart_from_other_errors(number: int, tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="/a/file: no room"), explained_disk(tmp_path):
        raise OSError(number, "full", "/a/file")
    with pytest.raises(DiskFullError, match=f"{tmp_path}: no room"), explained_disk(tmp_path):
        raise OSError(number, "full")
    with pytest.raises(PermissionError), explained_disk(tmp_path):
        raise PermissionError(errno.EACCES, "no", "/some/file")
