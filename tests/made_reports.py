"""Content of reports, made up from a seed: as real runs have it, in any number of rows."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from fearrefactor.report.content import (
    ClassContent,
    CodeContent,
    DetailContent,
    FileContent,
    LaneContent,
    PictureContent,
    PolicyContent,
    ReportContent,
    RunContent,
    SpanContent,
    TableContent,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fearrefactor.core.plan import Provenance
    from fearrefactor.core.report import Outcome
    from fearrefactor.core.thumbnail import Why

#: The smallest JPEG: one black pixel.
DOT = (
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////"
    "////////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAA"
    "AAAAAAAAAAD/2gAIAQEAAD8AN//Z"
)
CODES = {
    "not_a_video": ("The file is no video that can be read.", "Ask for the file again."),
    "truncated": ("The file ends before its own index says.", "Ask for the file again."),
    "leak": ("The audit still found what was masked.", "Use a wider margin, or on_leak: review."),
    "uncertain": ("Much is masked without having been seen.", "Look at it and decide."),
}
STAGES = ("index", "detect", "decide", "render", "assemble", "verify", "audit", "publish")
WHYS: tuple[Why, ...] = ("first", "most", "unsure", "audit", "typical")


def content(
    n_rows: int,
    n_detailed: int,
    jpegs: Sequence[tuple[str, int, int]] = ((DOT, 1, 1),),
    *,
    seed: int = 0,
    names: Sequence[str] = (),
    source: bool = False,
    n_pictures: int = 5,
) -> ReportContent:
    """A run of ``n_rows`` videos: in 20, one is for review, two failed and two are clean.

    The first ``n_detailed`` have details, with ``jpegs`` (base64, width and height) as pictures in
    turn. ``names`` are the ids of the first rows. ``source`` gives pictures an unmasked one.
    """
    dice = random.Random(seed)
    rows = [_row(at, dice, names[at] if at < len(names) else None) for at in range(n_rows)]
    table = TableContent(
        **{name: tuple(row[name] for row in rows) for name in TableContent.model_fields}
    )
    outcomes: dict[str, int] = {}
    for row in rows:
        outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + 1
    details = tuple(
        _detail(row, dice, [*jpegs], n_pictures, source=source) for row in rows[:n_detailed]
    )
    frames = sum(row["n_frames"] or 0 for row in rows)
    seconds = sum(row["seconds"] for row in rows)
    run = RunContent(
        run_id="2026-11-21-nightly",
        uri="s3://uploads-masked/runs/2026-11-21-nightly",
        began_at="2026-11-21T01:00:04Z",
        ended_at="2026-11-21T03:41:50Z",
        wall_s=9706.0,
        shard="1/1",
        model="yolov5s-seg",
        model_sha256="78558867515e9d9654c52ed87c40c22d90a983bea63450c611cbd8c2b13e3aa2",
        versions={"fearrefactor": "0.1.0", "av": "18.1.0", "openvino": "2026.4.1"},
        settings={"--audit": "sampled", "--verify": "full", "--workers": "2"},
        policies=(
            PolicyContent(
                name="people",
                digest="5f" * 32,
                words=(
                    "Blur every person seen with a confidence of at least 0.25.",
                    "A gap of up to 1 s inside a track is bridged.",
                    "Everything else is left as it is.",
                ),
                n_videos=n_rows - n_rows // 4,
            ),
            PolicyContent(
                name="faces-strict",
                digest="a0" * 32,
                words=("Fill every face with grey.", "Fill whole frames when in doubt."),
                n_videos=n_rows // 4,
            ),
        ),
        outcomes=outcomes,
        codes=tuple(
            CodeContent(code=code, n_videos=n, meaning=CODES[code][0], what_to_do=CODES[code][1])
            for code in CODES
            if (n := sum(row["code"] == code for row in rows))
        ),
        classes=(
            ClassContent(name="person", n_videos=41, n_tracks=230, masked_s=1834.2),
            ClassContent(name="dog", n_videos=7, n_tracks=12, masked_s=214.9),
            ClassContent(name="bicycle", n_videos=3, n_tracks=4, masked_s=61.5),
        ),
        seconds={name: seconds * (2 + 7 * (at % 3)) / 70 for at, name in enumerate(STAGES)},
        n_rows=n_rows,
        n_listed=n_rows,
        n_detailed=n_detailed,
        n_frames=frames,
        n_masked_frames=sum(row["n_masked_frames"] or 0 for row in rows),
        n_rendered_frames=frames // 2,
        n_model_frames=frames,
        n_audited_frames=frames // 9,
        n_leaks=sum(row["n_leaks"] for row in rows),
        n_reused=n_rows // 50,
        duration_s=sum(row["duration_s"] or 0.0 for row in rows),
        input_bytes=n_rows * 31_000_000,
        output_bytes=n_rows * 27_500_000,
        lost_processes=0,
    )
    return ReportContent(run=run, table=table, details=details, has_source=source)


def _row(at: int, dice: random.Random, name: str | None) -> dict[str, Any]:
    kinds: dict[int, tuple[Outcome, str]] = {
        3: ("review", "uncertain"),
        7: ("failed", "not_a_video"),
        11: ("failed", ("truncated", "leak")[at % 2]),
        13: ("clean", ""),
        16: ("clean", ""),
    }
    outcome, code = kinds.get(at % 20, ("masked", ""))
    failed = outcome == "failed"
    duration_s = None if failed else round(dice.uniform(4, 90), 3)
    n_frames = None if duration_s is None else int(duration_s * 30)
    masked = {"masked": dice.random(), "review": 0.9}.get(outcome, 0.0)
    place = f"2026-11-20/{dice.choice(('street', 'harbour', 'school', 'market'))}"
    clip = name if name is not None else f"{place}-{at:05d}"
    reasons = {
        "uncertain": "71 % of the masked frames hold something that was not seen with confidence",
        "not_a_video": f"expected a video, got text/plain in s3://uploads/{clip}.mp4",
        "truncated": "expected 812 frames, got 407: the file ends in the middle",
        "leak": "person still recognised with 0.41 at 3.20 s",
    }
    return {
        "row": at + 1,
        "id": clip,
        "uri": f"s3://uploads/{clip}.mp4",
        "outcome": outcome,
        "code": code,
        "reason": reasons.get(code, ""),
        "policy": -1 if failed and at % 3 == 0 else int(at % 4 == 3),
        "duration_s": duration_s,
        "n_frames": n_frames,
        "n_masked_frames": None if n_frames is None else int(n_frames * masked),
        "n_leaks": dice.choice((0,) * 9 + (2,)) if masked else 0,
        "seconds": round(dice.uniform(0.2, 60), 3),
    }


def _detail(
    row: dict[str, Any],
    dice: random.Random,
    jpegs: list[tuple[str, int, int]],
    n_pictures: int,
    *,
    source: bool,
) -> DetailContent:
    length_s = row["duration_s"] or 0.0
    is_masked = row["outcome"] in ("masked", "review")
    n_lanes = dice.randint(1, 6) if is_masked else 0
    lanes = tuple(_lane(track, length_s, dice) for track in range(n_lanes))
    if is_masked and row["row"] % 2 == 0:
        spans = (SpanContent(start_s=0.0, end_s=length_s, provenance="always"),)
        lanes += (LaneContent(track=-1, class_name="", effect="fill", score=0.0, spans=spans),)
    name = row["id"]
    files = [FileContent(kind="source", place=row["uri"], sha256="1c" * 32, size_bytes=31_412_020)]
    if is_masked:
        files += [
            FileContent(
                kind="result",
                place=f"videos/{name}.5f1c90aa.mp4",
                href=f"../../../videos/{row['row']}.5f1c90aa.mp4",
                sha256=f"{row['row']:064x}",
                size_bytes=27_118_377,
            ),
            FileContent(kind="plan", place=f"plans/{name}.5f1c90aa.parquet", sha256="2e" * 32),
        ]
    return DetailContent(
        row=row["row"],
        duration_s=length_s,
        lanes=lanes,
        n_lanes=n_lanes + (3 if n_lanes == 6 else 0),
        unsure=((length_s * 0.55, length_s * 0.71), (length_s * 0.2, length_s * 0.22))
        if row["outcome"] == "review"
        else (),
        pictures=tuple(
            _picture(at, n_pictures, length_s, jpegs[(row["row"] + at) % len(jpegs)], source=source)
            for at in range(n_pictures)
        )
        if is_masked
        else (),
        files=tuple(files),
        audit="sampled",
        n_audited_frames=74,
        n_leaks=row["n_leaks"],
        n_detections=None if row["n_frames"] is None else row["n_frames"] * 2,
        n_rendered_frames=row["n_frames"],
        seconds={stage: round(dice.uniform(0.01, 9), 3) for stage in STAGES},
        notes=("copied packets do not fit: rendered whole",) if row["row"] % 5 == 2 else (),
        extra={"uploader": "u-2231", "ticket": "MOD-118"},
        output_sha256=f"{row['row']:064x}" if is_masked else None,
        work_id="5f1c90aa" * 8,
    )


def _lane(track: int, length_s: float, dice: random.Random) -> LaneContent:
    kinds: tuple[Provenance, ...] = ("extended", "detected", "continued", "detected", "bridged")
    kinds += ("detected", "audit", "extended") if track % 3 == 0 else ("detected", "doubt")
    start_s = dice.uniform(0, length_s * 0.4)
    each_s = dice.uniform(0.3, 0.9) * (length_s - start_s) / len(kinds)
    return LaneContent(
        track=track,
        class_name=dice.choice(("person", "person", "dog", "bicycle")),
        effect="blur",
        score=round(dice.uniform(0.3, 0.97), 3),
        spans=tuple(
            SpanContent(
                start_s=start_s + each_s * at,
                end_s=start_s + each_s * (at + 1),
                provenance=kind,
            )
            for at, kind in enumerate(kinds)
        ),
    )


def _picture(
    at: int, n: int, length_s: float, jpeg: tuple[str, int, int], *, source: bool
) -> PictureContent:
    data, width_px, height_px = jpeg
    time_s = length_s * (0.04 + 0.9 * (at / n) ** 1.4)
    return PictureContent(
        frame=int(time_s * 30),
        time_s=time_s,
        why=WHYS[at % len(WHYS)],
        width_px=width_px,
        height_px=height_px,
        jpeg=data,
        source_jpeg=data if source else None,
    )
