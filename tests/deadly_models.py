"""Models that do to their own process, or to the media process, what a hostile video might.

They are for ``TouchyModel``, which asks them when it sees blue.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stub_model import LampFinder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances


@dataclass(frozen=True)
class SignalsItself(LampFinder):
    """Its process gets a signal: SIGSEGV is a crash, SIGKILL what the kernel does to the fat."""

    sign: int = 9

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:  # noqa: ARG002
        """Does not answer."""
        os.kill(os.getpid(), self.sign)
        time.sleep(60)
        raise AssertionError(f"survived signal {self.sign}")


@dataclass(frozen=True)
class SignalsChildren(LampFinder):
    """All media processes that its process has get a signal; SIGSTOP makes them hang."""

    sign: int = 11

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """As ``LampFinder``, which is not enough: the child is needed for the next frames."""
        hit = _last_descendants(os.getpid())
        assert hit
        for process in hit:
            os.kill(process, self.sign)
        return super().segment(frames)


def _last_descendants(process: int) -> list[int]:
    """Descendants that have no children of their own: copies of a template, not the template."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone since
            told = (place / "stat").read_text().rpartition(")")[2].split()
            parents[int(place.name)] = int(told[1])
    found, new = set(), {process}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        found |= new
    return [child for child in found if child not in parents.values()]
