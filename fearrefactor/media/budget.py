"""How long a step of a media child may take: a decoder that never ends looks like a slow one.

The rates are some twenty times slower than what one core does (measured: decoding at 100 to 500
million pixels a second, encoding at 10 to 60), so that a crowded machine ends no honest video.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Processes start and stores are slow whatever the source is.
_BASE_S: Final = 300.0
_BYTES_PER_S: Final = 1_000_000
_DECODED_PIXELS_PER_S: Final = 5_000_000
_ENCODED_PIXELS_PER_S: Final = 1_000_000


@dataclass(frozen=True)
class Budget:
    """Wall seconds by step; ``patience`` multiplies them all. Counted is what the parent waits."""

    patience: float

    def reading(self, n_bytes: int) -> float:
        """For a step that reads and parses: starting, indexing, assembling."""
        return self.patience * (_BASE_S + n_bytes / _BYTES_PER_S)

    def decoding(self, n_bytes: int, n_pixels: int) -> float:
        """For a step that decodes so many pixels of all frames together."""
        return self.reading(n_bytes) + self.patience * n_pixels / _DECODED_PIXELS_PER_S

    def rendering(self, n_bytes: int, n_pixels: int) -> float:
        """For a step that decodes, masks and encodes."""
        return self.reading(n_bytes) + self.patience * n_pixels / _ENCODED_PIXELS_PER_S
