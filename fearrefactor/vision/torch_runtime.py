"""Segmentation networks on a GPU through torch; on the CPU the same code serves as a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from fearrefactor.core.model import ModelCard
from fearrefactor.errors import ModelError
from fearrefactor.vision.device_answers import answers
from fearrefactor.vision.device_calls import CallsByShape, Forward
from fearrefactor.vision.heads import reader
from fearrefactor.vision.segmenter import DetectSettings, check_frames

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.detections import Instances
    from fearrefactor.vision.catalog import ModelFile
    from fearrefactor.vision.device_calls import Captured
    from fearrefactor.vision.network import Network


class TorchSegmenter:
    """A segmenter on ``device``, with weights of ``dtype``: half on a GPU, float32 elsewhere.

    ``capture`` records the network for each shape of input (see ``CallsByShape``); None calls it
    directly, which is all that a CPU can do.
    """

    def __init__(
        self,
        file: ModelFile,
        network: Network,
        settings: DetectSettings,
        *,
        device: str,
        dtype: torch.dtype,
        capture: Callable[[Forward, torch.Tensor], Captured] | None = None,
    ) -> None:
        self._card = ModelCard(
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
        self._forward = Forward(network.module, self._device, dtype)
        self._calls = CallsByShape(self._forward, capture) if capture is not None else None

    @property
    def card(self) -> ModelCard:
        """Its runtime tells whether its calls are graphs; that is known after the first of them."""
        if self._calls is None or self._calls.failure:
            return self._card
        return self._card.model_copy(update={"runtime": f"{self._card.runtime} graphs"})

    def segment(self, frames: NDArray[np.uint8] | torch.Tensor) -> list[Instances]:
        """See ``Segmenter.segment``; the frames go through the network as one batch.

        They may be on the device already, as a tensor of the same shape.
        """
        check_frames(frames, self._card.name)
        try:
            with torch.inference_mode():
                sent = frames if isinstance(frames, torch.Tensor) else self._pinned(frames)
                sent = sent.to(self._device, non_blocking=True)
                told = (self._calls or self._forward)(sent)
                n_frames, height, width = sent.shape[:3]
                return answers(self._head, told, self._settings, (n_frames, height, width))
        except ModelError as error:
            raise error.naming(f"model {self._card.name}") from error
        except RuntimeError as error:
            raise ModelError(
                f"model {self._card.name}: torch cannot run it on {tuple(frames.shape)} frames on "
                f"{self._device}: {error}"
            ) from error

    def _pinned(self, frames: NDArray[np.uint8]) -> torch.Tensor:
        on_gpu = self._device.type == "cuda"
        held = torch.empty(frames.shape, dtype=torch.uint8, pin_memory=on_gpu)
        held.numpy()[:] = frames
        return held
