"""What no result could keep, whatever the policy: refused before anything else is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fearrefactor.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.packet import Packet
    from av.stream import Stream

    from fearrefactor.media.boxes import SampleEntry

#: ISO/IEC 14496-12, 8.12: the entry takes such a name, and hides its own one inside.
_ENCRYPTED: Final = frozenset({"encv", "enca", "encs", "enct", "encm"})
_DOLBY_VISION: Final = ("dvcC", "dvvC", "dvwC")


def refuse_entries(entries: Sequence[SampleEntry]) -> None:
    """Encrypted tracks, and pictures that are only half of a picture.

    Raises:
        UnsupportedError: naming which it is.
    """
    for entry in entries:
        if entry.kind in _ENCRYPTED:
            raise _encrypted(f"sample entry {entry.kind}")
        for record in _records(entry):
            if _has(record, _ENHANCEMENT) and not _has(record, _BASE):
                raise UnsupportedError(
                    "Dolby Vision enhancement layer in a track of its own: a result has one "
                    "picture track, the layer would be lost"
                )


def refuse_packet(packet: Packet[Stream]) -> None:
    """Samples that nobody without a key can look into.

    Raises:
        UnsupportedError: they are encrypted.
    """
    if packet.has_sidedata("encryption_info"):
        raise _encrypted(f"{packet.stream.type} stream {packet.stream_index}")


def says_dolby_vision(entries: Sequence[SampleEntry]) -> bool:
    """Whether a track is declared to be Dolby Vision."""
    return any(_records(entry) for entry in entries)


def stands_alone(entries: Sequence[SampleEntry]) -> bool:
    """Whether any player can show the picture, with or without its Dolby Vision metadata."""
    records = [record for entry in entries for record in _records(entry)]
    return all(
        not _has(record, _ENHANCEMENT) and len(record) > 4 and record[4] >> 4 in _COMPATIBLE
        for record in records
    )


#: Flags of the fourth byte of a Dolby Vision configuration record (Dolby Vision Streams Within the
#: ISO Base Media File Format, 3.2): an enhancement layer is there, a base layer is there.
_ENHANCEMENT, _BASE = 2, 1
#: What the base layer is on its own, by the upper half of the fifth byte: HDR10, SDR, HLG.
_COMPATIBLE: Final = frozenset({1, 2, 4})


def _records(entry: SampleEntry) -> list[bytes]:
    return [entry.boxes[name] for name in _DOLBY_VISION if name in entry.boxes]


def _has(record: bytes, flag: int) -> bool:
    return len(record) > 3 and bool(record[3] & flag)


def _encrypted(where: str) -> UnsupportedError:
    return UnsupportedError(f"encrypted samples ({where}): decrypt the video before it is masked")
