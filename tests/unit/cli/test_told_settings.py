from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_stages import CARD

from fearrefactor.cli.run_settings import Detector, PastDetector, RunSettings
from fearrefactor.cli.told_settings import told_settings
from fearrefactor.cluster.settings import ClusterSettings, GpuSettings
from fearrefactor.core.policy import Policy, Rule
from fearrefactor.core.settings import ChildSettings, Limits
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.storage.locations import locate_prefix
from fearrefactor.storage.s3 import S3Settings
from fearrefactor.vision.catalog import ModelFile
from fearrefactor.vision.segmenter import DetectSettings

MODEL = ModelFile("faces", Path("faces.onnx"), "0" * 64, "MIT", "faces", ("face",))


def told(
    cluster: ClusterSettings | None = None, *, has_model: bool = True, **job: Any
) -> dict[str, str]:
    detector = Detector(MODEL, DetectSettings(), "auto") if has_model else PastDetector(CARD, "")
    return told_settings(
        RunSettings(
            run_id="night",
            videos=lambda _: iter(()),
            count=lambda: 0,
            policy=Policy(rules=(Rule(classes=("dog",)),)),
            detector=detector,
            job=JobSettings("out", "", S3Settings(), **job),
            cluster=cluster,
        )
    )


def test_what_is_as_by_default_is_told_only_where_it_decides() -> None:
    assert told() == {
        "device": "auto",
        "audit": "sampled",
        "verify": "sampled",
        "workers": "this process alone",
    }
    assert told(has_model=False) == {
        "detections": "of an earlier run, without a model",
        "audit": "none",
        "verify": "sampled",
        "workers": "this process alone",
    }


@pytest.mark.parametrize(
    ("job", "name", "text"),
    [
        ({"audit": "all"}, "audit", "all"),
        ({"verify": "full"}, "verify", "full"),
        ({"reuse_within": 0.5}, "reuse within", "0.5 levels"),
        ({"limits": Limits(max_pixels=100)}, "limit pixels", "100"),
        ({"child": ChildSettings(max_memory_bytes=3 << 29)}, "media memory", "1.5 GiB"),
        ({"child": ChildSettings(patience=2)}, "patience", "2"),
        ({"child": ChildSettings(require_sandbox=True)}, "sandbox", "required"),
        (
            {"sources_under": (locate_prefix("s3://uploads/b/"),)},
            "sources under",
            "s3://uploads/b/",
        ),
    ],
)
def test_an_option_that_was_given_is_told(job: dict[str, Any], name: str, text: str) -> None:
    assert told().get(name) != text
    assert told(**job) == told() | {name: text}


def test_workers_are_told_as_they_were_asked_for() -> None:
    assert told(ClusterSettings())["workers"] == "one a core"
    many = told(ClusterSettings(None, 8, 2, gpu=GpuSettings(6, decode=True)))
    said = {name: many[name] for name in ("workers", "GPU workers", "GPU slots")}
    assert said == {"workers": "8", "GPU workers": "2", "GPU slots": "6, decoding there"}
