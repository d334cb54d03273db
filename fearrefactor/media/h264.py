"""H.264 headers: what a rendered GOP must share with copied ones, and how both fit in one file.

A decoder picks its parameter sets by id. So rendered GOPs use an id that the source leaves free,
and the file's header lists both sets (ITU-T H.264, 7.3.2.1 and 7.3.2.2; the configuration record of
MP4 and Matroska: ISO/IEC 14496-15, 5.3.3.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fearrefactor.core.h264_stream import H264Stream
from fearrefactor.media.nal import nal_units, split_annex_b

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.packet import Packet
    from av.stream import Stream

SLICES: Final = frozenset({1, 2, 3, 4, 5})
IDR, SEI, SPS, PPS = 5, 6, 7, 8
#: Pictures beside the one that is decoded: an auxiliary one, another layer or view.
_OTHER_PICTURES: Final = frozenset({19, 20, 21})
#: Data partitions, a second view or layer, a hidden auxiliary picture: what x264 does not write.
_FOREIGN: Final = frozenset({2, 3, 4, 14, 15, 19, 20, 21})
_PROFILES: Final = {
    66: "baseline",
    77: "main",
    100: "high",
    110: "high10",
    122: "high422",
    244: "high444",
}
_MOST_SPS_IDS: Final = 32
_START: Final = b"\0\0\0\1"


@dataclass
class ParameterSets:
    """The parameter sets of a source, as they are met: its header first, then packet by packet."""

    nal_length_bytes: int
    sps: dict[int, bytes] = field(default_factory=dict)
    pps: dict[int, bytes] = field(default_factory=dict)
    changed: bool = False
    foreign: bool = False
    layered: bool = False

    @classmethod
    def of_header(cls, extradata: bytes) -> ParameterSets:
        """Those in a stream's ``extradata``: a configuration record or start codes."""
        if extradata[:1] != b"\1":
            sets = cls(0)
            sets._add(split_annex_b(extradata))
            return sets
        sets = cls((extradata[4] & 3) + 1)
        sps, pps, _ = _lists(extradata)
        sets._add([*sps, *pps])
        return sets

    def look_at(self, packet: Packet[Stream], extradata: bytes) -> None:
        """Take in what stands in a packet."""
        self._add(nal_units(packet, extradata, hevc=False))

    def _add(self, nals: object) -> None:
        for nal in nals:  # type: ignore[attr-defined]
            kind = nal[0] & 0x1F
            if kind in _FOREIGN:
                self.foreign = True
                self.layered |= kind in _OTHER_PICTURES
            elif kind in (SPS, PPS):
                self._keep(bytes(nal).rstrip(b"\0"), kind)

    def _keep(self, nal: bytes, kind: int) -> None:
        number = _first_number(nal, 4 if kind == SPS else 1)
        known = self.sps if kind == SPS else self.pps
        self.changed |= known.setdefault(number, nal) != nal

    def described(self) -> H264Stream | None:
        """What rendering needs to know; None where x264 has no such profile or no id is free."""
        heads = {nal[1:4] for nal in self.sps.values()}
        taken = {*self.sps, *self.pps}
        free = next((number for number in range(_MOST_SPS_IDS) if number not in taken), None)
        if len(heads) != 1 or free is None:
            return None
        profile, _, level = heads.pop()
        if profile not in _PROFILES:
            return None
        return H264Stream(
            profile=_PROFILES[profile],
            level_idc=level,
            free_id=free,
            nal_length_bytes=self.nal_length_bytes,
        )


def merged_header(source: bytes, rendered: bytes) -> bytes:
    """A stream header that lists the parameter sets of a source and of rendered GOPs.

    ``source``: the source's extradata; ``rendered``: the encoder's, with start codes.
    """
    ours = [nal for nal in split_annex_b(rendered) if nal[0] & 0x1F in (SPS, PPS)]
    if source[:1] != b"\1":
        return source + b"".join(_START + bytes(nal) for nal in ours)
    sps, pps, rest = _lists(source)
    sps += [bytes(nal) for nal in ours if nal[0] & 0x1F == SPS]
    pps += [bytes(nal) for nal in ours if nal[0] & 0x1F == PPS]
    return b"".join(
        [
            source[:5],
            bytes([0xE0 | len(sps)]),
            *(len(nal).to_bytes(2, "big") + nal for nal in sps),
            bytes([len(pps)]),
            *(len(nal).to_bytes(2, "big") + nal for nal in pps),
            rest,
        ]
    )


def with_lengths(packet: bytes, length_bytes: int) -> bytes:
    """A packet with start codes as one with lengths before its NAL units."""
    return b"".join(
        len(nal).to_bytes(length_bytes, "big") + bytes(nal) for nal in split_annex_b(packet)
    )


def with_parameter_sets(packet: bytes, header: bytes) -> bytes:
    """A key packet with start codes that carries the parameter sets of ``header`` itself.

    Those that it carries already stay where they are; the others follow its delimiter.
    """
    nals = [bytes(nal) for nal in split_annex_b(packet)]
    missing = [
        bytes(nal)
        for nal in split_annex_b(header)
        if nal[0] & 0x1F in (SPS, PPS) and bytes(nal) not in nals
    ]
    n_before = int(bool(nals) and nals[0][0] & 0x1F == 9)  # the access unit delimiter
    return b"".join(_START + nal for nal in [*nals[:n_before], *missing, *nals[n_before:]])


def _lists(record: bytes) -> tuple[list[bytes], list[bytes], bytes]:
    """SPS, PPS and what follows them in a configuration record."""
    sps, at = _list(record, 5, record[5] & 0x1F)
    pps, at = _list(record, at, record[at] if at < len(record) else 0)
    return sps, pps, record[at:]


def _list(record: bytes, at: int, n: int) -> tuple[list[bytes], int]:
    nals: list[bytes] = []
    at += 1
    for _ in range(n):
        size = int.from_bytes(record[at : at + 2], "big")
        nals.append(record[at + 2 : at + 2 + size])
        at += 2 + size
    return [nal for nal in nals if nal], at


def _first_number(nal: Sequence[int], start: int) -> int:
    """The Exp-Golomb number that begins at byte ``start`` (9.1); ids are small, so few bytes do."""
    bits = "".join(f"{byte:08b}" for byte in nal[start : start + 4])
    n_zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[n_zeros : 2 * n_zeros + 1] or "1", 2) - 1
