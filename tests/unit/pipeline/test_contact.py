from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from fake_stages import Tally
from lamp_clips import clip, picture
from stub_model import LampFinder

from fearrefactor.core.manifest import Row
from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.core.settings import CutSettings
from fearrefactor.errors import NotFoundError
from fearrefactor.pipeline.contact import write_contact_sheet
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.stages import RunContext
from fearrefactor.pipeline.video import VideoRun
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from fearrefactor.core.report import VideoReport

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILL_RED = Policy(rules=(Rule(classes=("red",), effect=Effect(kind="fill")),))


def settings(tmp_path: Path) -> JobSettings:
    cut = CutSettings(min_segment_frames=12)
    return JobSettings(str(tmp_path / "out"), "", S3Settings(), cut=cut)


def mask(source: Path, tmp_path: Path) -> VideoReport:
    with VideoWorker(settings(tmp_path), LampFinder(), tmp_path) as worker:
        stages = InlineStages(worker, LampFinder().card, "stub")
        context = RunContext(settings(tmp_path), stages, Tally(), {})
        return asyncio.run(VideoRun(Row(1, "film", str(source)), FILL_RED, context).run())


def n_red(sheet: NDArray[np.uint8], half: slice) -> int:
    blue, green, red = (sheet[:, half, channel].astype(int) for channel in range(3))
    return int(np.count_nonzero((red - np.maximum(blue, green)) > 90))


def shown(path: Path) -> NDArray[np.uint8]:
    """``(height, width, 3)`` uint8 BGR."""
    found = cv2.imread(str(path))
    assert found is not None
    return found.astype(np.uint8)


def test_the_sheet_shows_moments_before_and_after(tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(clip({"red": range(48)}))
    report = mask(source, tmp_path)
    path = Path(write_contact_sheet(report, settings(tmp_path)))
    assert path.parent == tmp_path / "out" / "videos"
    sheet = shown(path)
    middle = sheet.shape[1] // 2
    assert n_red(sheet, slice(0, middle)) > 4 * 100 * 100  # four lamps of over 100 × 100 pixels
    assert n_red(sheet, slice(middle, None)) == 0


def test_the_same_work_has_the_same_sheet(tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(clip({"red": range(12)}, 12))
    report = mask(source, tmp_path)
    first, second = (write_contact_sheet(report, settings(tmp_path)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_an_image_has_a_sheet_beside_it_and_not_in_its_place(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"picture{suffix}"
    cv2.imwrite(str(source), picture(["red"])[:, :, ::-1])
    report = mask(source, tmp_path)
    assert report.outcome == "masked", report.reason
    sheet = Path(write_contact_sheet(report, settings(tmp_path)))
    result = tmp_path / "out" / str(report.output_key)
    assert sheet != result
    assert shown(sheet).shape[1] > shown(result).shape[1] == 160


def test_a_source_that_has_gone_since_is_an_error(tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(clip({"red": range(12)}, 12))
    report = mask(source, tmp_path)
    source.unlink()
    with pytest.raises(NotFoundError):
        write_contact_sheet(report, settings(tmp_path))
