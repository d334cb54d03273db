"""Try 25: a part of the program does not do its work; nothing unmasked is published for that."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import av
import cv2
import pytest
from invariants import assert_invariants
from lamp_clips import clip, picture
from nights import Night, rows_in
from sabotaged_child import sabotaged

from fearrefactor.core.settings import CutSettings
from fearrefactor.media.child import MediaChild

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Trial

    from fearrefactor.core.report import VideoReport

SHINING = {"red": range(12, 36)}
UNCUT = {"cut": CutSettings(min_segment_frames=1000)}


def with_cover(film: bytes) -> bytes:
    """The film in MP4 with a JPEG of a red lamp for a cover, its packets as they were."""
    _, jpeg = cv2.imencode(".jpg", picture(["red"])[:, :, ::-1])
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(film)) as source,
        av.open(io.BytesIO(jpeg.tobytes())) as cover,
        av.open(out, "w", format="mp4") as target,
    ):
        streams = [target.add_stream_from_template(one.streams.video[0]) for one in (source, cover)]
        streams[1].disposition = av.stream.Disposition.attached_pic
        for one, stream in zip((cover, source), reversed(streams), strict=True):
            for packet in one.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    target.mux_one(packet)
    return out.getvalue()


def masked_by(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *sabotage: str, audit: str = "none"
) -> list[VideoReport]:
    """A spliced film and one that is masked from end to end, both with a cover."""
    films = [clip(SHINING, seed=1, barred=True), clip({"red": range(24)}, 24, seed=2, barred=True)]
    rows = rows_in(folder / "films", [with_cover(film) for film in films])
    if sabotage:
        monkeypatch.setattr(MediaChild, "program", sabotaged(*sabotage))
    night = Night(str(folder / "out"), rows, job={"audit": audit, **UNCUT})
    night.run()
    reports = assert_invariants(night)
    results = [found.key for found in night.store().list("") if found.key.endswith(".mp4")]
    assert len(results) == sum(told.outcome != "failed" for told in reports)
    return reports


def test_without_sabotage_the_films_are_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Trial
) -> None:
    reports = masked_by(tmp_path, monkeypatch, audit="sampled")
    assert [told.outcome for told in reports] == ["masked", "masked"]
    assert all(told.n_masked_frames >= 24 for told in reports)  # it is hidden from before it shows
    tried("2 films", "honest: 2 of 2 masked")


@pytest.mark.parametrize(
    ("sabotage", "audit", "code", "reason"),
    [
        ("no_mask", "none", "fidelity", "expected it masked"),
        ("no_mask", "sampled", "leak", "a red is still recognised"),
        ("no_mask_anywhere", "none", "fidelity", "changes nothing"),
        ("no_mask_anywhere", "sampled", "leak", "a red is still recognised"),
        ("lost_frame", "none", "fidelity", "expected packet 13"),
        ("lost_packet", "none", "fidelity", "packets were encoded|expected packet"),
        ("no_verifier", "none", "decode_error", "sha256"),
        ("no_mask,no_verifier", "none", "decode_error", "sha256"),
        ("no_mask,forged_proof", "none", "fidelity", "the verifier tells of 0"),
        ("cover_copied", "sampled", "fidelity", "stream"),
    ],
)
def test_what_a_saboteur_makes_is_not_published(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tried: Trial,
    *,
    sabotage: str,
    audit: str,
    code: str,
    reason: str,
) -> None:
    reports = masked_by(tmp_path, monkeypatch, *sabotage.split(","), audit=audit)
    for told in reports:
        assert (told.outcome, told.code) == ("failed", code), told.reason
        assert re.search(reason, str(told.reason)), told.reason
    tried("2 films each", f"{sabotage.replace('_', ' ')}, audit {audit}: {code}")


def test_a_worker_that_does_not_ask_the_verifier_cannot_publish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Trial
) -> None:
    monkeypatch.setattr(MediaChild, "verify", lambda _, result, *__: result)
    reports = masked_by(tmp_path, monkeypatch, "no_mask")
    assert [(told.outcome, told.code) for told in reports] == [("failed", "internal")] * 2
    tried("2 films", "verifier never asked: internal")
