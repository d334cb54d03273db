"""What must come of every odd file.

Written from what the files are (their ``MANIFEST.md``), not from what the code did.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Good:
    """A film that decodes. ``copy`` and ``mask``: the result's suffix, or the code that refuses.

    ``spliced``: it is H.264 of several closed GOPs, so that a mask over a few frames leaves the
    other GOPs as they are. ``video``: which of its streams players show.
    """

    what: str
    n_frames: int
    copy: str = ".mp4"
    mask: str = ".mp4"
    n_hidden: int = 0
    spliced: bool = False
    video: int = 0


@dataclass(frozen=True)
class Bad:
    """A file that nothing may come of."""

    what: str
    code: str


def _dog(what: str, *, spliced: bool = True) -> Good:
    """One clip of 60 frames, each file odd in its own way."""
    return Good(what, 60, spliced=spliced)


def _webm(what: str, n_frames: int) -> Good:
    return Good(what, n_frames, ".webm", ".webm")


def _mov(what: str, n_frames: int) -> Good:
    return Good(what, n_frames, ".mov", ".mov")


def _mkv(what: str) -> Good:
    return Good(what, 13, ".mkv", ".mkv")


def _gif(what: str, n_frames: int) -> Good:
    # a GIF has a palette and transparency; nothing here encodes it as it was
    return Good(what, n_frames, ".gif", "unsupported")


OUTCOMES: dict[str, Good | Bad] = {
    "androidx-media/sample_edit_list.mp4": Good(
        "MOV by another name: HEVC 10 bit, HLG, Dolby Vision 8.4, turned; "
        "an edit list hides 9 frames; timed metadata",
        77,
        ".mov",
        ".mov",
        n_hidden=9,
    ),
    "androidx-media/sample_with_chapters.mp4": Good("chapters", 30),
    "decord/corrupted.mp4": Bad("decoders give up after 28 of 50 frames", "decode_error"),
    "decord/unordered.mov": _mov("four frames", 4),
    "decord/video_0.mov": _mov("three frames", 3),
    "decord/video_90.mov": _mov("turned by 90°", 3),
    "decord/video_180.mov": _mov("turned by 180°", 3),
    "decord/video_270.mov": _mov("turned by 270°", 3),
    "gen/-leading-dash.mp4": _dog("a name that looks like an option"),
    # no encoder here keeps transparency
    "gen/alpha_vp9.webm": Good("VP9 with transparency", 30, ".webm", "unsupported"),
    "gen/anamorphic_sar4_3.mp4": _dog("pixels are 4:3 wide"),
    "gen/audio_longer_than_video.mp4": _dog("sound goes on after the picture"),
    "gen/audio_only.mp4": Bad("sound and no picture", "no_video_stream"),
    "gen/audio_shorter_than_video.mp4": _dog("sound ends before the picture"),
    "gen/base_2997.mp4": _dog("29.97 frames a second"),
    "gen/cover_as_second_video.mp4": _dog("a cover"),
    "gen/fragmented.mp4": _dog("fragmented; the picture starts after the sound"),
    "gen/full_range.mp4": _dog("full range", spliced=False),
    "gen/gray_pixfmt.mp4": _dog("no colour", spliced=False),
    "gen/hdr10_pq_hevc10.mp4": _dog("HEVC 10 bit, HDR10; a track of timecodes", spliced=False),
    "gen/html_not_video.mp4": Bad("a web page", "not_a_video"),
    "gen/interlaced_tff.ts": Good("interlaced MPEG-2, 4:2:2", 30, ".ts", ".ts"),
    # H.264 does not belong in an AVI, and MP4 does not hold raw sound
    "gen/mjpeg_pcm.avi": Good("Motion JPEG and PCM in AVI", 60, ".avi", ".mov"),
    "gen/name with spaces, ünïcødé & 'quote'.mp4": _dog("a difficult name"),
    "gen/no_audio.mp4": _dog("silent"),
    "gen/odd_639x359_vp9.webm": _webm("VP9, odd size", 30),
    "gen/one_frame.mp4": Good("one frame", 1),
    "gen/resolution_change_midstream.ts": Bad("the picture changes its size", "unsupported"),
    "gen/rotate90_display_matrix.mp4": _dog("turned by 90°"),
    "gen/subs_movtext.mp4": _dog("subtitles"),
    "gen/truncated_moov_front.mp4": Bad("half of it is missing", "truncated"),
    "gen/truncated_no_moov.mp4": Bad("its table is missing", "not_a_video"),
    "gen/vfr.mp4": Good("variable frame rate", 30),
    "gen/wrong_extension.txt.avi": _dog("an MP4 that calls itself AVI"),
    "gen/zero_bytes.mp4": Bad("nothing", "empty_file"),
    "matroska/EBMLReadVersion_greaterthan_EBMLVersion.mkv": Bad("a bad header", "not_a_video"),
    "matroska/crc_element_has_invalid_hash.mkv": _mkv("FFV1 and FLAC; a wrong checksum"),
    "matroska/invalid_EBML_ElementDataSize_in_EBMLHeader.mkv": _mkv("FFV1; a wrong size"),
    "matroska/level_0_crc.mkv": _mkv("FFV1; a checksum at the top"),
    "matroska/no_DocType.mkv": _mkv("FFV1; does not say that it is Matroska"),
    "matroska/really_invalid_EBML_ElementDataSize_in_EBMLHeader.mkv": Bad(
        "a bad header", "not_a_video"
    ),
    "matroska/reference.mkv": _mkv("FFV1 and FLAC"),
    "torchcodec/animated.gif": _gif("an animation", 4),
    "torchcodec/frame_exceeds_screen.gif": _gif("a frame larger than its screen", 1),
    "torchcodec/transparent.gif": _gif("transparent", 1),
    "torchcodec/av1_video.mkv": Good("AV1", 125, ".mkv", ".mkv"),
    "torchcodec/bt2020_10bit.mp4": Good("HEVC 10 bit, BT.2020", 60),
    "torchcodec/discard_first_keyframe.mp4": Good("an edit list hides 5 frames", 25, n_hidden=5,
                                                  spliced=True),
    "torchcodec/h264_10bits.mp4": Good("H.264 10 bit", 30),
    "torchcodec/h265_10bits.mp4": Good("HEVC 10 bit", 30),
    "torchcodec/nasa_13013.mp4": Good("two films in one; the second is the default", 390,
                                      spliced=True, video=3),
    "torchcodec/nasa_13013_hdr.mp4": Good("HEVC 10 bit, HDR", 325),
    "torchcodec/nasa_13013_rotated.mp4": Good("turned by 270°", 17),
    "torchcodec/test_non_zero_start.mp4": Good("starts late; pixels are 224:225 wide", 12),
    "torchcodec/testsrc2_12bit_hdr.mp4": Good("HEVC 12 bit, HDR", 60),
    "torchcodec/testsrc2_444_12bit_hevc.mp4": Good("HEVC 4:4:4, 12 bit, odd size", 25),
    "torchcodec/testsrc2_mpeg4.avi": Good("MPEG-4 part 2 in AVI", 30, ".avi"),
    "torchcodec/testsrc2_odd_height_and_width_444_10bit.mp4": Good(
        "H.264 4:4:4, 10 bit, odd size", 25
    ),
    "torchcodec/testsrc2_odd_height_and_width_mpeg2.mp4": Good("MPEG-2, odd size", 10),
    "torchcodec/testsrc2_odd_height_and_width_vp9.mp4": Good("VP9 in MP4, odd size", 25),
    "torchcodec/testsrc2_vp8.webm": _webm("VP8", 30),
}  # fmt: skip
SLOW = {"androidx-media/sample_edit_list.mp4"}  # 1080p HEVC
