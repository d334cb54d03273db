"""The independent check of a finished file, made in a process that wrote none of it.

It knows the source, its index, the plan and the result, and asks: are all frames there, each at its
own time; is the picture of the same shape and colours; is what had nothing to mask the very same
bytes, and does it still decode to what was inspected; is what had something to mask masked there,
and only there; is everything beside the picture the same bytes at the same times; is nothing there
that should have been left out?
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fearrefactor.core.settings import CutSettings
from fearrefactor.errors import FidelityError, MediaError
from fearrefactor.media.index import index_source
from fearrefactor.media.verify_packets import REWRITTEN, check_packets
from fearrefactor.media.verify_pictures import PictureCheck
from fearrefactor.media.verify_tracks import check_tracks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.plan import Region
    from fearrefactor.core.settings import Limits, VerifyMode
    from fearrefactor.core.thumbnail import Moment, Thumbnail
    from fearrefactor.core.video import VideoIndex, VideoInfo
    from fearrefactor.media.source import Source

#: In one piece: the result is looked at where the source's GOPs are.
_UNCUT: Final = CutSettings(min_segment_frames=1 << 62)
#: What must be equal; what two containers say in different ways is compared on its own.
_SAME: Final = (
    *("width_px", "height_px", "pix_fmt", "rotation_deg", "alpha", "interlaced"),
    *("top_field_first", "mastering_display", "content_light", "n_chapters"),
)
_SAME_COLOURS: Final = ("color_range", "color_primaries", "color_trc", "colorspace")
#: 0 and 2 both say "nobody told": an encoder may then tell what it assumes.
_UNSPECIFIED: Final = frozenset({0, 2})


@dataclass(frozen=True, eq=False)
class Expected:
    """What a result should be.

    ``regions`` is the plan, by frame; ``checksums``: ``(n_frames,)`` uint32, of the frames that
    were inspected. ``whole`` says that every GOP was rendered if any was; ``mode`` how many of the
    copied ones are decoded. ``moments`` are masked frames of which pictures are kept.
    """

    index: VideoIndex
    regions: Mapping[int, Sequence[Region]]
    checksums: NDArray[np.uint32]
    whole: bool
    mode: VerifyMode = "sampled"
    moments: tuple[Moment, ...] = ()

    def __post_init__(self) -> None:
        if self.checksums.shape != (self.index.n_frames,):
            msg = f"expected {self.index.n_frames} checksums, got {self.checksums.shape}"
            raise ValueError(msg)


@dataclass(frozen=True)
class Verified:
    """A result that was held against its source and its plan, and is what it should be.

    ``verify`` makes them, and nothing else does: without one nothing is published. ``sha256`` is
    that of the file at ``path`` as it was read; ``n_compared`` counts the pictures looked at.
    ``thumbnails`` were made of those pictures, each after it was found to be masked as planned.
    """

    path: Path
    sha256: str
    n_compared: int
    thumbnails: tuple[Thumbnail, ...] = ()


def verify(source: Source, result: Path, expected: Expected, limits: Limits) -> Verified:
    """Hold a result against its source and the plan.

    Raises:
        FidelityError: naming the property that differs, what was expected and what was found.
        MediaError: the source cannot be read any more.
    """
    index = expected.index
    rendered = index.to_render(expected.regions, whole=expected.whole)
    with result.open("rb") as file:
        try:
            found = index_source(file, limits, _UNCUT)
        except MediaError as error:
            raise FidelityError(f"the result cannot be read back: {error}") from error
        if found.n_frames != index.n_frames:
            raise FidelityError(
                f"frames: expected {index.n_frames}, the result has {found.n_frames}"
            )
        if not index.info.is_image:
            _check_info(index.info, found.info)
            check_packets(source, file, index, found, rendered)
            check_tracks(source, file, found.info)
        pictures = PictureCheck(
            index,
            found.tasks()[0],
            rendered,
            expected.regions,
            expected.checksums,
            moments=expected.moments,
        )
        mode: VerifyMode = "full" if index.info.codec in REWRITTEN else expected.mode
        n_compared = pictures.run(source, file, mode)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Verified(result, sha256, n_compared, tuple(pictures.thumbnails))


def _check_info(expected: VideoInfo, found: VideoInfo) -> None:
    for name in (*_SAME, *_SAME_COLOURS):
        before, after = getattr(expected, name), getattr(found, name)
        if before != after and not (name in _SAME_COLOURS and before in _UNSPECIFIED):
            raise FidelityError(f"{name}: expected {before}, got {after}")
    if found.n_hidden_frames and expected.n_hidden_frames:
        raise FidelityError("hidden frames: the result still holds frames that are never shown")
    turned = _turn(expected), _turn(found)
    # Matroska and WebM say an angle, and a whole number of pixels for the shape of one.
    if any(abs(one - other) > 0.001 for one, other in zip(*turned, strict=True)):
        raise FidelityError(f"display matrix: expected {turned[0]}, got {turned[1]}")
    shape = float(expected.sample_aspect_ratio), float(found.sample_aspect_ratio)
    if abs(shape[0] - shape[1]) > 0.005:
        raise FidelityError(f"sample aspect ratio: expected {shape[0]}, got {shape[1]}")
    for stream in found.streams:  # an MP4 writes its chapters as a data track, too
        if not stream.kept and not (stream.kind == "data" and found.n_chapters):
            raise FidelityError(f"streams: the result holds stream {stream.index}: {stream.why}")


def _turn(info: VideoInfo) -> tuple[float, ...]:
    """How the picture is turned and mirrored: a 2 × 2 matrix (ISO/IEC 14496-12, 6.2.2)."""
    if info.display_matrix is None:
        return (1.0, 0.0, 0.0, 1.0)
    return tuple(info.display_matrix[at] / 65536 for at in (0, 1, 3, 4))
