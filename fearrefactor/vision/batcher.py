"""One model, many threads: frames that arrive together go through it together."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fearrefactor.errors import ModelError
from fearrefactor.vision.segmenter import check_frames

if TYPE_CHECKING:
    from fearrefactor.core.detections import Instances
    from fearrefactor.core.model import ModelCard
    from fearrefactor.vision.segmenter import Segmenter


@dataclass(eq=False)
class _Request:
    """Frames of one caller; ``n_taken`` of them are in a batch already, or answered."""

    frames: Any
    future: Future[list[Instances]] = field(default_factory=Future)
    answers: list[Instances] = field(default_factory=list)
    n_taken: int = 0

    @property
    def n_left(self) -> int:
        return len(self.frames) - self.n_taken


class DynamicBatcher:
    """A segmenter that many threads may call at once.

    A thread of its own runs ``segmenter`` on up to ``max_batch`` frames of equal size, and waits at
    most ``max_wait_s`` for a batch to fill. Frames are not copied: leave them alone until their
    future is done. A batch that fails fails every caller who has a frame in it, and no other.
    """

    def __init__(self, segmenter: Segmenter, max_batch: int, max_wait_s: float) -> None:
        if max_batch < 1 or max_wait_s < 0:
            msg = f"expected max_batch > 0 and max_wait_s >= 0, got {max_batch}, {max_wait_s}"
            raise ValueError(msg)
        self._segmenter = segmenter
        self._max_batch = max_batch
        self._max_wait_s = max_wait_s
        self._waiting: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="batcher", daemon=True)
        self._thread.start()

    @property
    def card(self) -> ModelCard:
        """The card of the segmenter behind it."""
        return self._segmenter.card

    def segment(self, frames: Any) -> list[Instances]:
        """See ``Segmenter.segment``; blocks until the frames have been through the model."""
        return self.submit(frames).result()

    def submit(self, frames: Any) -> Future[list[Instances]]:
        """The answers to ``(n, H, W, 3)`` frames, once they are there.

        They are an array, or a tensor if ``segmenter`` takes tensors.

        Raises:
            ModelError: frames of another shape or type, or the batcher is closed.
        """
        check_frames(frames, self.card.name)
        request = _Request(frames)
        with self._changed:
            if self._closed:
                raise ModelError(
                    f"model {self.card.name}: its batcher is closed, it takes no frames"
                )
            self._waiting.append(request)
            self._changed.notify_all()
        return request.future

    def close(self) -> None:
        """Answer what was submitted, then end the thread. May be called again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        while self._wait_for_frames():
            batch = self._take()
            try:
                self._run(batch)
            except BaseException as error:  # noqa: BLE001 - a thread that died would answer nobody
                self._fail(batch, error)

    def _wait_for_frames(self) -> bool:
        """Wait until a batch is full or old enough; false when closed and all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(
                lambda: self._closed or self._n_ready() >= self._max_batch, self._max_wait_s
            )
            return bool(self._waiting)

    def _alike(self) -> list[_Request]:
        """Waiting requests with frames of the size and kind that has waited longest."""
        kind = _kind(self._waiting[0].frames)
        return [request for request in self._waiting if _kind(request.frames) == kind]

    def _n_ready(self) -> int:
        return sum(request.n_left for request in self._alike())

    def _take(self) -> list[tuple[_Request, Any]]:
        """Requests and the frames of each to run now; none when all callers have gone away."""
        batch: list[tuple[_Request, Any]] = []
        room = self._max_batch
        with self._changed:
            for request in self._alike():
                if not request.n_taken and not request.future.set_running_or_notify_cancel():
                    self._waiting.remove(request)
                    continue
                n_frames = min(room, request.n_left)
                batch.append((request, request.frames[request.n_taken :][:n_frames]))
                request.n_taken += n_frames
                room -= n_frames
                if not request.n_left:
                    self._waiting.remove(request)
                if not room:
                    break
        return batch

    def _run(self, batch: list[tuple[_Request, Any]]) -> None:
        if not batch:
            return
        together = _together([frames for _, frames in batch])
        answers = self._segmenter.segment(together)
        if len(answers) != len(together):
            raise ModelError(
                f"model {self.card.name}: expected answers to {len(together)} frames, "
                f"got {len(answers)}"
            )
        left = iter(answers)
        for request, frames in batch:
            request.answers.extend(next(left) for _ in range(len(frames)))
            if len(request.answers) == len(request.frames):
                request.future.set_result(request.answers)

    def _fail(self, batch: list[tuple[_Request, Any]], error: BaseException) -> None:
        with self._changed:
            for request, _ in batch:
                if request in self._waiting:
                    self._waiting.remove(request)
        for request, _ in batch:
            request.future.set_exception(error)


def _kind(frames: Any) -> tuple[type, tuple[int, ...]]:
    return type(frames), tuple(frames.shape[1:])


def _together(parts: list[Any]) -> Any:
    """Frames of several callers one after the other, where they are."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import torch  # whoever has tensors has it already

    return torch.cat(parts)
