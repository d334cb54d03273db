"""CPU seconds of the stages of a run that does all of them in one process, one after the other.

For ``peers/ours.py --stages``. What a run costs beyond the sum of these is what lies between
them: processes, the sandbox, frames and packets on their way, ledger, claims, logs, publishing.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from in_process import InProcessMedia

import fearrefactor.pipeline.inline
import fearrefactor.pipeline.worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    T = TypeVar("T")


class Clock:
    """CPU seconds of this process by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside towards ``name``, and not towards a stage around it."""
        start = time.process_time()
        inner = sum(self.seconds.values())
        yield
        counted = sum(self.seconds.values()) - inner
        self.seconds[name] += time.process_time() - start - counted


class TimedMedia(InProcessMedia):
    """Media in this process, by the clock that all of them share."""

    clock: ClassVar = Clock()

    def index(self, *args: Any) -> Any:
        """See ``MediaChild``."""
        with self.clock.stage("index"):
            return super().index(*args)

    def frames(self, *args: Any) -> Any:
        """See ``MediaChild``."""
        return self._timed("decode and shrink", super().frames(*args))

    def rendered_frames(self, *args: Any, **named: Any) -> Any:
        """See ``MediaChild``."""
        return self._timed("audit's decode", super().rendered_frames(*args, **named))

    def render(self, *args: Any) -> Any:
        """See ``MediaChild``."""
        return self._timed("render", super().render(*args))

    def assemble(self, *args: Any) -> Any:
        """See ``MediaChild``."""
        with self.clock.stage("assemble"):
            return super().assemble(*args)

    def verify(self, *args: Any) -> Any:
        """See ``MediaChild``."""
        with self.clock.stage("verify"):
            return super().verify(*args)

    def _timed(self, name: str, items: Iterator[T]) -> Iterator[T]:
        while True:
            with self.clock.stage(name):
                item = next(items, None)
            if item is None:
                return
            yield item


def install(segmenter: type) -> None:
    """From here on this process does all stages itself, and times them.

    ``segmenter``: the class of what looks at frames.
    """
    TimedMedia.clock = Clock()
    for module, name, stage in (
        (fearrefactor.pipeline.worker, "detect_segment", "collect"),
        (fearrefactor.pipeline.inline, "decided", "decide"),
        (segmenter, "segment", "model"),
    ):
        setattr(module, name, _timed_call(getattr(module, name), stage))
    setattr(fearrefactor.pipeline.worker, "MediaChild", TimedMedia)  # noqa: B010 - no such class


def tell() -> None:
    """Print a line with the seconds of each stage."""
    print(f"STAGES {json.dumps(TimedMedia.clock.seconds)}", flush=True)


def _timed_call(call: Callable[..., T], stage: str) -> Callable[..., T]:
    def timed(*args: Any, **named: Any) -> T:
        with TimedMedia.clock.stage(stage):
            return call(*args, **named)

    return timed
