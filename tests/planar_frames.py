"""Frames of PyAV as the values that travel to a device, whatever their layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import av
import numpy as np

from fearrefactor.core.planes import PlanarFrame

if TYPE_CHECKING:
    from fearrefactor.core.planes import Layout

FULL = 2  # AVColorRange


def as_planar(frame: av.VideoFrame, index: int = 0) -> PlanarFrame:
    """The planes of a frame in one of the four layouts."""
    layout = cast("Layout", frame.format.name)
    return PlanarFrame(
        frame=index,
        planes=tuple(frame.planes),
        layout=layout,
        width_px=frame.width,
        height_px=frame.height,
        colorspace=int(frame.colorspace),
        full_range=int(frame.color_range) == FULL,
    )


def interleaved(frame: av.VideoFrame) -> av.VideoFrame:
    """The same samples as a GPU's decoder lays them: NV12, or P010 with ten bits on top."""
    deep = frame.format.name == "yuv420p10le"
    kind: type[np.generic] = np.uint16 if deep else np.uint8
    other = av.VideoFrame(frame.width, frame.height, "p010le" if deep else "nv12")
    luma, u, v = (
        np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes
    )
    for plane, samples in zip(other.planes, (luma, np.stack([u, v], 2)), strict=True):
        lines = np.zeros((plane.height, plane.line_size // kind().itemsize), kind)
        flat = samples.reshape(plane.height, -1)
        lines[:, : flat.shape[1]] = flat << 6 if deep else flat
        plane.update(lines.tobytes())
    other.colorspace, other.color_range = frame.colorspace, frame.color_range
    return other


def painted(
    width: int, height: int, layout: str = "yuv420p", *, colorspace: int = 1, full: bool = False
) -> av.VideoFrame:
    """Soft waves and hard blocks of all colours: what resampling and matrices show up on."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 17 + i) * np.cos(y / 23 - i) * 50 for i in range(3)]
    blocks = ((x // 40 + y // 36) % 5 - 2)[..., None] * np.array([12, 6, -9])
    levels = np.clip(np.stack(waves, 2) + blocks + 120, 30, 215)
    deep = layout == "yuv420p10le"
    frame = av.VideoFrame(width, height, layout)
    for number, plane in enumerate(frame.planes):
        part = levels[:: 1 + (number > 0), :: 1 + (number > 0), number]
        part = 128 + (part - 120) * 0.5 if number else part
        kind = "<u2" if deep else np.uint8
        lines = np.zeros((plane.height, plane.line_size // (2 if deep else 1)), kind)
        lines[:, : part.shape[1]] = (part * 4).round() if deep else part.round()
        plane.update(lines.tobytes())
    frame.colorspace, frame.color_range = colorspace, FULL if full else 1
    return frame
