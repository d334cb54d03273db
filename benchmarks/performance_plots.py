"""The plots of ``docs/performance.md``: grey on nothing, so that light and dark pages show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from record import read

mpl.use("Agg")
import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from record import Row

_GREY, _BLUE, _ORANGE = "#808890", "#3b8eea", "#e08030"
_STYLE: Final = {
    "font.size": 9,
    "savefig.transparent": True,
    **dict.fromkeys(
        ("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "text.color"), _GREY
    ),
}
#: By axis of growth: what it counts, which column shows it, and whether its scale is logarithmic.
_GROWTH: Final = {
    "length": ("minutes", "cpu_s", True),
    "resolution": ("lines of the picture", "cpu_ms_per_frame", True),
    "objects": ("masked things", "cpu_ms_per_frame", False),
    "segments": ("least frames in a segment", "cpu_ms_per_frame", True),
    "videos": ("videos", "cpu_s", True),
}
_PLOTS: Final = {"growth": ("growth", "memory"), "scale": ("scale",)}


def names(result: str) -> tuple[str, ...]:
    """Of the plots of a result."""
    return _PLOTS.get(result, ())


def draw(results: Path, folder: Path) -> Iterator[Path]:
    """Draw what there are results for into ``folder``; answers the files."""
    folder.mkdir(exist_ok=True)
    with plt.rc_context(_STYLE):
        growth, scale = read("growth", results), read("scale", results)
        if growth is not None:
            yield _saved(_growth(growth.rows), folder / "growth.png")
            yield _saved(_memory(growth.rows), folder / "memory.png")
        if scale is not None:
            yield _saved(_scale(scale.rows), folder / "scale.png")


def _saved(figure: Any, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)
    return path


def _growth(rows: list[Row]) -> Any:
    there = {str(row["axis"]) for row in rows}
    axes = [axis for axis in _GROWTH if axis in there]
    figure, places = plt.subplots(1, max(1, len(axes)), figsize=(2.6 * max(1, len(axes)), 2.4))
    for place, axis in zip([places] if len(axes) < 2 else places, axes, strict=False):
        label, column, is_log = _GROWTH[axis]
        points = [(row["value"], row[column]) for row in rows if row["axis"] == axis]
        place.plot(*zip(*points, strict=True), "o-", color=_BLUE, markersize=4)
        place.set_xlabel(label)
        place.set_title(column.replace("_", " "), fontsize=9)
        if is_log:
            place.set_xscale("log")
            place.set_yscale("log")
        else:
            place.set_ylim(bottom=0)
    return figure


def _memory(rows: list[Row]) -> Any:
    figure, place = plt.subplots(figsize=(4.2, 2.4))
    length = [row for row in rows if row["axis"] == "length"]
    for column, color in (("worker_mib", _BLUE), ("child_mib", _ORANGE)):
        points = [(row["value"], row[column]) for row in length]
        if points:
            label = column.removesuffix("_mib")
            place.plot(*zip(*points, strict=True), "o-", color=color, label=label)
    place.set_xlabel("minutes")
    place.set_title("MiB at the peak", fontsize=9)
    place.set_ylim(bottom=0)
    place.legend(frameon=False)
    return figure


def _scale(rows: list[Row]) -> Any:
    figure, place = plt.subplots(figsize=(4.8, 2.8))
    kinds = list(dict.fromkeys(str(row["node"]) for row in rows))
    for kind, color in zip(kinds, (_BLUE, _ORANGE), strict=False):
        for jobs, line in (("one job", "--"), ("enough jobs", "-")):
            chosen: dict[Any, Any] = {}
            for row in rows:
                if row["node"] == kind and (jobs == "enough jobs" or row["jobs"] == 1):
                    chosen[row["nodes"]] = row["wall_h"]
            place.plot(*zip(*chosen.items(), strict=True), f"o{line}", color=color, markersize=4,
                       label=f"{kind}, {jobs}")  # fmt: skip
    place.set_xscale("log")
    place.set_yscale("log")
    place.set_xlabel("nodes")
    place.set_title("hours for the night", fontsize=9)
    place.legend(frameon=False, fontsize=7)
    return figure
