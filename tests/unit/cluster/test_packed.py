from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from values import video_index

from fearrefactor.cluster.packed import Packer, unpack
from fearrefactor.pipeline.job import PinnedSource
from fearrefactor.storage.objects import ObjectStat


def source(number: int) -> PinnedSource:
    stat = ObjectStat(f"{number}.mp4", 1000, "v1", {"attempt": "x"}, 1.5, 7)
    return PinnedSource(f"s3://b/{number}.mp4", "s3://b", stat, b"sums")


@given(lengths=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), max_size=5))
def test_what_an_actor_unpacks_is_what_the_driver_packed(lengths: list[list[int]]) -> None:
    packer = Packer()
    videos = [(source(number), video_index(each)) for number, each in enumerate(lengths)]
    packed = [
        (pinned, task, packer.pack(pinned, task)) for pinned, i in videos for task in i.tasks()
    ]
    for pinned, task, data in packed:
        there, found = unpack(data)
        assert there == pinned
        assert (found.info, found.segment) == (task.info, task.segment)
        np.testing.assert_array_equal(found.pts, task.pts)
        assert found.gops.as_bytes() == task.gops.as_bytes()


def test_what_segments_share_is_packed_once_and_not_kept_for_ever() -> None:
    packer = Packer(max_videos=2)
    kept = [(source(number), video_index([3, 4])) for number in range(5)]
    for pinned, index in kept:
        first, second = (packer.pack(pinned, task)[0] for task in index.tasks())
        assert first is second
    assert packer.n_videos == 2
    pinned, index = kept[0]
    assert unpack(packer.pack(pinned, index.tasks()[0]))[0] == pinned
