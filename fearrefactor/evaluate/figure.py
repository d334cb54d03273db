"""Recall against confidence as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fearrefactor.errors import StoreError
from fearrefactor.evaluate.scores import CONFIDENCES, EXPOSED_BELOW

if TYPE_CHECKING:
    from pathlib import Path

    from fearrefactor.evaluate.scores import Curve


def draw_curve(curve: Curve, wanted: float, n_frames: int, title: str, path: Path) -> None:
    """Write a PNG: mean and worst pixel recall and exposed frames at each confidence.

    ``wanted``: the recall that is marked; ``n_frames``: how many frames have an object.

    Raises:
        StoreError: the file cannot be written.
    """
    # Not pyplot: it would look for a display, and keep every figure.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    frames = axes.twinx()
    frames.bar(CONFIDENCES, curve.exposed, width=0.03, color="#f0b6a8", label="exposed frames")
    frames.set_ylabel(f"exposed frames (recall < {EXPOSED_BELOW:g}) of {n_frames}")
    frames.set_ylim(0, max(n_frames, 1))
    axes.plot(CONFIDENCES, curve.mean, "o-", color="#1f4e79", label="mean pixel recall")
    axes.plot(CONFIDENCES, curve.worst, "s--", color="#c0392b", label="pixel recall, worst frame")
    axes.axhline(wanted, color="#555555", linewidth=1, linestyle=":", label=f"wanted: {wanted:g}")
    axes.set_zorder(frames.get_zorder() + 1)  # lines before bars
    axes.patch.set_visible(False)
    axes.set_xlabel("confidence from which an instance is masked")
    axes.set_ylabel("pixel recall of single-frame masks")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    axes.set_title(title)
    handles, labels = axes.get_legend_handles_labels()
    more, names = frames.get_legend_handles_labels()
    figure.legend(handles + more, labels + names, loc="outside lower center", ncols=4)
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}") from error
