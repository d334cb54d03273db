"""``fearrefactor evaluate``: how well things are masked, in numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.model_options import model_options, reuse_option
from fearrefactor.cli.policy_options import find_policy
from fearrefactor.cli.progress import ConsoleProgress
from fearrefactor.errors import StoreError
from fearrefactor.evaluate.figure import draw_curve
from fearrefactor.evaluate.look import observing
from fearrefactor.evaluate.measure import MASKINGS
from fearrefactor.evaluate.result import as_json, frame_columns, summarise
from fearrefactor.evaluate.run import Question
from fearrefactor.evaluate.run import evaluate as measure_dataset
from fearrefactor.storage.score_log import write_scores
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from fearrefactor.core.presets import Preset
    from fearrefactor.evaluate.result import Result
    from fearrefactor.evaluate.run import Evaluation
    from fearrefactor.evaluate.scores import Score
    from fearrefactor.vision.load import Device


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET")
@click.option(
    "--classes",
    metavar="NAMES",
    help="What counts as the object: dog,person. [default: classes.json of a folder; every class "
    "of a COCO file that the model knows]",
)
@click.option(
    "--preset",
    type=click.Choice(["comfort", "privacy", "strict"]),
    help="Mask those classes by this preset. [default: comfort]",
)
@click.option(
    "--policy",
    metavar="NAME|FILE",
    help="Mask by this policy instead: a built-in one or a .yaml file, here or on S3.",
)
@model_options
@reuse_option
@click.option(
    "--recall",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.95,
    show_default=True,
    help="The pixel recall you want. The answer is the highest confidence at which single-frame "
    "masks still reach it: a lower one reaches it too, but masks more that is not there.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write scores.json, frames.parquet (a row per frame and masking) and curve.png there.",
)
@click.option("--json", "to_json", is_flag=True, help="Print the result as JSON, and only that.")
def evaluate(
    *,
    dataset: Path,
    classes: str | None,
    preset: Preset | None,
    policy: str | None,
    model: str,
    device: Device,
    reuse_within: float,
    recall: float,
    output: Path | None,
    to_json: bool,
) -> None:
    """Measure how well the objects of DATASET are masked, by frame and by the whole plan.

    DATASET is a folder like DAVIS (JPEGImages/*/SEQ/*.jpg, Annotations/*/SEQ/*.png, classes.json)
    or a COCO JSON file of instances with its images beside it, in images/ or in ../images/. Both
    maskings come from one detect pass by the same code as 'mask'. docs/evaluate.md explains the
    columns.
    """
    if preset is not None and policy is not None:
        raise click.UsageError("give --preset or --policy, not both; a policy names its preset")
    environment = read_environment()
    names = None if classes is None else _names(classes)
    found = find_policy(policy, environment) if policy else preset or "comfort"
    question = Question(names, found)
    settings = DetectSettings()
    segmenter = load_segmenter(
        environment.model(model),
        settings,
        device=device,
        threads=environment.n_cores,
        cache=environment.cache,
    )
    with (
        ConsoleProgress(Console(stderr=True)) as progress,
        observing(segmenter, progress, reuse_within) as eyes,
    ):
        evaluation = measure_dataset(dataset, question, eyes)
        n_frames, n_reused = eyes.n_frames, eyes.n_reused
    result = summarise(evaluation, recall)
    told = {
        "dataset": str(dataset),
        "model": segmenter.card.name,
        "model_sha256": segmenter.card.sha256,
        "runtime": segmenter.card.runtime,
        "policy": found if isinstance(found, str) else found.name,
        "score_floor": settings.score_floor,
        "reuse_within": reuse_within,
        "n_frames_seen": n_frames,
        "n_answers_reused": n_reused,
        **as_json(evaluation, result),
    }
    text = json.dumps(told, indent=1, allow_nan=False)
    written = [] if output is None else _write(output, text, evaluation, result, str(told["model"]))
    if to_json:
        click.echo(text)
    else:
        _print(Console(), told, evaluation, result, written)


def _names(classes: str) -> tuple[str, ...]:
    names = tuple(name.strip().strip("\"'") for name in classes.split(",") if name.strip())
    if not names:
        raise click.UsageError("--classes is empty; write --classes person,dog")
    return names


def _write(
    folder: Path, text: str, evaluation: Evaluation, result: Result, model: str
) -> list[Path]:
    scores, frames = folder / "scores.json", folder / "frames.parquet"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scores.write_text(f"{text}\n", "utf-8")
    except OSError as error:
        raise StoreError(f"{scores} cannot be written: {error}") from error
    write_scores(frames, frame_columns(evaluation.measured))
    if result.curve is None:
        return [scores, frames]
    drawn = folder / "curve.png"
    n_frames = result.total["single"].n_object_frames
    title = f"{model}: single-frame masks, {n_frames} frames with an object"
    draw_curve(result.curve, result.wanted, n_frames, title, drawn)
    return [scores, frames, drawn]


def _print(
    console: Console,
    told: dict[str, Any],
    evaluation: Evaluation,
    result: Result,
    written: list[Path],
) -> None:
    table = Table(
        title=f"{told['dataset']} · {told['model']} ({told['runtime']}) · {told['policy']}",
        title_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,  # ten columns on eighty characters
        pad_edge=False,
    )
    table.add_column("sequence", overflow="fold", min_width=9)
    table.add_column("masking", no_wrap=True)
    for name in ("frames", "J", "recall", "worst", "exposed", "run", "area ×", "over %"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = {**result.sequences, "total": result.total}
    for name, scores in rows.items():
        for kind in MASKINGS:
            first = name if kind == MASKINGS[0] else ""
            last = kind == MASKINGS[-1]
            table.add_row(first, kind, *_cells(scores[kind]), end_section=last)
    console.print(table, markup=False)
    for line in [*_lines(told, evaluation, result), *(f"written     {path}" for path in written)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _cells(score: Score) -> list[str]:
    return [
        str(score.n_frames),
        _number(score.mean_j),
        _number(score.mean_recall),
        _number(score.worst_recall),
        str(score.exposed_frames),
        "" if score.longest_exposed_run is None else str(score.longest_exposed_run),
        _number(score.area_ratio, 2),
        f"{100 * score.over_masked_share:.1f}",
    ]


def _lines(told: dict[str, Any], evaluation: Evaluation, result: Result) -> list[str]:
    lines = []
    if result.curve is not None:
        mean, worst = _reached(result.highest_mean), _reached(result.highest_worst)
        wanted = f"pixel recall {result.wanted:g} of single frames"
        lines.append(f"{wanted}: on average {mean}; in every frame {worst}")
    if (precision := evaluation.precision) is not None:
        values = [_number(value) for value in (precision.ap, precision.ap50, precision.ap75)]
        lost = f"instances scored below {told['score_floor']:g} are not there"
        lines.append("mask AP {}, AP50 {}, AP75 {} ({})".format(*values, lost))
    return [*lines, *(f"left out    {reason}" for reason in evaluation.left_out)]


def _reached(confidence: float | None) -> str:
    if confidence is None:
        return "not reached, not even at confidence 0.05"
    return f"reached up to confidence {confidence:g}"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
