"""What is masked where in a video, and what that took: the same whoever does it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fearrefactor.core.decide import decide
from fearrefactor.core.verdict import review_reasons

if TYPE_CHECKING:
    from fearrefactor.core.canvas import Canvas
    from fearrefactor.core.detections import Detections
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.plan import MaskPlan
    from fearrefactor.core.policy import Policy


@dataclass(frozen=True)
class Decided:
    """A plan, why a person should look at what it gives (if at all), and wall seconds."""

    plan: MaskPlan
    reasons: tuple[str, ...]
    seconds: float


def decided(detections: Detections, policy: Policy, card: ModelCard, canvas: Canvas) -> Decided:
    """What a policy wants masked of all that was seen in a video.

    Where much is in sight this takes milliseconds a frame, more than many a GPU takes to look at
    it: hence it is a step that workers do, and not the driver.

    Raises:
        PolicyError: a rule names a class that the model does not have.
    """
    start = time.perf_counter()
    plan = decide(detections, policy, card, canvas)
    reasons = review_reasons(plan, policy, canvas)
    return Decided(plan, reasons, time.perf_counter() - start)
