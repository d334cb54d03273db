from __future__ import annotations

import dataclasses
from pathlib import Path

import lamps
import pytest
import torch

from fearrefactor.errors import ModelError
from fearrefactor.vision.catalog import ModelFile
from fearrefactor.vision.centerface import CenterFace
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.segmenter import DetectSettings

FACES = ModelFile("faces", Path("faces.onnx"), "0" * 64, "MIT", "faces", ("face",))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the test misses")
def test_asking_for_a_gpu_where_there_is_none_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"device cuda was asked for, but .* NVIDIA driver"):
        load_segmenter(
            lamps.model_file("anchors"),
            DetectSettings(),
            device="cuda",
            threads=1,
            cache=tmp_path,
        )


def test_a_face_model_on_a_gpu_is_refused_and_runs_on_the_cpu_otherwise(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="model faces runs on the CPU only"):
        load_segmenter(FACES, DetectSettings(), device="cuda", threads=1, cache=tmp_path)

    found = load_segmenter(FACES, DetectSettings(), device="auto", threads=1, cache=tmp_path)
    assert isinstance(found, CenterFace)


def test_a_clip_is_no_model(tmp_path: Path) -> None:
    clip = dataclasses.replace(FACES, name="bikes", kind="clip")

    with pytest.raises(ModelError, match="bikes is a clip, not a model"):
        load_segmenter(clip, DetectSettings(), device="cpu", threads=1, cache=tmp_path)


def test_a_model_file_that_is_gone_is_an_error_that_names_it(tmp_path: Path) -> None:
    gone = dataclasses.replace(FACES, path=tmp_path / "gone.onnx")
    segmenter = load_segmenter(gone, DetectSettings(), device="cpu", threads=1, cache=tmp_path)

    with pytest.raises(ModelError, match=r"model faces: .*gone\.onnx"):
        segmenter.segment(lamps.frame()[None])
