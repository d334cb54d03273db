"""``fearrefactor inspect``: what a video is, before anything is done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from fearrefactor.cli.environment import read_environment
from fearrefactor.core.settings import CutSettings, Limits
from fearrefactor.errors import InputError, NotFoundError
from fearrefactor.media.child import MediaChild
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.storage.locations import locate

if TYPE_CHECKING:
    from fearrefactor.core.video import VideoIndex


@click.command()
@click.argument("video")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def inspect(video: str, *, as_json: bool) -> None:
    """Show streams, segments, key frames, and what sets VIDEO apart from an ordinary one."""
    environment = read_environment()
    place = locate(video)
    try:
        file = environment.store(place.store_root).open(place.key)
    except NotFoundError as error:
        raise InputError(f"there is no file {video}") from error
    with (
        file,
        scratch_folder("inspect") as folder,
        MediaChild(file, folder) as child,
    ):
        # Cut at every point where it can be: each closed GOP is shown.
        index = child.index(Limits(), CutSettings(min_segment_frames=1))
    if as_json:
        click.echo(_as_json(index))
    else:
        _print(index, Console())


def _as_json(index: VideoIndex) -> str:
    import json

    told = {
        **index.info.model_dump(mode="json"),
        "unusual": list(index.info.unusual),
        "n_frames": index.n_frames,
        "n_packets": index.n_packets,
        "segments": [segment.model_dump() for segment in index.segments],
    }
    return json.dumps(told, indent=1)


def _print(index: VideoIndex, console: Console) -> None:
    info = index.info
    console.print(
        f"{info.container}, {info.codec} {info.width_px} × {info.height_px} {info.pix_fmt}, "
        f"{index.n_frames} frames, {info.duration_s:.2f} s at {float(info.rate):.3f} frames/s, "
        f"time base {info.time_base}",
        highlight=False,
    )
    streams = Table(title="streams", title_justify="left")
    for name in ("index", "kind", "codec", "language", "kept"):
        streams.add_column(name)
    for stream in info.streams:
        kept = "yes" if stream.kept else f"no: {stream.why}"
        streams.add_row(str(stream.index), stream.kind, stream.codec, stream.language or "", kept)
    console.print(streams, markup=False)
    gops = Table(title="closed GOPs: where it can be cut", title_justify="left")
    for name in ("key frame", "at", "frames"):
        gops.add_column(name, justify="right")
    for segment in index.segments:
        at_s = float(segment.start_pts * info.time_base)
        gops.add_row(str(segment.first_frame), f"{at_s:.3f} s", str(segment.n_frames))
    console.print(gops, markup=False)
    whole = f"the whole video is rendered: {info.whole_because}"
    spliced = "only the GOPs that hold it are rendered"
    console.print(
        f"if something is masked: {whole if info.whole_because else spliced}",
        markup=False,
        soft_wrap=True,
    )
    console.print("unusual: " + ("; ".join(info.unusual) or "nothing"), markup=False)
