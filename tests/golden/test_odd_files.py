"""Every odd file that we could find, and what must come of it.

The table was written from what the files are (their ``MANIFEST.md``), not from what the code did.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from walk import copied, everywhere, frames_of, index_of, masked

from fearrefactor.errors import FearRefactorError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Good:
    """A film that decodes. ``copy`` and ``mask``: the result's suffix, or the code that refuses."""

    n_frames: int
    copy: str = ".mp4"
    mask: str = ".mp4"
    n_hidden: int = 0


@dataclass(frozen=True)
class Bad:
    """A file that nothing may come of."""

    code: str


WEBM = ".webm", ".webm"
MKV = Good(13, ".mkv", ".mkv")
DOG = Good(60)  # gen/: 60 frames of one clip, each file odd in its own way

OUTCOMES: dict[str, Good | Bad] = {
    # an edit list hides frames that are in the file: they may not be copied
    "androidx-media/sample_edit_list.mp4": Good(77, "fidelity", n_hidden=9),
    "torchcodec/discard_first_keyframe.mp4": Good(25, "fidelity", n_hidden=5),
    "androidx-media/sample_with_chapters.mp4": Good(30),
    "decord/corrupted.mp4": Bad("decode_error"),  # decoders give up after 28 of 50 frames
    "decord/unordered.mov": Good(4),
    "decord/video_0.mov": Good(3),
    "decord/video_90.mov": Good(3),
    "decord/video_180.mov": Good(3),
    "decord/video_270.mov": Good(3),
    "gen/-leading-dash.mp4": DOG,
    "gen/alpha_vp9.webm": Good(30, ".webm", "unsupported"),  # no encoder here keeps transparency
    "gen/anamorphic_sar4_3.mp4": DOG,
    "gen/audio_longer_than_video.mp4": DOG,
    "gen/audio_only.mp4": Bad("no_video_stream"),
    "gen/audio_shorter_than_video.mp4": DOG,
    "gen/base_2997.mp4": DOG,
    "gen/cover_as_second_video.mp4": DOG,
    "gen/fragmented.mp4": DOG,
    "gen/full_range.mp4": DOG,
    "gen/gray_pixfmt.mp4": DOG,
    "gen/hdr10_pq_hevc10.mp4": DOG,
    "gen/html_not_video.mp4": Bad("not_a_video"),
    "gen/interlaced_tff.ts": Good(30, ".ts", "unsupported"),  # its fields would be lost
    "gen/mjpeg_pcm.avi": Good(60, ".mov", ".mov"),  # raw sound, which MP4 does not hold
    "gen/name with spaces, ünïcødé & 'quote'.mp4": DOG,
    "gen/no_audio.mp4": DOG,
    "gen/odd_639x359_vp9.webm": Good(30, *WEBM),
    "gen/one_frame.mp4": Good(1),
    # two streams of different size in one file
    "gen/resolution_change_midstream.ts": Bad("unsupported"),
    "gen/rotate90_display_matrix.mp4": DOG,
    "gen/subs_movtext.mp4": DOG,
    "gen/truncated_moov_front.mp4": Bad("truncated"),
    "gen/truncated_no_moov.mp4": Bad("not_a_video"),
    "gen/vfr.mp4": Good(30),
    "gen/wrong_extension.txt.avi": DOG,
    "gen/zero_bytes.mp4": Bad("empty_file"),
    "matroska/EBMLReadVersion_greaterthan_EBMLVersion.mkv": Bad("not_a_video"),
    "matroska/crc_element_has_invalid_hash.mkv": MKV,
    "matroska/invalid_EBML_ElementDataSize_in_EBMLHeader.mkv": MKV,
    "matroska/level_0_crc.mkv": MKV,
    "matroska/no_DocType.mkv": MKV,
    "matroska/really_invalid_EBML_ElementDataSize_in_EBMLHeader.mkv": Bad("not_a_video"),
    "matroska/reference.mkv": MKV,
    # a GIF has a palette and transparency; nothing here encodes it as it was
    "torchcodec/animated.gif": Good(4, ".gif", "unsupported"),
    "torchcodec/frame_exceeds_screen.gif": Good(1, ".gif", "unsupported"),
    "torchcodec/transparent.gif": Good(1, ".gif", "unsupported"),
    "torchcodec/av1_video.mkv": Good(125, *WEBM),
    "torchcodec/bt2020_10bit.mp4": Good(60),
    "torchcodec/h264_10bits.mp4": Good(30),
    "torchcodec/h265_10bits.mp4": Good(30),
    "torchcodec/nasa_13013.mp4": Good(390),  # the track that players show is the second
    "torchcodec/nasa_13013_hdr.mp4": Good(325),
    "torchcodec/nasa_13013_rotated.mp4": Good(17),
    "torchcodec/test_non_zero_start.mp4": Good(12),
    "torchcodec/testsrc2_12bit_hdr.mp4": Good(60),
    "torchcodec/testsrc2_444_12bit_hevc.mp4": Good(25),
    "torchcodec/testsrc2_mpeg4.avi": Good(30),
    "torchcodec/testsrc2_odd_height_and_width_444_10bit.mp4": Good(25),
    # 121 × 81 at 4:2:0: H.264, in which MPEG-2 is rendered, has no such size
    "torchcodec/testsrc2_odd_height_and_width_mpeg2.mp4": Good(10, ".mp4", "unsupported"),
    "torchcodec/testsrc2_odd_height_and_width_vp9.mp4": Good(25),
    "torchcodec/testsrc2_vp8.webm": Good(30, *WEBM),
}
SLOW = {"androidx-media/sample_edit_list.mp4"}  # 1080p HEVC


@pytest.fixture(scope="session")
def odd(shared_data: Path) -> Path:
    folder = shared_data / "odd"
    if not folder.is_dir():
        pytest.skip(f"needs the odd files in {folder}")
    return folder


def named(kind: type[Good | Bad]) -> list[object]:
    return [
        pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
        for name, outcome in OUTCOMES.items()
        if isinstance(outcome, kind)
    ]


def test_the_table_names_every_odd_file(odd: Path) -> None:
    there = json.loads((odd / "PROBE.json").read_text("utf-8"))
    assert sorted(OUTCOMES) == sorted(name for name in there if (odd / name).is_file())


def test_the_table_counts_the_frames_that_another_reader_found(odd: Path) -> None:
    probed = json.loads((odd / "PROBE.json").read_text("utf-8"))
    for name, outcome in OUTCOMES.items():
        if isinstance(outcome, Good) and name != "torchcodec/nasa_13013.mp4":
            assert outcome.n_frames == probed[name]["av"], name


@pytest.mark.parametrize("name", named(Bad))
def test_a_broken_file_is_refused_for_its_own_reason(name: str, odd: Path) -> None:
    expected = OUTCOMES[name]
    data = (odd / name).read_bytes()

    def inspect() -> None:
        for _ in frames_of(data, index_of(data)):
            pass

    with pytest.raises(FearRefactorError) as caught:
        inspect()
    assert isinstance(expected, Bad)
    assert caught.value.code == expected.code


@pytest.mark.parametrize("name", named(Good))
def test_an_odd_file_is_copied_and_masked_or_refused_by_name(
    name: str, odd: Path, tmp_path: Path
) -> None:
    expected = OUTCOMES[name]
    assert isinstance(expected, Good)
    data = (odd / name).read_bytes()
    index = index_of(data, 12)
    assert (index.n_frames, index.info.n_hidden_frames) == (expected.n_frames, expected.n_hidden)
    assert [frame.pts for frame in frames_of(data, index)] == index.pts.tolist()
    found = {}
    for way in ("copy", "mask"):
        try:
            path = (
                copied(data, index, tmp_path)
                if way == "copy"
                else masked(data, index, everywhere(index), tmp_path)
            )
            found[way] = path.suffix
        except FearRefactorError as error:
            found[way] = error.code
    assert found == {"copy": expected.copy, "mask": expected.mask}
