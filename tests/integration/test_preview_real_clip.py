from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLIP = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "video" / "sam2_01_dog.mp4"
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CLIP.is_file(), reason="needs the real clips of ../shared/data"),
]
POLICY = """
rules:
  - classes: [person, dog]
    effect: {kind: fill, color: "#ff00ff"}
"""


def preview(*options: str | Path) -> str:
    """What the command says of the clip."""
    program = Path(sys.executable).parent / "fearrefactor"
    done = subprocess.run(
        [program, "preview", CLIP, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def magenta(path: Path) -> tuple[int, NDArray[np.uint8]]:
    """How many pixels have the policy's colour, and the sheet."""
    sheet = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert sheet is not None
    near = np.abs(sheet.astype(int) - (255, 0, 255)).max(axis=2) < 24
    return int(near.sum()), np.asarray(sheet, np.uint8)


def test_a_real_clip_is_shown_masked_and_beside_its_source_only_if_asked(tmp_path: Path) -> None:
    policy, path = tmp_path / "policy.yaml", tmp_path / "sheet.png"
    policy.write_text(POLICY, "utf-8")
    said = preview("--policy", policy, "--frames", "4", "-o", path)
    shares = [
        float(line.split("│")[4].strip(" %")) for line in said.splitlines() if "person" in line
    ]
    assert len(shares) == 4
    assert "4 of 289 frames looked at, 4 with something to mask" in said
    assert "--dry-run" in said
    n_filled, sheet = magenta(path)
    assert n_filled == pytest.approx(sum(shares) / 100 * 512 * 288, rel=0.05)
    preview("--policy", policy, "--frames", "4", "--with-source", "--force", "-o", path)
    n_again, wider = magenta(path)
    assert n_again == pytest.approx(n_filled, rel=0.01)
    is_red = (wider == (200, 0, 0)).all(axis=2)
    assert not (sheet == (200, 0, 0)).all(axis=2).any()
    assert is_red.sum() > 4 * 512 * 15
