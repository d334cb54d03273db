"""A network that sees coloured lamps, made by hand: its right answers are known exactly.

A lamp is a square of 32 × 32 pixels of pure red, green or blue whose corner lies at 4 modulo 8.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fearrefactor.vision.catalog import ModelFile
from fearrefactor.vision.network import Head, Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = ("red", "green", "blue")
LAMP_PX = 32
SCORE = 1 / (1 + np.exp(-4))
HEADS: tuple[Head, ...] = ("anchors", "anchor_free", "end_to_end")


def frame(*lamps: tuple[str, int, int], height: int = 96, width: int = 160) -> NDArray[np.uint8]:
    """``(height, width, 3)`` grey RGB with lamps of a colour at x, y."""
    picture = np.full((height, width, 3), 114, np.uint8)
    for colour, x, y in lamps:
        pixels = np.zeros(3, np.uint8)
        pixels[CLASSES.index(colour)] = 255
        picture[y : y + LAMP_PX, x : x + LAMP_PX] = pixels
    return picture


class Lamps(nn.Module):
    """Answers as ``Network`` says for ``head``; ``spoil`` breaks one of its promises."""

    def __init__(self, head: Head, spoil: str = "") -> None:
        super().__init__()
        self.head = head
        self.spoil = spoil

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        purity = 2 * x - x.sum(1, keepdim=True)
        prototypes = functional.avg_pool2d(purity, 4) - 0.5
        prototypes = functional.pad(prototypes, (0, 0, 0, 0, 0, 29))
        predictions = self._predictions(x, purity)
        if self.spoil == "nan scores":
            predictions = predictions * float("nan")
        if self.spoil == "nan prototypes":
            prototypes = prototypes * float("nan")
        if self.spoil == "small prototypes":
            prototypes = prototypes[:, :, 1:]
        if self.spoil == "too few columns":
            predictions = predictions[:, 1:] if self.head == "anchor_free" else predictions[..., 1:]
        if self.spoil == "too few frames":
            predictions = predictions[1:]
        return predictions, prototypes

    def _predictions(self, x: torch.Tensor, purity: torch.Tensor) -> torch.Tensor:
        covered = functional.avg_pool2d(purity, LAMP_PX, stride=8, padding=12)
        scores = torch.sigmoid(40 * (covered - 0.9)).flatten(2).transpose(1, 2)
        rows, columns = x.shape[2] // 8, x.shape[3] // 8
        y, across = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centres = torch.stack([across.flatten(), y.flatten()], 1).to(x) * 8 + 4
        centres = centres.expand(x.shape[0], -1, -1)
        size = torch.full_like(centres, LAMP_PX)
        best, which = scores.max(2, keepdim=True)
        coefficients = (which == torch.arange(32).to(which)).to(x)
        if self.head == "anchors":
            parts = [centres, size, best, scores / best, coefficients]
        elif self.head == "anchor_free":
            parts = [centres, size, scores, coefficients]
        else:
            parts = [centres - size / 2, centres + size / 2, best, which.to(x), coefficients]
        rows_first = torch.cat(parts, 2)
        if self.head == "anchor_free":
            return rows_first.transpose(1, 2)
        if self.head == "end_to_end":
            order = best[..., 0].topk(20, dim=1).indices
            return rows_first.gather(1, order[..., None].expand(-1, -1, rows_first.shape[2]))
        return rows_first


def network(head: Head, spoil: str = "") -> Network:
    """The lamp network with a head of this kind."""
    return Network(module=Lamps(head, spoil).eval(), head=head, classes=CLASSES, stride=32)


def model_file(head: Head, spoil: str = "") -> ModelFile:
    """A file that would hold it; there is none, runtimes get the network itself."""
    name = f"lamps-{head}{spoil and '-' + spoil.replace(' ', '-')}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    return ModelFile(name, Path("lamps.pt"), digest, "none", "segmenter", ())
