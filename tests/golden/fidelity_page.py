"""``docs/fidelity.md``: an introduction, and a row for each odd file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kept_properties import Kept
    from odd_walk import Walked

    from fearrefactor.errors import FearRefactorError

INTRODUCTION: Final = """\
# Fidelity

What is masked changes, and nothing else does. This page says what that means, and shows it on odd
files. `make fidelity` writes it: the table at its end is what the test suite found, looked at with
Debian's ffprobe and ffmpeg, an older version of FFmpeg and another build than what writes results.

## What is kept
- Every frame and its time: variable rates, late starts and what an edit list shows.
- The picture's size, pixel format and bit depth, the shape of its pixels, rotation and reflection.
- Colours: range, primaries, transfer, matrix; mastering display and light level of HDR.
- Every sound and subtitle track packet for packet, with its language, its title, its times and what
  a player is to skip at its start.
- Chapters and the film's title; which tracks are the default ones.
- The container of MP4, MOV, Matroska, WebM and MPEG-TS. AVI, FLV, Ogg and WMV stay what they are
  when they are copied; what is rendered of them goes into MP4 or, if that cannot hold the tracks
  beside the picture, into MOV, Matroska or WMV.

## What is removed
From clean videos too, because it would show what is masked elsewhere, or who filmed it and where:
- covers, thumbnails, attached files, second video tracks;
- timed metadata, telemetry, timecode tracks;
- tags of places, devices and people, comments, all but the title and the languages;
- a second view or layer beside each picture, as of stereo and spatial video: nobody has inspected
  it, so such a video is rendered whole;
- frames that an edit list hides. Nobody has inspected them, so their GOP is rendered without them.

## What is refused
What cannot be kept is refused by name (`failed: unsupported`), never lost in silence: transparency
in what is to be rendered, Dolby Vision that no screen can show without its metadata, encrypted
samples, pictures that change their size on the way, two frames at one time. A file that cannot be
read to its end is refused, too (`truncated`, `decode_error`).

## How a video is spliced
A video is a run of closed GOPs: pictures that decode without any from before or after. A GOP in
which nothing is masked is copied, packet for packet. A GOP in which something is masked is decoded,
masked and encoded again, and stands where the old one stood, at the same times. Both kinds share
one track: the rendered pictures name a parameter set of their own, under an id that the source has
left free, beside the source's. So every frame of the other GOPs is bit for bit what it was.

## When a video is rendered whole
- It is not H.264, or its container is none of MP4, MOV, Matroska and MPEG-TS.
- It has one closed GOP, or something is masked in all of them.
- Its parameter sets change on the way, or it is interlaced or 4:4:4; the report says which.
- The verifier found a fault in the spliced result.

It is then rendered in its own codec where there is an encoder for it, else in H.264. A video in
which nothing is masked is copied, whatever its codec; only hidden frames and second views make that
impossible.

## The files
*masked*: three frames in the middle were masked. Frames of copied GOPs are, bit for bit, those of
the source; the mask is in the planned frames and in no other.

| file | what it is | clean | masked | what was checked |
|---|---|---|---|---|
"""


def page(rows: Iterable[str]) -> str:
    """The whole page."""
    return INTRODUCTION + "".join(f"{row}\n" for row in rows)


def names_in(text: str) -> list[str]:
    """The files that a page has rows for."""
    return re.findall(r"^\| `(.+?)` \|", text, re.MULTILINE)


def row_of_good(name: str, what: str, walked: Walked, source: Kept) -> str:
    """What came of a film, and which properties of its source were held against that."""
    return _row(name, what, *_outcomes(walked), _checked(source))


def row_of_bad(name: str, what: str, error: FearRefactorError) -> str:
    """Why nothing came of a file."""
    return _row(name, what, _refused(error), _refused(error), "")


def _row(name: str, *cells: str) -> str:
    return f"| `{name}` | " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _outcomes(walked: Walked) -> list[str]:
    clean, masked = walked.results.get("clean"), walked.results["masked"]
    if clean is None:
        out = ["rendered whole, without the hidden frames"]
    else:
        out = [clean.suffix if isinstance(clean, Path) else _refused(clean)]
    if not isinstance(masked, Path):
        return [*out, _refused(masked)]
    n_gops = len(walked.index.gops)
    why = walked.index.info.whole_because or ("one closed GOP" if n_gops == 1 else "")
    n_clean = n_gops - int(walked.index.to_render(walked.planned("masked")).sum())
    way = f"spliced: {n_clean} of {n_gops} GOPs copied" if n_clean else f"whole: {why}"
    return [*out, f"{masked.suffix}, {way}"]


def _refused(error: FearRefactorError) -> str:
    # what FFmpeg adds, and what a build of it could do instead, is of no use here
    said = re.split(r"; |: \[Errno", str(error))[0]
    return f"refused (`{error.code}`): {said}"


def _checked(kept: Kept) -> str:
    width, height = kept.size
    said = [
        "1 frame" if len(kept.frame_times) == 1 else f"{len(kept.frame_times)} frame times",
        f"{width} × {height} {kept.pixel_format}",
    ]
    if kept.sample_aspect_ratio != 1:
        said.append(f"pixels {kept.sample_aspect_ratio} wide")
    if kept.display_matrix is not None:
        said.append("display matrix")
    if any(colour != "unknown" for colour in kept.colours):
        said.append("/".join(colour for colour in kept.colours if colour != "unknown"))
    if kept.mastering_display:
        said.append("mastering display")
    if kept.light_level:
        said.append("light level")
    if kept.interlacing[1]:
        said.append("interlacing")
    if kept.chapters:
        said.append(f"{len(kept.chapters)} chapters")
    if kept.title:
        said.append("title")
    for track in kept.tracks:
        n = len(track.times_s)
        what = "all samples" if track.codec.startswith("pcm") else f"{n} packets"
        said.append(f"{track.codec} ({what})")
    return ", ".join(said)
