"""Where a video can be cut: its closed GOPs, and which of them are to be rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Gops:
    """Closed GOPs that follow each other: each decodes alone.

    All are ``(n + 1,)`` int64: where each GOP begins, and where the last one ends. ``first_frame``
    counts frames of the video in presentation order, ``first_packet`` its packets in decode order,
    those that are never shown included; ``start_pts`` is the time of each key frame, ``first_byte``
    counts bytes of packets.
    """

    first_frame: NDArray[np.int64]
    first_packet: NDArray[np.int64]
    start_pts: NDArray[np.int64]
    first_byte: NDArray[np.int64]

    def __post_init__(self) -> None:
        shapes = {column.shape for column in self._columns}
        if len(shapes) != 1 or not self.first_frame.size:
            msg = f"expected four columns of one length and an end, got {shapes}"
            raise ValueError(msg)
        # Compared and not subtracted: a driver makes one of these for each step of each segment.
        falling = any((column[1:] < column[:-1]).any() for column in self._columns)
        if falling or (self.first_packet[1:] <= self.first_packet[:-1]).any():
            msg = "expected GOPs in order, with a packet in each"
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.first_frame) - 1

    @property
    def n_frames(self) -> NDArray[np.int64]:
        """``(n,)`` int64: frames shown of each."""
        return np.diff(self.first_frame)

    @property
    def n_packets(self) -> NDArray[np.int64]:
        """``(n,)`` int64: packets of each."""
        return np.diff(self.first_packet)

    @property
    def n_bytes(self) -> NDArray[np.int64]:
        """``(n,)`` int64: size of each."""
        return np.diff(self.first_byte)

    def between(self, first: int, end: int) -> Gops:
        """The GOPs of ``range(first, end)``; they still count from the start of the video."""
        return Gops(*(column[first : end + 1] for column in self._columns))

    def dirty(self, masked_frames: Iterable[int]) -> NDArray[np.bool_]:
        """``(n,)`` bool: which hold something to mask, or pictures that nobody has inspected.

        ``masked_frames`` are indices in the video. Pictures that are in the file and never shown
        are not inspected; they may not be copied either.
        """
        out = self.n_packets > self.n_frames
        masked = np.fromiter(masked_frames, np.int64)
        first, end = self.first_frame[0], self.first_frame[-1]
        masked = masked[(masked >= first) & (masked < end)]
        out[np.searchsorted(self.first_frame, masked, side="right") - 1] = True
        return out

    def as_bytes(self) -> bytes:
        """As bytes that ``from_bytes`` reads."""
        return np.stack(self._columns).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Gops:
        """What ``as_bytes`` has written.

        Raises:
            ValueError: it has not.
        """
        return cls(*np.frombuffer(data, np.int64).reshape(4, -1))

    @property
    def _columns(self) -> tuple[NDArray[np.int64], ...]:
        return self.first_frame, self.first_packet, self.start_pts, self.first_byte


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The runs of True in ``flags`` ``(n,)``, as half-open ranges."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
