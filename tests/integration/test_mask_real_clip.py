from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from fearrefactor.core.moments import MOST_MOMENTS
from fearrefactor.media.stencil import cut
from fearrefactor.storage.detection_log import read_detections
from fearrefactor.storage.frame_log import read_frames
from fearrefactor.storage.plan_log import read_plan
from fearrefactor.storage.thumbnail_log import read_thumbnails

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLIP = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "video" / "sam2_01_dog.mp4"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CLIP.is_file(), reason="needs the real clips of ../shared/data"),
]


def mask(output: Path, classes: str) -> dict[str, Any]:
    """What the entry point's own process reports of the clip."""
    run_id = classes.replace(" ", "-").replace(",", "-")
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "fearrefactor"),
            *("mask", str(CLIP), "--output", str(output)),
            *("--classes", classes, "--run-id", run_id),
        ],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (report,) = pq.read_table(output / "runs" / run_id / "videos.parquet").to_pylist()
    assert str(output / report["output_key"]) in done.stdout
    return dict(report)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One output for both tests: whichever runs second finds the detections of the first."""
    return tmp_path_factory.mktemp("output")


def packets(path: Path, kind: str) -> list[tuple[int | None, bytes]]:
    with av.open(str(path)) as container:
        (stream,) = (stream for stream in container.streams if stream.type == kind)
        return [(packet.pts, bytes(packet)) for packet in container.demux(stream) if packet.size]


def times(path: Path) -> list[int | None]:
    with av.open(str(path)) as container:
        return [frame.pts for frame in container.decode(video=0)]


def luma(path: Path, every: int) -> list[NDArray[Any]]:
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [f.to_ndarray(format="gray") for i, f in enumerate(frames) if i % every == 0]


def test_dog_and_person_are_masked_and_everything_else_stays_as_it_was(output: Path) -> None:
    report = mask(output, "dog,person")
    result = output / report["output_key"]
    assert (report["outcome"], report["n_frames"]) == ("masked", 289)
    assert report["n_masked_frames"] > 260
    assert times(result) == times(CLIP)
    assert len(times(result)) == 289
    assert packets(result, "audio") == packets(CLIP, "audio")

    log = str(report["detections_key"])
    sketch, checksum, _, _ = read_frames(output / log.replace("detections/", "frames/"))
    seen, told = read_detections(output / log, sketch, checksum)
    assert seen.frames.tolist() == list(range(289))
    assert told["n_frames"] == "289"
    rows = pq.read_table(output / report["detections_key"]).to_pylist()
    assert {"dog", "person"} <= {row["class"] for row in rows}

    plan, _ = read_plan(output / str(report["plan_key"]))
    for index, (before, after) in enumerate(zip(luma(CLIP, 24), luma(result, 24), strict=True)):
        inside = np.zeros(before.shape, bool)
        for region in plan.regions[index * 24]:
            stencil = cut(region.mask, 0, before.shape[1], before.shape[0])
            inside[stencil.top : stencil.bottom, stencil.left : stencil.right] |= stencil.inside
        for row in np.flatnonzero((seen.frame == index * 24) & (seen.score >= 0.25)):
            if seen.class_id[row] in {0, 16}:
                sure = cut(seen.mask[row], 0, before.shape[1], before.shape[0])
                here = inside[sure.top : sure.bottom, sure.left : sure.right]
                assert here[sure.inside].mean() > 0.98
        changed = np.abs(before.astype(int) - after)
        assert changed[~inside].mean() < 4
        assert changed[inside].mean() > 2 * changed[~inside].mean()

    kept, _ = read_thumbnails(output / str(report["plan_key"]).replace("plans/", "thumbnails/"))
    assert [one.moment.frame for one in kept] == sorted({one.moment.frame for one in kept})
    assert len(kept) == MOST_MOMENTS
    shown, source = luma(result, 1), luma(CLIP, 1)
    for one in kept:
        picture = cv2.imdecode(np.frombuffer(one.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert picture.shape == (one.height_px, one.width_px)
        off = [
            np.abs(cv2.resize(film[one.moment.frame], picture.shape[::-1]) - picture.astype(int))
            for film in (shown, source)
        ]
        assert off[0].mean() < 8
        assert off[0].mean() < off[1].mean() / 2  # the result, and not the source


def test_a_clip_with_nothing_to_mask_is_copied_packet_for_packet(output: Path) -> None:
    report = mask(output, "teddy bear")
    result = output / report["output_key"]
    assert (report["outcome"], report["n_frames"], report["n_masked_frames"]) == ("clean", 289, 0)
    assert packets(result, "video") == packets(CLIP, "video")
    assert packets(result, "audio") == packets(CLIP, "audio")
