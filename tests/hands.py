"""Actors for tests of what binds actors; in a module of their own, so that Ray can import them."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import ray

from fearrefactor.errors import BlindModelError, MediaError, ModelError

if TYPE_CHECKING:
    from pathlib import Path


class Hand:
    """An actor with a few things to do."""

    def __init__(self, refuse: str | None = None) -> None:
        if refuse:
            raise ModelError(refuse)
        self._n_busy = 0

    def node_id(self) -> str:
        """It is there."""
        return str(ray.get_runtime_context().get_node_id())

    def pid(self) -> int:
        """Its process."""
        return os.getpid()

    def how_busy(self, seconds: float) -> tuple[int, int]:
        """Its process, and how many calls it has at once."""
        self._n_busy += 1
        time.sleep(seconds)
        n_busy = self._n_busy
        self._n_busy -= 1
        return os.getpid(), n_busy

    def fail(self) -> None:
        """Meet half a file."""
        raise MediaError("half a file", code="truncated")

    def divide(self) -> None:
        """By zero."""
        raise ZeroDivisionError

    def go_blind(self) -> None:
        """As a model that does not see its canary."""
        raise BlindModelError("the model sees nothing")

    def leave(self, folder: Path) -> None:
        """Sign for the last time, then do not come to an end."""
        (folder / str(os.getpid())).touch()
        time.sleep(60)

    def die(self) -> None:
        """As the kernel kills when memory runs out."""
        os.kill(os.getpid(), signal.SIGKILL)


class LateHand(Hand):
    """Refuses to start until it has been asked ``n`` times; ``folder`` counts."""

    def __init__(self, folder: Path, n: int) -> None:
        (folder / f"{os.getpid()}-{time.monotonic_ns()}").touch()
        n_asked = len(list(folder.iterdir()))
        super().__init__(f"not yet, {n_asked}" if n_asked <= n else None)


class LostHand(Hand):
    """Runs on a node that is not in the cluster any more."""

    def node_id(self) -> str:
        """Of no node that there is."""
        return "0" * 56
