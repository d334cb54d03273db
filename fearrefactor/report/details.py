"""All about single videos: their timelines, pictures and files, from what the run has kept."""

from __future__ import annotations

import base64
import shlex
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from fearrefactor.errors import FearRefactorError, StoreError
from fearrefactor.report.content import ClassContent, DetailContent, FileContent, PictureContent
from fearrefactor.report.lanes import timeline_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.thumbnail import Thumbnail
    from fearrefactor.report.kept_logs import KeptLogs
    from fearrefactor.report.lanes import Timeline
    from fearrefactor.report.links import Links

_N_AT_ONCE: Final = 8
#: So many videos are read ahead of those that are done.
_WINDOW: Final = 64


@dataclass
class Details:
    """Makes the details of videos, the most urgent first.

    ``picture_bytes`` are left for all pictures together. ``look``, where it is given, answers the
    unmasked pictures of a source.
    """

    logs: KeptLogs
    links: Links
    run_uri: str
    picture_bytes: int
    look: Callable[[VideoReport, Sequence[Thumbnail]], Mapping[int, bytes]] | None = None
    #: Seconds by class, and there by row and track.
    _masked_s: dict[str, dict[tuple[int, int], float]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def of(self, videos: Iterable[VideoReport]) -> Iterator[DetailContent]:
        """One for each video; logs that cannot be read are named in its notes."""
        rest = iter(videos)
        with ThreadPoolExecutor(_N_AT_ONCE) as threads:
            while window := list(islice(rest, _WINDOW)):
                read = partial(_read, self.logs, with_pictures=self.picture_bytes > 0)
                for video, found in zip(window, threads.map(read, window), strict=True):
                    yield self._detail(video, found)

    def classes(self) -> tuple[ClassContent, ...]:
        """What was masked of each class in the videos so far, the longest first."""
        found = [
            ClassContent(
                name=name,
                n_videos=len({row for row, _ in tracks}),
                n_tracks=len(tracks),
                masked_s=sum(tracks.values()),
            )
            for name, tracks in self._masked_s.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.masked_s, one.name)))

    def _detail(self, video: VideoReport, found: _Read) -> DetailContent:
        notes = [*video.notes, *found.notes]
        timeline = found.timeline
        for (name, track), masked_s in timeline.masked_s.items() if timeline else ():
            self._masked_s[name][video.row, track] = masked_s
        if timeline and timeline.step_s:
            notes.append(f"its timeline is drawn in steps of {timeline.step_s:.2g} s")
        pictures, left_out = self._pictures(video, found, notes)
        return DetailContent(
            row=video.row,
            duration_s=video.duration_s or 0.0,
            lanes=timeline.lanes if timeline else (),
            n_lanes=timeline.n_lanes if timeline else 0,
            unsure=timeline.unsure if timeline else (),
            pictures=pictures,
            pictures_left_out=left_out,
            files=_files(video, self.links),
            audit=video.audit,
            n_audited_frames=video.n_audited_frames,
            n_leaks=video.n_leaks,
            n_detections=video.n_detections,
            n_rendered_frames=video.n_rendered_frames,
            reused=video.reused,
            seconds=video.seconds,
            notes=tuple(notes),
            extra=video.extra,
            output_sha256=video.output_sha256,
            work_id=video.work_id,
        )

    def _pictures(
        self, video: VideoReport, found: _Read, notes: list[str]
    ) -> tuple[tuple[PictureContent, ...], str | None]:
        """What fits into what is left, and why there are none."""
        if not video.n_masked_frames or not video.plan_key:
            return (), None
        if found.thumbnails is None:
            return (), found.no_pictures or self._full(video)
        sources: Mapping[int, bytes] = {}
        if self.look is not None:
            try:
                sources = self.look(video, found.thumbnails)
            except FearRefactorError as error:
                notes.append(f"its source cannot be shown: {error}")
        n_bytes = sum(len(one.jpeg) for one in found.thumbnails)
        n_bytes += sum(map(len, sources.values()))
        if n_bytes > self.picture_bytes:
            self.picture_bytes = 0  # from here on in order of urgency, with no exception
            return (), self._full(video)
        self.picture_bytes -= n_bytes
        times_s = found.timeline.time_s if found.timeline else {}
        return tuple(_picture(one, times_s, sources) for one in found.thumbnails), None

    def _full(self, video: VideoReport) -> str:
        return (
            "the page is full of pictures of other videos; to see those of this one: "
            f"fearrefactor report {self.run_uri} --only {shlex.quote(video.id)}"
        )


@dataclass(frozen=True)
class _Read:
    """What the logs of a video say; ``no_pictures`` says why there are none."""

    timeline: Timeline | None = None
    thumbnails: tuple[Thumbnail, ...] | None = None
    notes: tuple[str, ...] = ()
    no_pictures: str | None = None


def _read(logs: KeptLogs, video: VideoReport, *, with_pictures: bool) -> _Read:
    if not video.plan_key:
        return _Read()
    timeline, thumbnails, no_pictures = None, None, None
    notes = []
    try:
        timeline = timeline_of(logs.plan(video), video.duration_s or 0.0)
    except StoreError as error:
        notes.append(f"its timeline is missing: the plan {video.plan_key} cannot be read: {error}")
    if with_pictures and video.n_masked_frames:
        try:
            thumbnails = logs.thumbnails(video)
        except StoreError as error:
            no_pictures = f"its pictures cannot be read: {error}"
            notes.append(no_pictures)
    return _Read(timeline, thumbnails, tuple(notes), no_pictures)


def _picture(
    one: Thumbnail, times_s: Mapping[int, float], sources: Mapping[int, bytes]
) -> PictureContent:
    frame = one.moment.frame
    source = sources.get(frame)
    return PictureContent(
        frame=frame,
        time_s=times_s.get(frame, one.time_s),
        why=one.moment.why,
        width_px=one.width_px,
        height_px=one.height_px,
        jpeg=base64.b64encode(one.jpeg).decode(),
        source_jpeg=None if source is None else base64.b64encode(source).decode(),
    )


def _files(video: VideoReport, links: Links) -> tuple[FileContent, ...]:
    source = FileContent(
        kind="source",
        place=video.uri,
        sha256=video.input_sha256,
        size_bytes=video.input_bytes,
    )
    kept = (
        ("result", video.output_key, video.output_sha256, video.output_bytes),
        ("detections", video.detections_key, video.detections_sha256, None),
        ("plan", video.plan_key, video.plan_sha256, None),
    )
    return (
        source,
        *(
            FileContent(
                kind=kind,
                place=links.place(key),
                href=links.href(key),
                sha256=sha256,
                size_bytes=size_bytes,
            )
            for kind, key, sha256, size_bytes in kept
            if key
        ),
    )
