"""What a step is about, packed for its way to an actor.

Ray packs arguments with a pickler that asks Python about every object: half a millisecond for the
task of one segment, which the driver's one thread pays for each of them. Here the standard pickler
does it, and what all segments of a video share is packed once.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Final, TypeAlias

from fearrefactor.core.gops import Gops
from fearrefactor.core.video import SegmentTask

if TYPE_CHECKING:
    from fearrefactor.core.video import VideoInfo
    from fearrefactor.pipeline.job import PinnedSource, Seen
    from fearrefactor.pipeline.log_lines import Subject

#: What all segments of a video share, and the one segment.
Packed: TypeAlias = tuple[bytes, bytes]

#: As many as may be in hand at once on a large cluster; each takes some kilobytes.
_MAX_VIDEOS: Final = 4096


class Packer:
    """Packs sources and tasks; remembers the ``max_videos`` videos that it met last."""

    def __init__(self, max_videos: int = _MAX_VIDEOS) -> None:
        self._max_videos = max_videos
        # By identity: what is remembered is also held, so that no other can be taken for it.
        self._videos: dict[tuple[int, int], tuple[PinnedSource, VideoInfo, bytes]] = {}

    @property
    def n_videos(self) -> int:
        """How many are remembered."""
        return len(self._videos)

    def pack(self, source: PinnedSource, task: SegmentTask) -> Packed:
        """What ``unpack`` makes the same of again."""
        part = task.segment, task.pts, task.gops.as_bytes()
        return self._video(source, task.info), pickle.dumps(part, pickle.HIGHEST_PROTOCOL)

    def _video(self, source: PinnedSource, info: VideoInfo) -> bytes:
        name = id(source), id(info)
        if name not in self._videos:
            if len(self._videos) == self._max_videos:
                del self._videos[next(iter(self._videos))]
            packed = pickle.dumps((source, info), pickle.HIGHEST_PROTOCOL)
            self._videos[name] = source, info, packed
        return self._videos[name][2]


def pack_subject(subject: Subject) -> bytes:
    """What ``unpack_subject`` makes the same of again."""
    return pickle.dumps(subject, pickle.HIGHEST_PROTOCOL)


def unpack_subject(packed: bytes) -> Subject:
    """What was packed, by the driver of this very run."""
    subject: Subject = pickle.loads(packed)  # noqa: S301 - as Ray itself does
    return subject


def pack_seen(seen: Seen) -> bytes:
    """What ``unpack_seen`` makes the same of again."""
    return pickle.dumps(seen, pickle.HIGHEST_PROTOCOL)


def unpack_seen(packed: bytes) -> Seen:
    """What was packed, by the driver of this very run."""
    seen: Seen = pickle.loads(packed)  # noqa: S301 - as Ray itself does
    return seen


def unpack(packed: Packed) -> tuple[PinnedSource, SegmentTask]:
    """What was packed, by the driver of this very run."""
    source, info = pickle.loads(packed[0])  # noqa: S301 - as Ray itself does
    segment, pts, gops = pickle.loads(packed[1])  # noqa: S301
    return source, SegmentTask(info, segment, pts, Gops.from_bytes(gops))
