"""Which encoders may render a source, and with which options.

No option may reorder frames: every packet's decode time is its presentation time. A frame that is
to begin a GOP becomes a key frame that decodes alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from fearrefactor.core.hdr import ContentLight, MasteringDisplay
    from fearrefactor.core.settings import RenderSettings
    from fearrefactor.core.video import VideoInfo

#: FFmpeg's name of an encoder, and its options.
Candidate: TypeAlias = tuple[str, dict[str, str]]

#: Encoders that write two fields as two fields; which one comes first they see in each frame.
KEEPS_FIELDS: Final = frozenset({"libx264", "mpeg2video", "mpeg4", "ffv1"})
_RGB: Final = frozenset({"bgr0", "rgb24", "bgr24"})
#: ITU-T H.264, table A-1, and level 1b; a broken header may say something else.
_LEVELS: Final = frozenset(
    {9, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62}
)
#: What x264's preset searches movement with, where that takes more than it gives: without B-frames
#: and with this preset, diamonds took 5 to 15 % less time than hexagons in five films, and within
#: 0.3 % as many bytes at equal PSNR and SSIM.
_SEARCHES: Final = {"veryfast": {"motion-est": "dia"}}
_FINEST: Final = {"qmin": "2", "qmax": "2"}  # of the quantisers of the MPEG family
_KEY_FRAME_IS_FINER: Final = 4  # than x264's rate factor: 19.5 at 23, 24 at 28 in measured films
_LEAST_CAP: Final = 200_000
_LEAST_BITS_A_PIXEL: Final = 0.02
_MOST_FRAMES_A_S: Final = 60  # what a file says of itself may be a clock, not a rate


def candidates(info: VideoInfo, settings: RenderSettings, bit_rate: int) -> list[Candidate]:
    """Encoders for a source, best first.

    ``bit_rate``: bits a second of what is rendered, as it was. All but the last may turn out to be
    unable to take the source.
    """
    fields = {"flags": "+ildct+ilme"} if info.interlaced else {}
    rate = _constant_quality_below_a_cap(info, settings, bit_rate)
    x264 = (
        "libx264rgb" if info.pix_fmt in _RGB else "libx264",
        _x264(info) | _SEARCHES.get(settings.preset, {}) | rate | fields,
    )
    cap = {"b": rate["maxrate"], "maxrate": rate["maxrate"], "bufsize": rate["bufsize"]}
    mpeg = {"qmin": "2", "bf": "0"} | cap | fields
    if info.codec == "mpeg2video":
        scan = {"alternate_scan": "1"} if info.interlaced else {}
        return [("mpeg2video", mpeg | scan), x264]
    if info.codec == "mpeg4":
        return [("mpeg4", mpeg), x264]
    if info.codec == "mjpeg" and info.is_image:
        return [("mjpeg", _FINEST | {"strict": "unofficial"})]
    own: dict[str, Candidate] = {
        "hevc": ("libx265", _x265(info) | rate),
        "vp8": (
            "libvpx",
            {"crf": "10", "b": str(max(info.bit_rate, _LEAST_CAP)), "auto-alt-ref": "0"},
        ),
        "vp9": ("libvpx-vp9", {"crf": "24", "b": "0", "cpu-used": "5", "lag-in-frames": "0"}),
        "av1": ("libsvtav1", {"crf": "28", "preset": "9", "svtav1-params": _svtav1_params(info)}),
        "ffv1": ("ffv1", {}),
        "png": ("png", {}),
        "bmp": ("bmp", {}),
        "webp": ("libwebp", {"quality": "95"}),
    }
    return [own.get(info.codec, x264)]


def _constant_quality_below_a_cap(
    info: VideoInfo, settings: RenderSettings, bit_rate: int
) -> dict[str, str]:
    """No file grows to more than about one and a half times its source.

    Where that was next to nothing, because nothing moved or because the film is tiny, a key frame
    still has room.
    """
    pixels = info.width_px * info.height_px * min(float(info.rate), _MOST_FRAMES_A_S)
    cap = max(int(bit_rate * 1.5), int(pixels * _LEAST_BITS_A_PIXEL), _LEAST_CAP)
    crf = settings.crf
    if info.quantiser is not None:  # what was coded more finely than we are told stays finer
        crf = min(crf, round(info.quantiser) + _KEY_FRAME_IS_FINER)
    return {
        "crf": str(crf),
        "preset": settings.preset,
        "maxrate": str(cap),
        "bufsize": str(2 * cap),
    }


def _x264(info: VideoInfo) -> dict[str, str]:
    params = {}
    # Under a cap and with its macroblock tree, x264's bytes depended on what the process had done
    # before: a quarter of a test's segments came out differently in a fresh one. Without, none.
    options = {"bf": "0", "mbtree": "0", "forced-idr": "1"}
    if info.h264 is not None:
        # Stitchable: the headers do not depend on what is encoded, nor on its rate.
        params = {"sps-id": str(info.h264.free_id), "stitchable": "1"}
        options["profile"] = info.h264.profile
        if info.h264.level_idc in _LEVELS:
            options["level"] = f"{info.h264.level_idc / 10:g}"
    if info.mastering_display is not None:
        params["mastering-display"] = _in_sei_units(info.mastering_display)
    if info.content_light is not None:
        params["cll"] = _pair(info.content_light)
    return options | {"x264-params": _joined(params)} if params else options


def _x265(info: VideoInfo) -> dict[str, str]:
    params = {"bframes": "0", "open-gop": "0", "pools": "1", "frame-threads": "1"}
    params["log-level"] = "error"
    if info.mastering_display is not None:
        params["master-display"] = _in_sei_units(info.mastering_display)
    if info.content_light is not None:
        params["max-cll"] = _pair(info.content_light)
    return {"forced-idr": "1", "a53cc": "1", "x265-params": _joined(params)}


def _svtav1_params(info: VideoInfo) -> str:
    params = {"pred-struct": "1"}
    if info.mastering_display is not None:
        params["mastering-display"] = _written(info.mastering_display, _plainly, _plainly)
    if info.content_light is not None:
        params["content-light"] = _pair(info.content_light)
    return _joined(params)


def _in_sei_units(display: MasteringDisplay) -> str:
    """Colours in 0.00002, luminances in 0.0001 cd/m² (ITU-T H.265, D.3.28)."""
    return _written(
        display, lambda xy: str(round(xy * 50_000)), lambda nits: str(round(nits * 10_000))
    )


def _plainly(value: Fraction) -> str:
    return f"{float(value):.8f}"


def _written(
    display: MasteringDisplay, color: Callable[[Fraction], str], nits: Callable[[Fraction], str]
) -> str:
    """As x264, x265 and SVT-AV1 read it."""
    points = {"G": display.green, "B": display.blue, "R": display.red, "WP": display.white}
    colors = "".join(f"{name}({color(x)},{color(y)})" for name, (x, y) in points.items())
    return f"{colors}L({nits(display.max_luminance)},{nits(display.min_luminance)})"


def _pair(light: ContentLight) -> str:
    return f"{light.max_pixel},{light.max_average}"


def _joined(params: dict[str, str]) -> str:
    return ":".join(f"{name}={value}" for name, value in params.items())
