"""A store that changes bits, and has no checksum of its own by which that could be known."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from lamp_clips import clip

from fearrefactor.errors import DamagedReadError
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.folder import FolderStore
from fearrefactor.storage.reader import BLOCK_BYTES, ObjectReader, block_sums
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fearrefactor.pipeline.job import Survey
    from fearrefactor.storage.objects import ObjectStat


class FlippingStore(FolderStore):
    """A folder of which the ``damaged`` readings, counted from 1, have a wrong bit at the start."""

    def __init__(self, root: Path, damaged: set[int]) -> None:
        super().__init__(root)
        self.damaged = damaged
        self.n_opened = 0

    def open(
        self, key: str, stat: ObjectStat | None = None, sums: bytes | None = None
    ) -> ObjectReader:
        self.n_opened += 1
        if self.n_opened not in self.damaged:
            return super().open(key, stat, sums)
        data = bytearray((self.root / key).read_bytes())
        data[100] ^= 4
        return ObjectReader(lambda start, n: bytes(data[start : start + n]), len(data), sums)


FILM = clip({"red": range(12)}, 12)
BOX = (2 * BLOCK_BYTES).to_bytes(4, "big") + b"free"
DATA = FILM + BOX + random.Random(9).randbytes(2 * BLOCK_BYTES - 8)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[VideoWorker]:
    (tmp_path / "film.mp4").write_bytes(DATA)
    with VideoWorker(JobSettings(str(tmp_path / "out"), "", S3Settings()), None, tmp_path) as made:
        yield made


def of_damaged(worker: VideoWorker, folder: Path, damaged: set[int]) -> FlippingStore:
    store = FlippingStore(folder, damaged)
    worker._store = lambda _: store  # type: ignore[assignment]
    return store


def test_a_first_reading_that_was_damaged_is_done_again(
    worker: VideoWorker, tmp_path: Path
) -> None:
    store = of_damaged(worker, tmp_path, {1})
    found = worker.survey(str(tmp_path / "film.mp4"))
    assert found.sha256 == hashlib.sha256(DATA).hexdigest()
    assert found.source.sums == block_sums(DATA)
    assert store.n_opened == 4


def test_a_source_that_is_never_read_twice_the_same_is_refused(
    worker: VideoWorker, tmp_path: Path
) -> None:
    of_damaged(worker, tmp_path, {1, 3})
    with pytest.raises(DamagedReadError, match="are not what was read before") as caught:
        worker.survey(str(tmp_path / "film.mp4"))
    assert caught.value.code == "store_error"


def test_a_later_reading_is_held_against_the_first(worker: VideoWorker, tmp_path: Path) -> None:
    store = of_damaged(worker, tmp_path, set())
    survey = worker.survey(str(tmp_path / "film.mp4"))
    worker._drop_child()
    store.damaged = {store.n_opened + 1}
    with pytest.raises(DamagedReadError):
        list(worker.render(survey.source, *_first_task(survey)))


def _first_task(survey: Survey) -> tuple[object, ...]:
    [task] = survey.index.tasks()
    return task, {}, np.ones(1, bool)
