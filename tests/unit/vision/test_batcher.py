from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fearrefactor.core.detections import Instances
from fearrefactor.core.model import ModelCard
from fearrefactor.errors import ModelError
from fearrefactor.vision.batcher import DynamicBatcher

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOREVER_S = 30.0


class Counter:
    """A segmenter that answers with the value of a frame's first pixel, and counts its batches.

    While ``gate`` is closed it does not answer; a frame of ``poison`` makes it fail.
    """

    card = ModelCard(name="counter", sha256="0", classes=("x",), long_side=32, licence="none")

    def __init__(self, poison: int = -1, n_lost: int = 0) -> None:
        self.batches: list[tuple[int, ...]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.poison = poison
        self.n_lost = n_lost

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        self.entered.set()
        assert self.gate.wait(FOREVER_S)
        self.batches.append(frames.shape)
        if (frames[:, 0, 0, 0] == self.poison).any():
            raise ModelError("poison")
        answers = [
            Instances(
                boxes=np.full((1, 4), frame[0, 0, 0], np.float32),
                scores=np.ones(1, np.float32),
                class_ids=np.zeros(1, np.int32),
                masks=np.zeros((1, frame.shape[0] // 4, frame.shape[1] // 4), np.uint8),
            )
            for frame in frames
        ]
        return answers[self.n_lost :]


def frames(*values: int, height: int = 32) -> NDArray[np.uint8]:
    return np.array(values, np.uint8)[:, None, None, None] * np.ones((1, height, 32, 3), np.uint8)


def values(answers: list[Instances]) -> list[int]:
    return [int(answer.boxes[0, 0]) for answer in answers]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 9), st.sampled_from([32, 64])), min_size=1, max_size=8),
    max_batch=st.integers(1, 6),
)
@settings(max_examples=30, deadline=None)
def test_every_caller_gets_the_answers_to_its_own_frames_in_order(
    sizes: list[tuple[int, int]], max_batch: int
) -> None:
    model = Counter()
    asked = [
        (list(range(10 * i, 10 * i + n)), frames(*range(10 * i, 10 * i + n), height=height))
        for i, (n, height) in enumerate(sizes)
    ]

    with (
        DynamicBatcher(model, max_batch, 0.001) as batcher,
        ThreadPoolExecutor(len(asked)) as threads,
    ):
        answers = list(threads.map(batcher.segment, [pictures for _, pictures in asked]))

    assert [values(answer) for answer in answers] == [expected for expected, _ in asked]
    assert max(batch[0] for batch in model.batches) <= max_batch


def test_frames_of_several_callers_share_a_batch() -> None:
    model = Counter()
    with DynamicBatcher(model, 4, FOREVER_S) as batcher:
        pending = [batcher.submit(frames(i)) for i in range(4)]
        assert [values(future.result(FOREVER_S)) for future in pending] == [[0], [1], [2], [3]]

    assert [batch[0] for batch in model.batches] == [4]


def test_frames_of_another_size_wait_for_a_batch_of_their_own() -> None:
    model = Counter()
    with DynamicBatcher(model, 4, 0.05) as batcher:
        pending = [batcher.submit(frames(i, height=32 + 32 * (i % 2))) for i in range(4)]
        assert [values(future.result(FOREVER_S)) for future in pending] == [[0], [1], [2], [3]]

    assert [batch[:2] for batch in model.batches] == [(2, 32), (2, 64)]


def test_a_batch_that_is_not_full_runs_when_it_has_waited_long_enough() -> None:
    with DynamicBatcher(Counter(), 100, 0.01) as batcher:
        assert values(batcher.submit(frames(7)).result(FOREVER_S)) == [7]


def test_a_failed_batch_fails_all_of_its_callers_and_no_later_one() -> None:
    model = Counter(poison=2)
    with DynamicBatcher(model, 3, FOREVER_S) as batcher:
        pending = [batcher.submit(frames(i)) for i in (1, 2, 3)]
        for future in pending:
            with pytest.raises(ModelError, match="poison"):
                future.result(FOREVER_S)
        assert values(batcher.segment(frames(4, 5, 6))) == [4, 5, 6]


def test_the_rest_of_a_failed_request_is_not_run() -> None:
    model = Counter(poison=1)
    with DynamicBatcher(model, 2, 0.001) as batcher:
        with pytest.raises(ModelError, match="poison"):
            batcher.segment(frames(0, 1, 2, 3, 4, 5))
        assert values(batcher.segment(frames(9))) == [9]

    assert [batch[0] for batch in model.batches] == [2, 1]


def test_fewer_answers_than_frames_are_an_error() -> None:
    with (
        DynamicBatcher(Counter(n_lost=1), 4, 0.001) as batcher,
        pytest.raises(ModelError, match="expected answers to 2 frames, got 1"),
    ):
        batcher.segment(frames(0, 1))


def test_closing_answers_what_was_submitted_and_refuses_more() -> None:
    model = Counter()
    model.gate.clear()
    batcher = DynamicBatcher(model, 1, 0)
    pending = [batcher.submit(frames(i)) for i in range(5)]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    model.gate.set()
    closing.join(FOREVER_S)

    assert not closing.is_alive()
    done, _ = wait(pending, timeout=0)
    assert len(done) == 5
    with pytest.raises(ModelError, match="its batcher is closed"):
        batcher.submit(frames(1))
    batcher.close()


def test_a_caller_that_went_away_is_not_run_and_stops_nobody() -> None:
    model = Counter()
    model.gate.clear()
    with DynamicBatcher(model, 1, 0) as batcher:
        first = batcher.submit(frames(1))
        assert model.entered.wait(FOREVER_S)
        gone, last = batcher.submit(frames(2)), batcher.submit(frames(3))
        assert gone.cancel()
        model.gate.set()
        assert values(first.result(FOREVER_S)) == [1]
        assert values(last.result(FOREVER_S)) == [3]

    assert len(model.batches) == 2


def test_when_all_callers_went_away_it_still_serves_the_next() -> None:
    model = Counter()
    model.gate.clear()
    with DynamicBatcher(model, 1, 0) as batcher:
        first = batcher.submit(frames(1))
        assert model.entered.wait(FOREVER_S)
        assert batcher.submit(frames(2)).cancel()
        model.gate.set()
        assert values(first.result(FOREVER_S)) == [1]
        assert values(batcher.submit(frames(3)).result(FOREVER_S)) == [3]


@pytest.mark.parametrize(("max_batch", "max_wait_s"), [(0, 0.1), (1, -1)])
def test_a_batch_of_nothing_or_a_negative_wait_is_refused(
    max_batch: int, max_wait_s: float
) -> None:
    with pytest.raises(ValueError, match="expected max_batch > 0"):
        DynamicBatcher(Counter(), max_batch, max_wait_s)


class Leaving(Counter):
    """A segmenter that tries to end the thread it runs in."""

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:  # noqa: ARG002 - as the protocol
        raise SystemExit("bye")


def test_a_model_that_would_end_the_thread_fails_its_callers_instead() -> None:
    with DynamicBatcher(Leaving(), 1, 0) as batcher:
        for _ in range(2):
            with pytest.raises(SystemExit, match="bye"):
                batcher.submit(frames(1)).result(FOREVER_S)


class Kinds(Counter):
    """A ``Counter`` that takes tensors too, and remembers of what kind its batches were."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: list[type] = []

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        self.kinds.append(type(frames))
        return super().segment(np.asarray(frames))


def test_tensors_share_batches_with_tensors_and_arrays_with_arrays() -> None:
    model = Kinds()
    model.gate.clear()

    with DynamicBatcher(model, 8, 0.01) as batcher:
        first = batcher.submit(frames(0))
        assert model.entered.wait(FOREVER_S)
        told = [
            batcher.submit(torch.from_numpy(frames(1))),
            batcher.submit(frames(2)),
            batcher.submit(torch.from_numpy(frames(3, 4))),
        ]
        model.gate.set()
        assert [values(future.result(FOREVER_S)) for future in (first, *told)] == [
            [0], [1], [2], [3, 4],
        ]  # fmt: skip

    assert [shape[0] for shape in model.batches] == [1, 3, 1]
    assert model.kinds == [np.ndarray, torch.Tensor, np.ndarray]
