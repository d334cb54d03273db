from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from page import PAGE, PARTS, page, table  # noqa: E402 - scripts are no package
from record import read, record  # noqa: E402


def test_the_page_is_what_its_results_make() -> None:
    assert PAGE.read_text("utf-8") == page()


def test_every_plot_that_the_page_shows_is_there() -> None:
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", PAGE.read_text("utf-8"))
    assert [name for name in shown if not (PAGE.parent / name).is_file()] == []


def test_what_was_not_measured_is_said_with_the_command_that_does(tmp_path: Path) -> None:
    text = page(tmp_path)
    for part in PARTS:
        assert f"benchmarks/{part.script}` " in text
        assert (ROOT / "benchmarks" / part.script.split()[0]).is_file()
    assert text.count("Not run") == len(PARTS)
    assert "Not run on a machine with an NVIDIA GPU" in text


def test_rows_of_any_columns_make_a_table_and_are_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["driver.py", "--quick"])
    rows = [{"what": "a|b", "value": 1234.5}, {"what": "c", "ok": True, "none": None}]
    record("driver", rows, {"runs": 3}, tmp_path)
    found = read("driver", tmp_path)
    assert found is not None
    assert found.rows == rows
    text = page(tmp_path)
    assert "| what | value | ok |\n| --- | --- | --- |\n| a/b | 1,234 |  |\n| c |  | yes |" in text
    assert "runs: 3." in text
    assert "`python benchmarks/driver.py --quick` on 20" in text
    assert table([{"x_ms": 0.12345}]) == "| x ms |\n| --- |\n| 0.1235 |"


def test_a_ratio_is_held_against_what_was_wanted(tmp_path: Path) -> None:
    rows = [
        {"part": "720p all", "tool": "predict", "wall_ratio": 2.5, "cpu_ratio": 2.4},
        {"part": "720p none", "tool": "predict", "wall_ratio": 2.5, "cpu_ratio": 2.4},
        {"part": "720p all", "tool": "ffmpeg", "wall_ratio": 0.2, "cpu_ratio": 0.2},
    ]
    record("peers", rows, None, tmp_path)
    text = page(tmp_path)
    assert "| 720p all | predict | 2.5 | 2.4 | 2 | yes |" in text
    assert "| 720p none | predict | 2.5 | 2.4 | 3 | no |" in text
