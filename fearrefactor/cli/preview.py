"""``fearrefactor preview``: what a policy would mask, on one picture, before a run is started."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table

from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.model_options import model_options
from fearrefactor.cli.policy_options import chosen_policy, policy_options
from fearrefactor.cli.whole_file import check_free, write_whole
from fearrefactor.core.policy_words import in_words
from fearrefactor.core.report import printable
from fearrefactor.errors import InputError, NotFoundError
from fearrefactor.media.proof_sheet import Proof, proof_sheet
from fearrefactor.pipeline.preview import Previewer
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.pipeline.shown import shown
from fearrefactor.storage.locations import locate
from fearrefactor.vision.canary import watch
from fearrefactor.vision.load import load_segmenter
from fearrefactor.vision.segmenter import DetectSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.cli.environment import Environment
    from fearrefactor.core.policy import Policy
    from fearrefactor.pipeline.preview import Preview, PreviewFrame
    from fearrefactor.vision.segmenter import Segmenter

#: The sheet is about as wide, whatever shape its pictures have.
_COLUMNS: Final = {False: 3, True: 5}
#: Of the policy in words: a long one would fill the sheet.
_MOST_LINES: Final = 10
_BY_ITSELF: Final = (
    "Each frame by itself: a run also links things over time, masks them where they are lost from "
    "sight between two frames and around them, and looks at what it has masked once more."
)


@click.command()
@click.argument("video", metavar="VIDEO")
@policy_options
@model_options
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png",
    help="Where to write it. [default: NAME.preview.png in this folder]",
)
@click.option(
    "--frames",
    type=click.IntRange(1, 100),
    default=12,
    show_default=True,
    help="How many frames to look at, spread over the video.",
)
@click.option(
    "--with-source",
    is_flag=True,
    help="Also show each frame as it is, marked. The picture then holds what is to be hidden.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def preview(
    video: str,
    *,
    model: str,
    device: Any,
    output: Path | None,
    frames: int,
    with_source: bool,
    force: bool,
    **wanted: Any,
) -> None:
    """Write a picture of a few frames of VIDEO as they would be masked; takes seconds.

    VIDEO is a video or an image, here or on S3. Each frame is masked by itself: a run also masks
    what it loses from sight between two frames.
    """
    environment = read_environment()
    policy = chosen_policy(environment, **wanted)
    name = PurePosixPath(locate(video).key).name
    path = output or Path(f"{PurePosixPath(name).stem}.preview.png")
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: expected a name that ends in .png")
    if not force:
        check_free(path)
    segmenter = _segmenter(environment, model, device)
    with scratch_folder("preview") as folder:
        previewer = Previewer(segmenter, policy, folder)
        found = _previewed(previewer, environment, video, frames, with_source=with_source)
    proofs = [proof for frame in found.frames for proof in _proofs(frame)]
    png = proof_sheet(proofs, [*_heading(name, segmenter, policy)], _columns(found, proofs))
    write_whole(path, png, replace=force)
    _tell(found, path, video, segmenter.card.unproven)


def _segmenter(environment: Environment, model: str, device: Any) -> Segmenter:
    """The model, which has seen what is known to be in a picture."""
    file, settings = environment.model(model), DetectSettings()
    loaded = load_segmenter(
        file, settings, device=device, threads=environment.n_cores, cache=environment.cache
    )
    return watch(loaded, file.target, shown(None, settings.long_side))


def _previewed(
    previewer: Previewer,
    environment: Environment,
    video: str,
    n_frames: int,
    *,
    with_source: bool,
) -> Preview:
    place = locate(video)
    try:
        source = environment.store(place.store_root).open(place.key)
    except NotFoundError as error:
        raise InputError(f"there is no file {video}") from error
    with source:
        return previewer.preview(source, n_frames, with_source=with_source)


def _heading(name: str, segmenter: Segmenter, policy: Policy) -> Iterator[str]:
    told = f"{name}, as the policy '{policy.name}' masks it; model {segmenter.card.name}"
    yield printable(told)
    words = in_words(policy).splitlines()
    yield from map(printable, words[:_MOST_LINES])
    if len(words) > _MOST_LINES:
        yield "… (fearrefactor policy check says all of it)"
    yield _BY_ITSELF


def _proofs(frame: PreviewFrame) -> Iterator[Proof]:
    """A frame as it is masked, and as it is if that was asked for."""
    if frame.source is not None:
        lines = (f"{frame.time_s:.2f} s, as it is", "")
        yield Proof(frame.source, lines, warning="SOURCE – NOT MASKED")
    when = f"{frame.time_s:.2f} s, frame {frame.frame}"
    if frame.masked:
        lines = (f"{when}: {_percent(frame.share)} masked", _things(frame))
        yield Proof(frame.picture, lines)
    else:
        yield Proof(frame.picture, (when, "nothing to mask"), is_dimmed=True)


def _columns(found: Preview, proofs: list[Proof]) -> int:
    height, width, _ = proofs[0].picture.shape
    columns = _COLUMNS[height > width]
    has_source = found.frames[0].source is not None
    return columns + columns % 2 if has_source else columns


def _tell(found: Preview, path: Path, video: str, unproven: str | None) -> None:
    console = Console()
    table = Table()
    for name in ("time", "frame", "masked", "of the picture"):
        table.add_column(name, justify="left" if name == "masked" else "right", overflow="fold")
    for frame in found.frames:
        things = _things(frame) or "nothing"
        share = _percent(frame.share) if frame.masked else ""
        table.add_row(f"{frame.time_s:.2f} s", str(frame.frame), things, share)
    console.print(table, markup=False)
    n_frames = found.index.n_frames
    n_masked = sum(bool(frame.masked) for frame in found.frames)
    dry_run = f"fearrefactor mask {printable(video)} -o DEST … --dry-run"
    for line in (
        f"{len(found.frames)} of {n_frames} frames looked at, {n_masked} with something to mask",
        *([f"nothing proves that the model saw: {unproven}"] if unproven else []),
        _BY_ITSELF,
        f"picture     {path}",
        f"how long    {dry_run} says what a run takes",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _things(frame: PreviewFrame) -> str:
    """What is masked, by class, with scores: ``2 person 0.91 0.88, dog 0.71``."""
    scores: dict[str, list[float]] = defaultdict(list)
    for masked in frame.masked:
        scores[masked.name].append(masked.score)
    told = []
    for name, found in scores.items():
        number = f"{len(found)} " if len(found) > 1 else ""
        seen = "".join(f" {score:.2f}" for score in sorted(found, reverse=True) if score)
        told.append(f"{number}{printable(name)}{seen}")
    return ", ".join(told)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
