"""The pictures of a run as PNG files: timelines, scores by class, time by stage."""

from __future__ import annotations

import logging
import warnings
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fearrefactor.core.report import VideoReport, printable
from fearrefactor.errors import StoreError
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.report.choose import choose
from fearrefactor.report.kept_logs import KeptLogs
from fearrefactor.report.lanes import timeline_of
from fearrefactor.storage.report_columns import read_rows, sum_of_seconds
from fearrefactor.storage.report_log import read_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fearrefactor.core.policy import Policy
    from fearrefactor.report.content import LaneContent
    from fearrefactor.report.lanes import Timeline
    from fearrefactor.storage.run_folder import RunFolder

_log = logging.getLogger(__name__)

_MOST_TIMELINES: Final = 12
_MOST_SCORED: Final = 200
_MOST_CLASSES: Final = 8
_MOST_DRAWN_LANES: Final = 30
_BINS: Final = np.linspace(0, 1, 51)
_INK, _GRID = "#333333", "#d8d8d8"
#: Colour and hatch of each reason: told apart without colours, too.
_LOOKS: Final = {
    "detected": ("#1f5f8b", ""),
    "continued": ("#6ba4c9", ""),
    "bridged": ("#e3a43a", "////"),
    "extended": ("#f3d9a4", "...."),
    "always": ("#6f6f6f", ""),
    "background": ("#b5b5b5", "\\\\\\\\"),
    "doubt": ("#c8452f", "xxxx"),
    "audit": ("#7b4397", "||||"),
}


def draw_plots(run: RunFolder, path: Path, only: Sequence[str], folder: Path) -> tuple[Path, ...]:
    """Write the pictures of a run, whose ``videos.parquet`` is at ``path``, into ``folder``.

    ``timeline-ROW.png`` for up to twelve videos (those ``only``, or the most urgent ones),
    ``confidence.png`` of up to two hundred, ``stages.png`` of the run. What has nothing to show is
    left out, as are videos whose logs cannot be read; files of these names are written over.

    Raises:
        InputError: no video has one of the ids.
        StoreError: ``path`` cannot be read, or a picture cannot be written.
    """
    chosen = choose(path, _MOST_SCORED, only)
    rows = [VideoReport.model_validate(row) for row in read_rows(path, chosen.detailed)]
    videos = [rows[number] for number in np.argsort(chosen.urgency)]
    figures = {}
    with scratch_folder("plots") as scratch:
        logs = KeptLogs(run.store, run.output_prefix, scratch)
        for video, timeline in islice(_timelines(logs, videos), _MOST_TIMELINES):
            figures[f"timeline-{video.row}"] = _timeline(video, timeline)
        scores, n_read = _scores(logs, videos[:_MOST_SCORED])
    policies = tuple(read_facts(path).policies.values())
    if scores:
        figures["confidence"] = _confidence(scores, policies, n_read)
    seconds = sum_of_seconds(path)
    if seconds:
        figures["stages"] = _stages(seconds)
    return tuple(_saved(figure, folder / f"{name}.png") for name, figure in figures.items())


def _timelines(
    logs: KeptLogs, videos: Iterable[VideoReport]
) -> Iterator[tuple[VideoReport, Timeline]]:
    """Of videos in which something is masked, and whose plan can be read."""
    for video in videos:
        if video.plan_key and video.n_masked_frames:
            try:
                found = timeline_of(logs.plan(video), video.duration_s or 0.0)
            except StoreError as error:
                _left_out("timelines", video, error)
                continue
            yield video, found


def _scores(
    logs: KeptLogs, videos: Iterable[VideoReport]
) -> tuple[dict[str, NDArray[np.int64]], int]:
    """How often each class was seen in each of ``_BINS``, and in how many videos it was counted."""
    found: dict[str, NDArray[np.int64]] = defaultdict(lambda: np.zeros(len(_BINS) - 1, np.int64))
    n_read = 0
    for video in videos:
        if video.detections_key:
            try:
                scores_by_class = logs.scores(video)
            except StoreError as error:
                _left_out("scores", video, error)
                continue
            for name, scores in scores_by_class.items():
                found[name] += np.histogram(scores, _BINS)[0]
            n_read += 1
    return dict(found), n_read


def _left_out(plot: str, video: VideoReport, error: StoreError) -> None:
    """What is not drawn is told of: a plot does not show that something is missing."""
    name = printable(video.id, 80)
    _log.warning("row %d (%s) is left out of the %s: %s", video.row, name, plot, error)


def _timeline(video: VideoReport, timeline: Timeline) -> Figure:
    lanes = timeline.lanes[:_MOST_DRAWN_LANES]
    figure, axes = _axes(10, 1.6 + 0.3 * max(len(lanes), 2))
    for number, lane in enumerate(lanes):
        for span in lane.spans:
            color, hatch = _LOOKS[span.provenance]
            axes.broken_barh(
                [(span.start_s, span.end_s - span.start_s)],
                (number - 0.36, 0.72),
                facecolor=color,
                edgecolor="white",
                linewidth=0.3,
                hatch=hatch,
            )
    axes.set_yticks(range(len(lanes)), [_lane_name(lane) for lane in lanes], parse_math=False)
    axes.set_ylim(len(lanes) - 0.5, -0.5)
    axes.set_xlim(0, max(video.duration_s or 0.0, *(s.end_s for lane in lanes for s in lane.spans)))
    axes.set_xlabel("seconds from the first frame")
    axes.grid(axis="x", color=_GRID, linewidth=0.6)
    rest = timeline.n_lanes - len(lanes)
    more = f", {rest} more not shown" if rest else ""
    title = f"{printable(video.id, 70)} (row {video.row}, {video.outcome}{more})"
    axes.set_title(title, loc="left", fontsize=11, parse_math=False)
    used = {span.provenance for lane in lanes for span in lane.spans}
    keys = [
        Patch(facecolor=color, hatch=hatch, edgecolor="white", label=name)
        for name, (color, hatch) in _LOOKS.items()
        if name in used
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), frameon=False)
    return figure


def _lane_name(lane: LaneContent) -> str:
    if lane.track < 0:
        return lane.class_name or lane.spans[0].provenance
    score = f" {lane.score:.2f}" if lane.score else ""
    return f"{printable(lane.class_name or 'thing', 24)} #{lane.track}{score}"


def _confidence(
    scores: Mapping[str, NDArray[np.int64]], policies: Sequence[Policy], n_videos: int
) -> Figure:
    """A histogram for each class that a policy names, with the confidence that it asks for."""
    limits: dict[str, set[float]] = defaultdict(set)
    for rule in (rule for policy in policies for rule in policy.rules):
        for name in rule.classes:
            limits[name].add(rule.confidence)
    named = [name for name in scores if name in limits] or list(scores)
    shown = sorted(named, key=lambda name: (-int(scores[name].sum()), name))[:_MOST_CLASSES]
    n_columns = min(len(shown), 2)
    n_rows = -(-len(shown) // n_columns)
    figure = _figure(5 * n_columns, 0.9 + 2.3 * n_rows)
    for number, name in enumerate(shown, start=1):
        axes = _styled(figure.add_subplot(n_rows, n_columns, number))
        axes.bar(_BINS[:-1], scores[name], width=np.diff(_BINS), align="edge", color="#6ba4c9")
        for limit in sorted(limits[name]):
            axes.axvline(limit, color="#c8452f", linewidth=1.4)
            axes.annotate(
                f"masked from {limit:g}",
                xy=(limit, 0.97),
                xycoords=("data", "axes fraction"),
                xytext=(4, 0),
                textcoords="offset points",
                va="top",
                fontsize=8,
                color="#c8452f",
            )
        axes.set_yscale("symlog", linthresh=10)
        axes.set_ylim(0, max(2 * int(scores[name].max()), 2))
        axes.set_xlim(0, 1)
        axes.set_title(printable(name, 40), loc="left", fontsize=10, parse_math=False)
    videos = "1 video" if n_videos == 1 else f"{n_videos} videos"
    figure.supxlabel(f"score that the model gave (detections of {videos})", fontsize=10)
    figure.supylabel("detections", fontsize=10)
    return figure


def _stages(seconds: Mapping[str, float]) -> Figure:
    names = sorted(seconds, key=lambda name: seconds[name])
    figure, axes = _axes(8, 1.2 + 0.34 * max(len(names), 2))
    lengths = [seconds[name] for name in names]
    bars = axes.barh(names, lengths, color="#1f5f8b", height=0.68)
    total = sum(lengths)
    axes.bar_label(
        bars,
        [f"{one:.3g} s, {100 * one / total if total else 0:.0f} %" for one in lengths],
        padding=4,
        fontsize=9,
        color=_INK,
    )
    axes.set_xlim(0, 1.28 * max(*lengths, 1e-3))  # room for what stands beside the longest
    axes.set_xlabel("worker seconds, all videos together")
    axes.grid(axis="x", color=_GRID, linewidth=0.6)
    axes.set_title(f"{total:,.4g} worker seconds by stage", loc="left", fontsize=11)
    return figure


def _figure(width: float, height: float) -> Figure:
    """So many inches; not by pyplot, which would look for a display and keep every figure."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _axes(width: float, height: float) -> tuple[Figure, Any]:
    figure = _figure(width, height)
    return figure, _styled(figure.add_subplot())


def _styled(axes: Any) -> Any:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelsize=9, labelcolor=_INK)
    axes.set_axisbelow(True)
    return axes


def _saved(figure: Figure, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")  # ids may hold anything
            figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    return path
