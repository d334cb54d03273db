"""A segmentation network with one contract, whichever family it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import nn

Head = Literal["anchors", "anchor_free", "end_to_end"]


@dataclass(frozen=True)
class Network:
    """A fused float32 network in eval mode, and what is needed to read its answers.

    ``module(x)`` takes ``x`` ``(b, 3, h, w)`` float32 RGB in [0, 1], ``h`` and ``w`` multiples of
    ``stride``, and returns exactly ``(predictions, prototypes)``. Prototypes are
    ``(b, 32, h / 4, w / 4)``. Predictions follow ``head``, with ``nc`` classes; all pixels are
    pixels of the input:

    - ``anchors``: ``(b, n, 5 + nc + 32)``: box xywh in pixels, objectness, class scores,
      coefficients;
    - ``anchor_free``: ``(b, 4 + nc + 32, n)``: box xywh in pixels, class scores, coefficients;
    - ``end_to_end``: ``(b, k, 6 + 32)``: box xyxy in pixels, score, class id, coefficients.

    Scores are in [0, 1], after the sigmoid. A mask is the sign of coefficients times prototypes.
    """

    module: nn.Module
    head: Head
    classes: tuple[str, ...]
    stride: int
