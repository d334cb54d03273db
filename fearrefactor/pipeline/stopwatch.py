"""Wall seconds by stage."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Stopwatch:
    """Adds up the seconds that each stage took; ``told`` hears of them as they come."""

    def __init__(self, told: Callable[[str, float], None] | None = None) -> None:
        self._told = told
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside towards ``name``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._add(name, time.perf_counter() - start)

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add what another one counted."""
        for name, value in seconds.items():
            self._add(name, value)

    def seconds(self) -> dict[str, float]:
        """By stage, rounded to milliseconds."""
        return {name: round(value, 3) for name, value in self._seconds.items()}

    def _add(self, name: str, seconds: float) -> None:
        self._seconds[name] += seconds
        if self._told is not None:
            self._told(name, seconds)
