"""The limits of steps lie above those of the media processes in them, whatever the video."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from values import detections, video_index

from fearrefactor.cluster.time_limits import TimeLimits
from fearrefactor.core.settings import ChildSettings
from fearrefactor.media.budget import Budget
from fearrefactor.pipeline.job import JobSettings, PinnedSource
from fearrefactor.storage.objects import ObjectStat
from fearrefactor.storage.s3 import S3Settings


def limits(patience: float) -> TimeLimits:
    return TimeLimits(JobSettings("/out", "", S3Settings(), child=ChildSettings(patience=patience)))


@given(
    patience=st.floats(0.01, 10),
    n_bytes=st.integers(1, 1 << 36),
    lengths=st.lists(st.integers(1, 500), min_size=1, max_size=4),
)
def test_a_media_process_that_is_late_is_ended_before_its_worker_is(
    patience: float, n_bytes: int, lengths: list[int]
) -> None:
    ours, theirs = limits(patience), Budget(patience)
    index = video_index(lengths, size_bytes=n_bytes)
    source = PinnedSource("s3://b/film.mp4", "s3://b", ObjectStat("film.mp4", n_bytes, "v1"))
    start = theirs.reading(0)
    for task in index.tasks():
        n_pixels = task.info.width_px * task.info.height_px * task.segment.n_frames
        decoding = start + theirs.decoding(n_bytes, n_pixels)
        assert ours.detect(source, task) > decoding
        assert ours.audit(source, task, 1) > decoding
        assert ours.render(source, task) >= start + theirs.rendering(n_bytes, n_pixels)
    assert ours.survey() >= start + theirs.reading(min(n_bytes, 64 << 30))


def test_patience_multiplies_them_all() -> None:
    index = video_index([12], size_bytes=1000)
    source = PinnedSource("s3://b/film.mp4", "s3://b", ObjectStat("film.mp4", 1000, "v1"))
    (task,) = index.tasks()
    seen = detections(12, [])
    once, thrice = limits(1), limits(3)
    pairs = [
        (once.survey(), thrice.survey()),
        (once.lookup(), thrice.lookup()),
        (once.detect(source, task), thrice.detect(source, task)),
        (once.decide(seen), thrice.decide(seen)),
        (once.render(source, task), thrice.render(source, task)),
        (once.audit(source, task, 3), thrice.audit(source, task, 3)),
    ]
    np.testing.assert_allclose([b / a for a, b in pairs], 3)
