from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.errors import FidelityError
from fearrefactor.media.packets import EncodedPacket, unpack_all

times = st.integers(-(2**63), 2**63 - 1)
packets = st.builds(EncodedPacket, times, times, st.booleans(), st.binary(max_size=50))


@given(sent=st.lists(packets))
def test_packets_come_back_as_they_were(sent: list[EncodedPacket]) -> None:
    file = io.BytesIO(b"".join(packet.pack() for packet in sent))
    assert list(unpack_all(file)) == sent


@given(sent=st.lists(packets, min_size=1), data=st.data())
def test_a_file_cut_short_is_never_taken_for_a_shorter_one(
    sent: list[EncodedPacket], data: st.DataObject
) -> None:
    whole = b"".join(packet.pack() for packet in sent)
    ends = {len(b"".join(p.pack() for p in sent[:n])) for n in range(len(sent) + 1)}
    at = data.draw(st.integers(0, len(whole)).filter(lambda at: at not in ends))
    with pytest.raises(FidelityError, match=r"end inside a header|cut short"):
        list(unpack_all(io.BytesIO(whole[:at])))
