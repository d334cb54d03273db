"""NAL units of H.264 and HEVC packets, and whether a key frame is a true random access point.

H.264: NAL type 5 (ITU-T H.264, table 7-1). HEVC: types 16 to 20, BLA and IDR (ITU-T H.265,
table 7-1); a CRA (21) may be followed by pictures that need what lies before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.packet import Packet
    from av.stream import Stream

_H264_IDR = {5}
_HEVC_IDR = {16, 17, 18, 19, 20}
_H264_SLICES = range(1, 6)
_HEVC_SLICES = range(32)


def is_clean_cut(packet: Packet[Stream], codec: str, extradata: bytes) -> bool:
    """Whether decoding can start at this key packet with nothing from before it."""
    if codec == "h264":
        types = (nal[0] & 0x1F for nal in nal_units(packet, extradata, hevc=False))
        return next((kind in _H264_IDR for kind in types if kind in _H264_SLICES), False)
    if codec == "hevc":
        types = ((nal[0] >> 1) & 0x3F for nal in nal_units(packet, extradata, hevc=True))
        return next((kind in _HEVC_IDR for kind in types if kind in _HEVC_SLICES), False)
    return True


def has_other_layer(packet: Packet[Stream], extradata: bytes) -> bool:
    """Whether an HEVC packet holds pictures of another layer or view, which decoders leave out.

    Its number stands in six bits across the two bytes of a unit's head (ITU-T H.265, 7.3.1.2).
    """
    return any(
        (nal[0] >> 1) & 0x3F in _HEVC_SLICES and len(nal) > 1 and (nal[0] & 1 or nal[1] >> 3)
        for nal in nal_units(packet, extradata, hevc=True)
    )


def nal_units(packet: Packet[Stream], extradata: bytes, *, hevc: bool) -> Iterator[memoryview]:
    """The NAL units of a packet, none of them empty; ``extradata`` says how they are divided."""
    data = memoryview(packet)
    length_at = 21 if hevc else 4
    if len(extradata) > length_at and extradata[0] == 1:
        yield from _length_prefixed(data, (extradata[length_at] & 3) + 1)
    else:
        yield from split_annex_b(bytes(data))


def split_annex_b(data: bytes) -> Iterator[memoryview]:
    """The NAL units between start codes, without the zeros that may end them, none empty."""
    view = memoryview(data)
    at = data.find(b"\x00\x00\x01")
    while at != -1:
        following = data.find(b"\x00\x00\x01", at + 3)
        end = following if following != -1 else len(data)
        while end > at + 3 and data[end - 1] == 0:
            end -= 1
        if end > at + 3:
            yield view[at + 3 : end]
        at = following


def _length_prefixed(data: memoryview, length_size: int) -> Iterator[memoryview]:
    at = 0
    while at + length_size < len(data):
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        if size:
            yield data[at : at + size]
        at += size
