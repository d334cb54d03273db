"""What must hold after whatever was done to a run: I1 to I6, found out by reading everything.

The scanner trusts no name and no log: it opens every object of the output and looks into it.
"""

from __future__ import annotations

import base64
import collections
import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import av
import av.error
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from lamp_clips import HEIGHT, WIDTH, read_bars
from nights import processes_of, wait_until
from stub_model import COLOURS, lamp_bits

from fearrefactor.core.codes import MAY_BE_RETRIED
from fearrefactor.core.moments import MOST_MOMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nights import Night
    from numpy.typing import NDArray

    from fearrefactor.core.report import VideoReport
    from fearrefactor.storage.objects import ObjectStat, ObjectStore

_RED: Final = COLOURS.index("red")
_RESULTS: Final = ("videos/", "review/")
#: Pictures wherever they hide: in a cover, an attachment, a log.
_STILLS: Final = re.compile(rb"\xff\xd8\xff.*?\xff\xd9|\x89PNG\r\n.*?IEND", re.DOTALL)
#: JPEG as the page of a run holds it.
_PAGED_STILLS: Final = re.compile(rb"\"(/9j/[A-Za-z0-9+/]+=*)\"")
#: Parquet, and files of JSON lines: opened as what they are, elsewhere.
_PARQUET: Final = b"PAR1"
_NO_FILMS: Final = (_PARQUET, b"{")


@dataclass(frozen=True, order=True)
class Leak:
    """A target that can be seen: in which object, and which frame of which film by its bar code."""

    key: str
    film: int
    frame: int


def assert_invariants(night: Night, *, is_over: bool = True) -> list[VideoReport]:
    """I1 to I4 of a night; its reports. A run that is not over has no reports, and no I1."""
    reports = night.reports() if is_over else []
    if is_over:
        assert_every_row_ended_once(night, reports)
    assert find_leaks(night.store(), night.prefix) == []
    assert_results_are_whole(night, reports)
    return reports


def assert_every_row_ended_once(night: Night, reports: list[VideoReport]) -> None:
    """I1: done or failed with a code, none twice, none missing."""
    assert sorted(report.row for report in reports) == list(range(1, len(night.rows) + 1))
    for report in reports:
        if report.outcome == "failed":
            assert report.code in MAY_BE_RETRIED, report
            assert report.output_key is None, report
        else:
            assert report.output_key is not None, report


def find_leaks(store: ObjectStore, prefix: str = "") -> list[Leak]:
    """I2: every frame of every object in which a red lamp shines."""
    return sorted({leak for found in store.list(prefix) for leak in _leaks_in(store, found)})


def assert_results_are_whole(night: Night, reports: list[VideoReport]) -> None:
    """I3 and I4: what is stored is what was made, as many frames as went in, once for each work."""
    store, prefix = night.store(), night.prefix
    works: collections.Counter[str] = collections.Counter()
    results = {}
    for place in _RESULTS:
        for listed in store.list(prefix + place):
            found = store.stat(listed.key)
            told = found.metadata
            works[told["work-id"]] += 1
            results[found.key] = found
            assert _sha256(store, found.key) == told["sha256"], found.key
            for log in ("detections", "plan"):
                key = prefix + told[f"{log}-key"]
                assert _sha256(store, key) == told[f"{log}-sha256"], key
            _assert_pictures_are_of_it(store, prefix, found)
            n_frames = len(list(_frames(_content(store, found.key))))
            assert n_frames == int(told["frames"]), found.key
    assert [work for work, n in works.items() if n > 1] == []
    for report in reports:
        if report.outcome != "failed":
            assert results[str(report.output_key)].metadata["sha256"] == report.output_sha256
            assert report.n_frames == int(results[str(report.output_key)].metadata["frames"])


def _assert_pictures_are_of_it(store: ObjectStore, prefix: str, result: ObjectStat) -> None:
    """A result in which something is masked has small pictures, of this very work."""
    name = PurePosixPath(result.key).stem
    listed = [found.key for found in store.list(f"{prefix}thumbnails/{name}.parquet")]
    assert len(listed) == (result.metadata["masked-frames"] != "0"), result.key
    for key in listed:
        rows = pq.read_table(io.BytesIO(_content(store, key)))
        assert 0 < len(rows) <= MOST_MOMENTS, key
        assert rows.schema.metadata[b"work_id"].decode() == result.metadata["work-id"], key


def assert_nothing_is_left(night: Night, folder: Path | None = None) -> None:
    """I5: no scratch object, no open upload; of drivers in ``folder`` no process and no file."""
    store = night.store()
    assert [found.key for found in store.list(f"{night.prefix}scratch/")] == []
    assert [found.key for found in store.list(f"{night.prefix}claims/")] == []
    assert list(store.unfinished(night.prefix)) == []
    if folder is None:
        return
    wait_until(lambda: not _workers(folder), 20, lambda: f"still there: {_workers(folder)}")
    scratch = (folder / "tmp").glob("fearrefactor-*")
    left = [path for place in scratch for path in place.rglob("*") if path.is_file()]
    assert left == []


def assert_a_rerun_does_nothing(night: Night) -> None:
    """I6: for rows that are done no model is called and nothing is written anew."""
    before = written(night)
    done = {told.row for told in night.reports() if told.outcome != "failed"}
    _, reports = night.again(f"{night.run_id}-again").run()
    for report in reports:
        if report.row in done:
            assert report.outcome != "failed", report
            assert (report.reused, report.n_model_frames) == (True, 0), report
    after = written(night)
    assert {key: after.get(key) for key in before} == before


def written(night: Night) -> dict[str, tuple[str, str]]:
    """Version and attempt of every result and log."""
    store, prefix = night.store(), night.prefix
    kept = [*_RESULTS, "plans/", "detections/", "frames/", "thumbnails/"]
    listed = [found.key for place in kept for found in store.list(prefix + place)]
    stats = [store.stat(key) for key in listed]
    return {stat.key: (stat.etag, stat.metadata["attempt"]) for stat in stats}


def _workers(folder: Path) -> dict[int, str]:
    """Processes that work on videos; Ray's own servers take their time to leave."""
    ours = ("fearrefactor", "nights.py", "ray::")
    found = processes_of(folder)
    return {pid: line for pid, line in found.items() if any(name in line for name in ours)}


def _leaks_in(store: ObjectStore, found: ObjectStat) -> Iterator[Leak]:
    content = _content(store, found.key)
    for pixels in _pictures(content):
        if lamp_bits(pixels, _RED).any():
            is_ours = pixels.shape[:2] == (HEIGHT, WIDTH)
            yield Leak(found.key, *(read_bars(pixels) if is_ours else (-1, -1)))


def _pictures(content: bytes) -> Iterator[NDArray[np.uint8]]:
    if not content.startswith(_NO_FILMS):
        yield from _frames(content)
    if content.startswith(_PARQUET):
        yield from _kept_pictures(content)
    for still in _STILLS.findall(content):
        yield from _frames(still)
    for still in _PAGED_STILLS.findall(content):
        yield from _frames(base64.b64decode(still))


def _kept_pictures(content: bytes) -> Iterator[NDArray[np.uint8]]:
    """Those of a log, in which their bytes may be packed."""
    try:
        table = pq.read_table(io.BytesIO(content))
    except pa.ArrowException:  # a try has damaged it: what is left of it is searched as it lies
        return
    if "jpeg" in table.column_names:
        for jpeg in table["jpeg"].to_pylist():
            yield from _frames(jpeg)


def _frames(content: bytes) -> Iterator[NDArray[np.uint8]]:
    """All that a decoder makes of a file, of every picture track; nothing of what is no film."""
    if not content:
        return
    for number in range(_n_tracks(content)):
        with av.open(io.BytesIO(content)) as container:
            try:
                for frame in container.decode(video=number):
                    yield frame.to_ndarray(format="rgb24").astype(np.uint8)
            except av.error.FFmpegError:
                continue


def _n_tracks(content: bytes) -> int:
    try:
        with av.open(io.BytesIO(content)) as container:
            return len(container.streams.video)
    except av.error.FFmpegError:
        return 0


def _content(store: ObjectStore, key: str) -> bytes:
    with store.open(key) as reader:
        return reader.read()


def _sha256(store: ObjectStore, key: str) -> str:
    return hashlib.sha256(_content(store, key)).hexdigest()
