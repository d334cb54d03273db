from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest
import synthetic
import tampered
from ffprobe import first_frame, frame_side_data, needs_ffprobe
from walk import everywhere, index_of, masked

from fearrefactor.core.hdr import ContentLight, MasteringDisplay
from fearrefactor.media.side_data import content_light, mastering_display

if TYPE_CHECKING:
    from pathlib import Path

#: A display of the P3 colours, as its SEI writes it.
P3 = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
#: The same in SVT-AV1's words.
P3_PLAIN = "G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000.0,0.005)"
LIGHT = ContentLight(max_pixel=990, max_average=400)
FILMS = {
    "libx264": {
        "bf": "0",
        "preset": "ultrafast",
        "x264-params": f"mastering-display={P3}:cll=990,400",
    },
    "libx265": {
        "preset": "ultrafast",
        "x265-params": f"log-level=error:pools=1:master-display={P3}:max-cll=990,400",
    },
    "libsvtav1": {
        "preset": "12",
        "svtav1-params": f"mastering-display={P3_PLAIN}:content-light=990,400",
    },
}


def hdr(codec: str) -> bytes:
    return synthetic.plain(
        codec=codec,
        pix_fmt="yuv420p10le",
        n_frames=8,
        colours=(1, 9, 16, 9),
        options=FILMS[codec],
    )


@needs_ffprobe
@pytest.mark.parametrize("codec", FILMS)
def test_a_rendered_film_tells_of_the_same_display_and_brightness(
    codec: str, tmp_path: Path
) -> None:
    source = tmp_path / "source.mp4"
    source.write_bytes(hdr(codec))
    index = index_of(source.read_bytes())
    result = masked(source.read_bytes(), index, everywhere(index), tmp_path)
    found = index_of(result.read_bytes()).info
    assert index.info.mastering_display is not None
    assert found.mastering_display == index.info.mastering_display
    assert found.content_light == index.info.content_light == LIGHT
    before, after = first_frame(source, 0), first_frame(result, 0)
    for kind in ("Mastering display metadata", "Content light level metadata"):
        assert frame_side_data(after, kind) == frame_side_data(before, kind)
        # Debian's ffprobe does not look for it in H.264.
        assert (frame_side_data(before, kind) is None) == (codec == "libx264")
    for name in ("pix_fmt", "color_primaries", "color_transfer", "color_space", "color_range"):
        assert after[name] == before[name]


def test_light_is_read_in_units_that_people_use() -> None:
    info = index_of(hdr("libx265")).info
    assert info.content_light == LIGHT
    assert info.mastering_display == MasteringDisplay(
        red=(Fraction(68, 100), Fraction(32, 100)),
        green=(Fraction(265, 1000), Fraction(69, 100)),
        blue=(Fraction(15, 100), Fraction(6, 100)),
        white=(Fraction(3127, 10_000), Fraction(329, 1000)),
        min_luminance=Fraction(5, 1000),
        max_luminance=Fraction(1000),
    )
    assert type(info).model_validate(info.model_dump(mode="json")) == info


def test_an_ordinary_frame_tells_of_no_light() -> None:
    frame = av.VideoFrame(16, 16, "yuv420p")
    assert mastering_display(frame) is None
    assert content_light(frame) is None


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_how_finely_a_film_is_coded_is_read_from_its_first_frame(pix_fmt: str) -> None:
    for crf in (10, 20, 30):
        data = synthetic.plain(pix_fmt=pix_fmt, n_frames=2, options={"crf": str(crf)})
        assert index_of(data).info.quantiser == pytest.approx(crf, abs=3)
    data = synthetic.plain(codec="mpeg4", n_frames=2)
    assert index_of(data).info.quantiser is None


def captions(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data), "r") as container:
        return [bytes(frame.side_data["A53_CC"]) for frame in container.decode(video=0)]


@pytest.mark.parametrize("codec", ["h264", "hevc", "mpeg2video"])
def test_closed_captions_stay_at_their_frames(codec: str, tmp_path: Path) -> None:
    data = tampered.captioned(codec)
    index = index_of(data)
    assert index.info.codec == codec
    assert captions(data) == [tampered.caption(n) for n in range(index.n_frames)]
    result = masked(data, index, everywhere(index), tmp_path)
    assert captions(result.read_bytes()) == captions(data)


def test_what_no_encoder_writes_again_is_named() -> None:
    assert index_of(tampered.shaped()).info.left_behind == ("active format description",)
    assert index_of(tampered.captioned()).info.left_behind == ()
    assert index_of(synthetic.plain()).info.left_behind == ()
