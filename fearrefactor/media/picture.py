"""The picture of a sticker or a background: from a policy to the samples of a frame's planes."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import av
import av.error
import cv2
import numpy as np

from fearrefactor.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.video.codeccontext import VideoCodecContext
    from numpy.typing import NDArray

    from fearrefactor.core.policy import Effect
    from fearrefactor.media.colors import Colors
    from fearrefactor.media.planes import Plane, Samples

MAX_PIXELS: Final = 16 << 20

#: What a file begins with, and FFmpeg's name of its decoder.
_DECODERS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "mjpeg", b"RIFF": "webp"}


def check_picture(uri: str, origin: str) -> None:
    """Make sure that a picture can be painted; ``origin`` names it in messages.

    Raises:
        PolicyError: not a ``data:`` URI with a whole PNG, JPEG or WebP of at most ``MAX_PIXELS``.
    """
    try:
        _decoded(uri)
    except PolicyError as error:
        raise PolicyError(f"{origin}: {error}") from error


def picture_planes(
    effect: Effect, colors: Colors, planes: Sequence[Plane], rotation_deg: int
) -> tuple[Samples, ...]:
    """An effect's picture as samples of a frame's planes, over the effect's colour, as coded.

    A background covers the upright frame, cut at its sides or above and below, and has the planes'
    own size. A sticker keeps its shape and is no larger than the frame. ``rotation_deg``: how far
    the coded picture is to be turned clockwise to stand upright. The answer is shared: nobody
    writes into it.

    Raises:
        PolicyError: as ``check_picture``.
    """
    height_px, width_px = planes[0].samples.shape
    subsampling = tuple((plane.sub_x, plane.sub_y) for plane in planes)
    lying = rotation_deg in {90, 270}
    upright = (height_px, width_px) if lying else (width_px, height_px)
    fitted = (effect.image or "", *upright, effect.is_background)
    return _planes(fitted, effect.rgb, colors, subsampling, rotation_deg // 90)


# A process knows one video. Stickers over `surround` have a colour, and an entry, for each track.
@lru_cache(maxsize=64)
def _planes(
    fitted: tuple[str, int, int, bool],
    behind: tuple[int, int, int],
    colors: Colors,
    subsampling: tuple[tuple[int, int], ...],
    quarter_turns: int,
) -> tuple[Samples, ...]:
    rgba = np.rot90(_fitted(*fitted), quarter_turns)  # anticlockwise: from upright back to coded
    alpha = rgba[..., 3:].astype(np.float32) / 255
    rgb = rgba[..., :3] + np.array(behind, np.float32) * (1 - alpha)
    full = colors.planes(np.clip(np.rint(rgb), 0, 255).astype(np.uint8))
    height, width = rgb.shape[:2]
    return tuple(
        resized(samples, -(-width >> sub_x), -(-height >> sub_y))
        for samples, (sub_x, sub_y) in zip(full, subsampling, strict=True)
    )


@lru_cache(maxsize=8)
def _fitted(uri: str, width: int, height: int, covers: bool) -> NDArray[np.uint8]:  # noqa: FBT001 - a key
    """A picture as large as a frame: it ``covers`` it, or lies within it and is not enlarged.

    ``(rows, columns, 4)`` RGBA, the colours multiplied with alpha: what is transparent has no
    colour to lend to its neighbours when it is scaled.
    """
    rgba = cv2.cvtColor(_decoded(uri), cv2.COLOR_RGBA2mRGBA)
    across, down = width / rgba.shape[1], height / rgba.shape[0]
    scale = max(across, down) if covers else min(across, down, 1)
    if covers:  # cut first, so that nothing is scaled that is not seen
        rows, columns = max(round(height / scale), 1), max(round(width / scale), 1)
        top, left = (rgba.shape[0] - rows) // 2, (rgba.shape[1] - columns) // 2
        rgba = rgba[max(top, 0) :][:rows, max(left, 0) :][:, :columns]
        columns, rows = width, height
    else:
        columns, rows = (max(round(side * scale), 1) for side in (rgba.shape[1], rgba.shape[0]))
    return cast("NDArray[np.uint8]", resized(rgba, columns, rows))


def resized(samples: Any, width: int, height: int) -> Any:
    """Scaled to ``width`` × ``height``: means where it shrinks, interpolated where it grows."""
    shrinks = samples.shape[0] >= height and samples.shape[1] >= width
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(samples, (width, height), interpolation=way)


def _decoded(uri: str) -> NDArray[np.uint8]:
    """The picture upright, ``(height, width, 4)`` RGBA."""
    named = f"picture {uri[:48]}{'…' if len(uri) > 48 else ''}"
    head, comma, body = uri.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64") and comma):
        raise PolicyError(f"{named}: expected its content as data:image/png;base64,…")
    try:
        content = base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise PolicyError(f"{named}: its base64 is broken: {error}") from error
    decoder = next((name for magic, name in _DECODERS.items() if content.startswith(magic)), None)
    if decoder is None:
        raise PolicyError(f"{named}: expected a PNG, JPEG or WebP file, it begins {content[:8]!r}")
    context = cast("VideoCodecContext", av.CodecContext.create(decoder, "r"))
    context.thread_count = 1
    context.options = {"max_pixels": str(MAX_PIXELS), "err_detect": "explode"}
    try:
        frame = context.decode(av.Packet(content))[0]
        rgba = frame.reformat(format="rgba", threads=1).to_ndarray()
    except (av.error.FFmpegError, IndexError) as error:
        raise PolicyError(
            f"{named}: cannot be decoded ({error}); expected a whole, unmoving PNG, JPEG or WebP "
            f"of at most {MAX_PIXELS >> 20} megapixels"
        ) from error
    upright = np.rot90(rgba, round(frame.rotation / 90))  # as a telephone held it
    return np.ascontiguousarray(upright, np.uint8)
