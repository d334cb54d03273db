"""Frames that are decoded and shrunk on a device: the media child only reads packets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from fearrefactor.core.letterbox import Letterbox
    from fearrefactor.core.planes import PlanarFrame
    from fearrefactor.core.video import SegmentTask
    from fearrefactor.media.coded import CodedSegment
    from fearrefactor.media.device_decode import DeviceDecoder


class CodedSource(Protocol):
    """Whoever reads packets: the media child, or a test's own."""

    def coded(self, task: SegmentTask) -> CodedSegment:
        """The packets of a segment."""
        ...


class Pictures(Protocol):
    """Frames at the model's size, on a device; see ``vision.device_pictures``."""

    @property
    def on_device(self) -> Any:
        """A tensor ``(n, height, width, 3)`` uint8."""
        ...

    @property
    def checksums(self) -> NDArray[np.uint32]:
        """Of the frames as they were decoded."""
        ...

    def on_host(self) -> NDArray[np.uint8]:
        """The same pixels as an array."""
        ...


class Shrink(Protocol):
    """See ``vision.device_pictures.Shrinker``."""

    def enter(self) -> None:
        """Make this thread one that works on the device."""
        ...

    def __call__(
        self, frames: Sequence[PlanarFrame], box: Letterbox, rotation_deg: int
    ) -> Pictures:
        """Frames as the model takes them."""
        ...


@dataclass(frozen=True)
class OnDevice:
    """What decodes and what shrinks, on one device; threads share it."""

    decoder: DeviceDecoder
    shrink: Shrink


@dataclass(frozen=True)
class DeviceBatch:
    """A ``FrameBatch`` whose pixels are ``on_device`` too, for the model."""

    frames: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    checksums: NDArray[np.uint32]
    on_device: Any


class DeviceFrames:
    """A ``FrameSource``: ``source`` reads, ``device`` decodes."""

    def __init__(self, source: CodedSource, device: OnDevice) -> None:
        self._source = source
        self._device = device

    def frames(self, task: SegmentTask, box: Letterbox, batch: int) -> Iterator[DeviceBatch]:
        """Frames of a segment in order, up to ``batch`` at a time.

        Raises:
            MediaError: as ``DeviceDecoder.frames``.
        """
        self._device.shrink.enter()
        found = self._device.decoder.frames(self._source.coded(task), task)
        while frames := list(islice(found, batch)):
            pictures = self._device.shrink(frames, box, task.info.rotation_deg)
            indices = np.array([frame.frame for frame in frames], np.int64)
            frames.clear()  # a decoder on a GPU has few surfaces
            yield DeviceBatch(indices, pictures.on_host(), pictures.checksums, pictures.on_device)
