"""``mask --dry-run``: what would be done, and about how long it would take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from fearrefactor.cli.sources import rows_of
from fearrefactor.core.letterbox import fit
from fearrefactor.core.manifest import parse_row
from fearrefactor.core.report import printable
from fearrefactor.errors import FearRefactorError, ManifestError
from fearrefactor.media.child import MediaChild
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.storage.locations import locate
from fearrefactor.vision.load import load_segmenter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from fearrefactor.cli.environment import Environment
    from fearrefactor.cli.run_settings import Detector, RunSettings
    from fearrefactor.core.video import VideoIndex
    from fearrefactor.vision.segmenter import Segmenter

#: Seconds of one core for a million pixels: decode and scale; mask and encode. Measured on 720p
#: H.264, see benchmarks/stages.py.
_DECODE_S_PER_MPX = 0.004
_RENDER_S_PER_MPX = 0.016


def forecast(
    sources: Sequence[str],
    detector: Detector,
    settings: RunSettings,
    environment: Environment,
    console: Console,
) -> None:
    """Index every source and print videos, frames, segments and an estimate of time.

    The model is timed on this machine; every frame is taken to need masking, so that the estimate
    errs on the long side.
    """
    segmenter = load_segmenter(
        detector.file,
        detector.settings,
        device=detector.device,
        threads=1,
        cache=environment.cache,
    )
    for name in settings.policy.classes:
        segmenter.card.class_id(name)  # the run would not start with one that the model lacks
    table = Table(title="what would be done", title_justify="left")
    for name in ("video", "frames", "segments", "seconds of one core", "why not"):
        table.add_column(name, overflow="fold")
    n_videos = n_frames = n_segments = 0
    total_s = 0.0
    for raw in rows_of(sources, environment.s3):
        name = f"row {raw.number}"
        try:
            if raw.values is None:
                raise ManifestError(f"row {raw.number} cannot be read: {raw.error}")
            row = parse_row(raw.number, raw.values)
            name = printable(row.id, 60)
            index = _index(row.uri, settings, environment)
        except FearRefactorError as error:
            table.add_row(name, "", "", "", f"{error.code}: {printable(str(error))}")
            continue
        cost_s = _cost_s(index, segmenter)
        n_videos, total_s = n_videos + 1, total_s + cost_s
        n_frames, n_segments = n_frames + index.n_frames, n_segments + len(index.segments)
        table.add_row(name, str(index.n_frames), str(len(index.segments)), f"{cost_s:.0f}", "")
    console.print(table, markup=False)
    workers = (settings.cluster and settings.cluster.workers) or environment.n_cores
    console.print(
        f"{n_videos} videos, {n_frames} frames, {n_segments} segments; about "
        f"{total_s / workers:.0f} s on {workers} cores like these if every frame is masked",
        highlight=False,
    )


def _index(uri: str, settings: RunSettings, environment: Environment) -> VideoIndex:
    place = locate(uri)
    with (
        environment.store(place.store_root).open(place.key) as file,
        scratch_folder("dry") as folder,
        MediaChild(file, folder, settings.job.child) as child,
    ):
        return child.index(settings.job.limits, settings.job.cut)


_model_s: dict[tuple[int, int], float] = {}


def _cost_s(index: VideoIndex, segmenter: Segmenter) -> float:
    info = index.info
    box = fit(
        info.upright_width_px, info.upright_height_px, info.display_aspect, segmenter.card.long_side
    )
    shape = (box.input_height, box.input_width)
    if shape not in _model_s:
        _model_s[shape] = _time_model(segmenter, shape)
    megapixels = info.width_px * info.height_px / 1e6
    per_frame = _model_s[shape] + megapixels * (_DECODE_S_PER_MPX + _RENDER_S_PER_MPX)
    return index.n_frames * per_frame


def _time_model(segmenter: Segmenter, shape: tuple[int, int]) -> float:
    frames = np.full((1, *shape, 3), 114, np.uint8)
    segmenter.segment(frames)  # compiles
    times = []
    for _ in range(3):
        start = time.perf_counter()
        segmenter.segment(frames)
        times.append(time.perf_counter() - start)
    return sorted(times)[1]
