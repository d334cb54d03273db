from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from values import gops_of

from fearrefactor.core.detections import Detections
from fearrefactor.core.model import ModelCard
from fearrefactor.core.rle import encode
from fearrefactor.core.scenes import SKETCH
from fearrefactor.core.video import VideoIndex, VideoInfo, cut
from fearrefactor.errors import NotFoundError, StoreError
from fearrefactor.storage import detection_log
from fearrefactor.storage.detection_log import read_detections, read_model, write_detections

if TYPE_CHECKING:
    from pathlib import Path

CARD = ModelCard(
    name="toy", sha256="cd" * 32, classes=("dog", "person", "tie"), long_side=640, licence="MIT"
)
SEGMENT_FRAMES = (7, 1, 12)


def index() -> VideoIndex:
    info = VideoInfo(
        container="mp4",
        is_image=False,
        codec="h264",
        stream_index=0,
        width_px=640,
        height_px=360,
        pix_fmt="yuv420p",
        rotation_deg=0,
        display_matrix=None,
        sample_aspect_ratio=Fraction(1),
        time_base=Fraction(1, 30000),
        rate=Fraction(30000, 1001),
        duration_s=20 * 1001 / 30000,
        interlaced=False,
        color_range=1,
        color_primaries=1,
        color_trc=1,
        colorspace=1,
        bit_rate=0,
        n_frames_from_header=20,
        size_bytes=1000,
        streams=(),
        n_chapters=0,
        alpha=False,
        n_hidden_frames=0,
    )
    gops = gops_of(SEGMENT_FRAMES, 1001)
    return VideoIndex(info, cut(gops, 1), np.arange(20, dtype=np.int64) * 1001, gops)


def seen(n: int) -> Detections:
    rng = np.random.default_rng(5)
    return Detections(
        frames=np.arange(20, dtype=np.int64),
        sketch=rng.integers(0, 256, (20, SKETCH), np.uint8),
        checksum=rng.integers(0, 1 << 32, 20, np.uint32),
        frame=np.sort(rng.integers(0, 20, n)).astype(np.int64),
        class_id=rng.integers(0, 3, n).astype(np.int32),
        score=rng.random(n, np.float32),
        box=(rng.random((n, 4), np.float32) * 640).astype(np.float32),
        mask=tuple(encode((rng.random((n, 9, 16)) < 0.4).astype(np.uint8))),
        surround=rng.integers(0, 256, (n, 3), np.uint8),
    )


def write(path: Path, detections: Detections) -> Path:
    write_detections(
        path,
        detections,
        video_id="clip",
        index=index(),
        card=CARD,
        detect_id="ef" * 32,
        detect_settings="all at once",
    )
    return path


def read(path: Path) -> tuple[Detections, dict[str, str]]:
    return read_detections(path, seen(0).sketch, seen(0).checksum)


@pytest.mark.parametrize("n", [0, 1, 500])
def test_what_is_read_is_what_was_written_to_the_bit(
    tmp_path: Path, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection_log, "ROWS_PER_GROUP", 64)
    written = seen(n)
    found, said = read_detections(
        write(tmp_path / "d.parquet", written), written.sketch, written.checksum
    )
    for name in ("frames", "sketch", "checksum", "frame", "class_id", "score", "box", "surround"):
        before, after = getattr(written, name), getattr(found, name)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)
    assert found.mask == written.mask
    assert said["detect_id"] == "ef" * 32
    assert said["model_sha256"] == CARD.sha256
    assert (said["n_frames"], said["time_base"]) == ("20", "1/30000")
    assert json.loads(said["versions"]).keys() == {"fearrefactor", "pyarrow"}


def test_the_model_is_known_from_its_detections_alone(tmp_path: Path) -> None:
    assert read_model(write(tmp_path / "d.parquet", seen(2))) == (CARD, "all at once")


def test_a_model_card_that_is_none_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "d.parquet", seen(3))
    table = pq.read_table(path)
    said = {**table.schema.metadata, b"model_card": b"{}"}
    pq.write_table(table.replace_schema_metadata(said), path)
    with pytest.raises(StoreError, match="no valid model card"):
        read_model(path)


def test_the_same_detections_are_the_same_bytes(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1.parquet", seen(300)), write(tmp_path / "2.parquet", seen(300))
    assert one.read_bytes() == two.read_bytes()


def test_duckdb_reads_names_times_and_segments(tmp_path: Path) -> None:
    path, written = write(tmp_path / "d.parquet", seen(300)), seen(300)
    columns = "frame, pts, time_s, class, model, segment, mask_height, mask_width"
    rows = duckdb.read_parquet(str(path)).select(columns).fetchall()
    assert len(rows) == 300
    for frame, pts, time_s, _, model, segment, height, width in rows:
        assert (pts, model, height, width) == (frame * 1001, "toy", 9, 16)
        assert time_s == frame * 1001 / 30000
        assert segment == (0 if frame < 7 else 1 if frame == 7 else 2)
    assert [row[3] for row in rows] == [CARD.classes[i] for i in written.class_id]


def test_a_frame_that_was_not_inspected_is_never_logged_as_such(tmp_path: Path) -> None:
    whole = seen(0)
    part = Detections(
        frames=np.delete(whole.frames, 11),
        sketch=np.delete(whole.sketch, 11, axis=0),
        checksum=np.delete(whole.checksum, 11),
        frame=whole.frame,
        class_id=whole.class_id,
        score=whole.score,
        box=whole.box,
        mask=whole.mask,
        surround=whole.surround,
    )
    with pytest.raises(ValueError, match="frames 0 to 19 of clip inspected, got 19"):
        write(tmp_path / "d.parquet", part)
    assert list(tmp_path.iterdir()) == []


def test_a_file_cut_short_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "d.parquet", seen(300))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match=r"d\.parquet"):
        read(path)


def test_another_kind_of_table_is_no_detection_file(tmp_path: Path) -> None:
    path = write(tmp_path / "d.parquet", seen(3))
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["pts"]), path)
    with pytest.raises(StoreError, match="expected columns"):
        read(path)
    pq.write_table(table.replace_schema_metadata({"detect_id": "x"}), path)
    with pytest.raises(StoreError, match="lacks video_id"):
        read(path)


def test_a_file_whose_rows_lie_outside_its_frames_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "d.parquet", seen(300))
    table = pq.read_table(path)
    said = {**table.schema.metadata, b"n_frames": b"3"}
    pq.write_table(table.replace_schema_metadata(said), path)
    with pytest.raises(StoreError, match="no valid detections"):
        read(path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read(tmp_path / "none.parquet")
    with pytest.raises(StoreError):
        write(tmp_path / "no" / "folder.parquet", seen(1))
