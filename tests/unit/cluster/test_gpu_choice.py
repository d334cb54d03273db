from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import lamps
import pytest

from fearrefactor.cli.gpu_options import with_gpu
from fearrefactor.cluster.scheduler import runs_on_gpu
from fearrefactor.cluster.settings import ClusterSettings, GpuSettings
from fearrefactor.errors import InputError

if TYPE_CHECKING:
    from fearrefactor.vision.load import Device

MODEL = lamps.model_file("anchors")
FACES = replace(MODEL, kind="faces")


@pytest.mark.parametrize(
    ("device", "n_gpus", "goes"),
    [("auto", 2, True), ("auto", 0, False), ("cpu", 2, False), ("cuda", 1, True)],
)
def test_a_model_goes_where_there_are_gpus_and_it_is_let(
    device: Device, n_gpus: int, *, goes: bool
) -> None:
    assert runs_on_gpu(MODEL, device, n_gpus, decode=False) is goes
    assert not runs_on_gpu(FACES, "auto", n_gpus, decode=False)


@pytest.mark.parametrize(
    ("model", "device", "n_gpus"), [(MODEL, "auto", 0), (MODEL, "cpu", 2), (FACES, "auto", 2)]
)
def test_decoding_on_a_gpu_is_refused_where_no_model_runs_on_one(
    model: lamps.ModelFile, device: Device, n_gpus: int
) -> None:
    with pytest.raises(InputError, match="--gpu-decode"):
        runs_on_gpu(model, device, n_gpus, decode=True)


def test_a_device_that_is_asked_for_and_not_there_is_an_error() -> None:
    with pytest.raises(InputError, match="device cuda"):
        runs_on_gpu(MODEL, "cuda", 0, decode=False)


def test_to_decode_on_a_gpu_takes_workers() -> None:
    assert with_gpu(None, 4, decode=False) is None
    assert with_gpu(None, 7, decode=True) == ClusterSettings(gpu=GpuSettings(7, decode=True))
    asked = ClusterSettings("auto", 8, 2)
    assert with_gpu(asked, 2, decode=False) == replace(asked, gpu=GpuSettings(2))
