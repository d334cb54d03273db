"""Segmentation networks on a GPU through torch; on the CPU the same code serves as a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from fearrefactor.core.detections import Instances
from fearrefactor.core.letterbox import CELL
from fearrefactor.core.model import ModelCard
from fearrefactor.errors import ModelError
from fearrefactor.vision.candidates import N_COEFFICIENTS, Candidates, best
from fearrefactor.vision.heads import confident, reader
from fearrefactor.vision.masks import crop
from fearrefactor.vision.segmenter import DetectSettings, check_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.network import Network


class TorchSegmenter:
    """A segmenter on ``device``, with weights of ``dtype``: half on a GPU, float32 elsewhere."""

    def __init__(
        self,
        file: ModelFile,
        network: Network,
        settings: DetectSettings,
        *,
        device: str,
        dtype: torch.dtype,
    ) -> None:
        self.card = ModelCard(
            name=file.name,
            sha256=file.sha256,
            classes=network.classes,
            long_side=settings.long_side,
            licence=file.licence,
            runtime=f"torch {device} {str(dtype).removeprefix('torch.')}",
        )
        self._settings = settings
        self._head = reader(network.head, len(network.classes))
        self._device = torch.device(device)
        self._dtype = dtype
        # channels last: frames arrive as NHWC, and tensor cores want it
        module = network.module.to(self._device, dtype)
        self._module = module.to(memory_format=torch.channels_last)

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """See ``Segmenter.segment``; the frames go through the network as one batch."""
        check_frames(frames, self.card.name)
        try:
            with torch.inference_mode():
                return self._segment(frames)
        except ModelError as error:
            raise error.naming(f"model {self.card.name}") from error
        except RuntimeError as error:
            raise ModelError(
                f"model {self.card.name}: torch cannot run it on {frames.shape} frames on "
                f"{self._device}: {error}"
            ) from error

    def _segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        n_frames, height, width = frames.shape[:3]
        predictions, prototypes = self._module(self._upload(frames))
        expected = (n_frames, N_COEFFICIENTS, height // CELL, width // CELL)
        if tuple(prototypes.shape) != expected:
            raise ModelError(f"expected prototypes {expected}, got {tuple(prototypes.shape)}")
        if not bool(torch.isfinite(prototypes).all()):
            raise ModelError("expected finite prototypes, the model answered NaN or infinity")
        rows, counts = confident(self._head, predictions, n_frames, self._settings.score_floor)
        ends = np.cumsum(counts)[:-1]
        found = [
            best(
                self._head.read(frame_rows),
                self._settings,
                len(self.card.classes),
                overlapping=self._head.overlapping,
            )
            for frame_rows in np.split(rows.float().cpu().numpy(), ends)
        ]
        return [
            Instances(
                boxes=candidates.boxes,
                scores=candidates.scores,
                class_ids=candidates.class_ids,
                masks=crop(inside, candidates.boxes),
            )
            for candidates, inside in zip(found, self._inside(found, prototypes), strict=True)
        ]

    def _upload(self, frames: NDArray[np.uint8]) -> torch.Tensor:
        held = torch.from_numpy(np.ascontiguousarray(frames))
        if self._device.type == "cuda":
            held = held.pin_memory()
        sent = held.to(self._device, non_blocking=True).permute(0, 3, 1, 2)
        return sent.to(self._dtype).div_(255)

    def _inside(self, found: list[Candidates], prototypes: torch.Tensor) -> list[NDArray[np.bool_]]:
        """``(k, h, w)`` cells inside each instance of each frame; only these bits come back."""
        bits = []
        for candidates, mixed in zip(found, prototypes.float(), strict=True):
            coefficients = torch.from_numpy(candidates.coefficients).to(self._device)
            bits.append((coefficients @ mixed.flatten(1)).view(-1, *mixed.shape[1:]) > 0)
        together = torch.cat(bits).cpu().numpy()
        return np.split(together, np.cumsum([len(one) for one in bits])[:-1])
