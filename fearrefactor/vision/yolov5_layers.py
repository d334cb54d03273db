"""The layers of YOLOv5-seg and YOLOv7-seg, for checkpoints that are pickles of them.

Nothing is constructed here: the checkpoint restores each module's attributes (weights, strides,
wiring), so these classes hold only ``forward``. Attribute names are the checkpoints' own. Sources:
``models/common.py`` and ``models/yolo.py`` of ultralytics/yolov5 and WongKinYiu/yolov7 (u7/seg).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    """Convolution, batch norm until it is fused away, activation."""

    conv: nn.Conv2d
    act: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """``(b, c, h, w)`` to ``(b, c', h', w')``."""
        x = self.conv(x)
        norm = self._modules.get("bn")
        return self.act(norm(x) if norm is not None else x)  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """Two convolutions, with the input added where ``add`` says so."""

    cv1: Conv
    cv2: Conv
    add: bool

    def forward(self, x: Tensor) -> Tensor:
        """``(b, c, h, w)`` to the same size."""
        y: Tensor = self.cv2(self.cv1(x))
        return x + y if self.add else y


class C3(nn.Module):
    """Cross-stage partial block of three convolutions around bottlenecks."""

    cv1: Conv
    cv2: Conv
    cv3: Conv
    m: nn.Sequential

    def forward(self, x: Tensor) -> Tensor:
        """``(b, c, h, w)`` to ``(b, c', h, w)``."""
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))  # type: ignore[no-any-return]


class SPPF(nn.Module):
    """Spatial pyramid pooling by pooling thrice in a row."""

    cv1: Conv
    cv2: Conv
    m: nn.MaxPool2d

    def forward(self, x: Tensor) -> Tensor:
        """``(b, c, h, w)`` to ``(b, c', h, w)``."""
        x = self.cv1(x)
        once = self.m(x)
        twice = self.m(once)
        return self.cv2(torch.cat((x, once, twice, self.m(twice)), 1))  # type: ignore[no-any-return]


class SPPCSPC(nn.Module):
    """Cross-stage partial spatial pyramid pooling of YOLOv7."""

    cv1: Conv
    cv2: Conv
    cv3: Conv
    cv4: Conv
    cv5: Conv
    cv6: Conv
    cv7: Conv
    m: nn.ModuleList

    def forward(self, x: Tensor) -> Tensor:
        """``(b, c, h, w)`` to ``(b, c', h, w)``."""
        inner = self.cv4(self.cv3(self.cv1(x)))
        pooled = self.cv6(self.cv5(torch.cat([inner, *(pool(inner) for pool in self.m)], 1)))
        return self.cv7(torch.cat((pooled, self.cv2(x)), 1))  # type: ignore[no-any-return]


class MP(nn.Module):
    """Max pooling that halves the picture."""

    m: nn.MaxPool2d

    def forward(self, x: Tensor) -> Tensor:
        """``(b, c, h, w)`` to ``(b, c, h / 2, w / 2)``."""
        return self.m(x)  # type: ignore[no-any-return]


class Concat(nn.Module):
    """Several feature maps of one size as one."""

    d: int

    def forward(self, parts: list[Tensor]) -> Tensor:
        """Concatenate along dimension ``d``, which is the channels."""
        return torch.cat(parts, self.d)


class Implicit(nn.Module):
    """A learned value per channel, added to what passes."""

    implicit: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """``(b, c, h, w)`` to the same size."""
        return x + self.implicit


class Proto(nn.Module):
    """Mask prototypes from the finest feature map."""

    cv1: Conv
    cv2: Conv
    cv3: Conv
    upsample: nn.Upsample

    def forward(self, x: Tensor) -> Tensor:
        """``(b, c, h / 8, w / 8)`` to ``(b, 32, h / 4, w / 4)``."""
        return self.cv3(self.cv2(self.upsample(self.cv1(x))))  # type: ignore[no-any-return]


class Segment(nn.Module):
    """Anchor head: boxes, scores and mask coefficients per anchor and cell.

    ``anchors`` ``(levels, anchors, 2)`` are sizes in cells of their level; ``stride`` ``(levels,)``
    is pixels a cell. ``ia`` exists in YOLOv7 only and adds to a level before its last convolution.
    """

    m: nn.ModuleList
    ia: nn.ModuleList
    proto: Proto
    anchors: Tensor
    stride: Tensor
    nc: int
    na: int
    no: int

    def forward(self, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Feature maps, finest first, to ``(b, n, 5 + nc + 32)`` and ``(b, 32, h / 4, w / 4)``."""
        adds = "ia" in self._modules
        shifted = [add(x) for add, x in zip(self.ia, levels, strict=True)] if adds else levels
        found = [
            self._decode(conv(x), level)
            for level, (conv, x) in enumerate(zip(self.m, shifted, strict=True))
        ]
        return torch.cat(found, 1), self.proto(levels[0])

    def _decode(self, raw: Tensor, level: int) -> Tensor:
        """``(b, na * no, ny, nx)`` to ``(b, na * ny * nx, no)``, boxes xywh in input pixels.

        Centre: ``(2 s(t) - 0.5 + cell) * stride``; size: ``(2 s(t)) ** 2 * anchor * stride``, with
        ``s`` the sigmoid. The grid is made anew each time, so any input size is right.
        """
        batch, _, ny, nx = raw.shape
        raw = raw.view(batch, self.na, self.no, ny, nx).permute(0, 1, 3, 4, 2)
        xy, wh = raw[..., 0:2], raw[..., 2:4]
        scores, coefficients = raw[..., 4 : 5 + self.nc], raw[..., 5 + self.nc :]
        stride = self.stride[level]
        rows, columns = torch.meshgrid(
            torch.arange(ny, dtype=raw.dtype, device=raw.device),
            torch.arange(nx, dtype=raw.dtype, device=raw.device),
            indexing="ij",
        )
        cell = torch.stack((columns, rows), 2) - 0.5
        anchor = (self.anchors[level] * stride).view(1, self.na, 1, 1, 2)
        centre = (xy.sigmoid() * 2 + cell) * stride
        size = (wh.sigmoid() * 2) ** 2 * anchor
        return torch.cat((centre, size, scores.sigmoid(), coefficients), 4).flatten(1, 3)


class SegmentationModel(nn.Module):
    """Layers in order; each takes what the layers named by its ``f`` gave, -1 being the last.

    ``save`` lists the layers whose output is needed again; the others are let go at once.
    """

    model: nn.Sequential
    save: list[int]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(b, 3, h, w)`` RGB in [0, 1] to predictions and prototypes, as ``Network`` says."""
        kept: list[Any] = []
        last: Any = x
        for index, layer in enumerate(self.model):
            source: Any = layer.f
            if isinstance(source, int):
                last = layer(last if source == -1 else kept[source])
            else:
                last = layer([last if i == -1 else kept[i] for i in source])
            kept.append(last if index in self.save else None)
        predictions, prototypes = last
        return predictions, prototypes
