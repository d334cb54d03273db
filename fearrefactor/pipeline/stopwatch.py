"""Wall seconds by stage."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Stopwatch:
    """Adds up the seconds that each stage took."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside towards ``name``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += time.perf_counter() - start

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add what another one counted."""
        for name, value in seconds.items():
            self._seconds[name] += value

    def seconds(self) -> dict[str, float]:
        """By stage, rounded to milliseconds."""
        return {name: round(value, 3) for name, value in self._seconds.items()}
