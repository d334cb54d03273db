from __future__ import annotations

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearrefactor.errors import DamagedReadError, StoreError
from fearrefactor.storage.reader import (
    BLOCK_BYTES,
    CACHED_BLOCKS,
    SUM_BYTES,
    ObjectReader,
    block_sums,
)

DATA = random.Random(4).randbytes(3 * BLOCK_BYTES + 77)


class Ranges:
    """A source of ``size`` bytes that notes what it was asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[tuple[int, int]] = []

    def fetch(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        return self.data[offset : offset + length]


offsets = st.one_of(
    st.integers(0, len(DATA) + 10),
    st.sampled_from([0, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, len(DATA)]),
)


@given(moves=st.lists(st.tuples(offsets, st.integers(0, 2 * BLOCK_BYTES)), max_size=8))
@settings(max_examples=50)
def test_any_reads_in_any_order_equal_a_file_in_memory(moves: list[tuple[int, int]]) -> None:
    reader, file = ObjectReader(Ranges(DATA).fetch, len(DATA)), io.BytesIO(DATA)
    for offset, length in moves:
        assert reader.seek(offset) == file.seek(offset)
        assert reader.read(length) == file.read(length)
        assert reader.tell() == file.tell()


def test_small_reads_forward_make_few_fetches_that_do_not_overlap() -> None:
    ranges = Ranges(bytes(20 * BLOCK_BYTES + 5))
    reader = ObjectReader(ranges.fetch, len(ranges.data))
    while reader.read(32768):
        pass
    assert [length // BLOCK_BYTES for _, length in ranges.asked] == [1, 2, 4, 4, 4, 4, 1]
    assert sum(length for _, length in ranges.asked) == len(ranges.data)


def test_a_look_at_a_far_place_fetches_one_block_only() -> None:
    ranges = Ranges(bytes(50 * BLOCK_BYTES))
    reader = ObjectReader(ranges.fetch, len(ranges.data))
    reader.seek(40 * BLOCK_BYTES + 3)
    reader.read(10)
    assert ranges.asked == [(40 * BLOCK_BYTES, BLOCK_BYTES)]


def test_two_places_read_in_turn_are_both_kept() -> None:
    ranges = Ranges(bytes(60 * BLOCK_BYTES))
    reader = ObjectReader(ranges.fetch, len(ranges.data))
    for step in range(200):
        for origin in (0, 30 * BLOCK_BYTES):
            reader.seek(origin + step * 100_000)
            reader.read(100_000)
    assert sum(length for _, length in ranges.asked) <= 2 * 24 * BLOCK_BYTES


def test_no_more_is_held_than_the_cache_allows() -> None:
    ranges = Ranges(bytes(3 * CACHED_BLOCKS * BLOCK_BYTES))
    reader = ObjectReader(ranges.fetch, len(ranges.data))
    while reader.read(BLOCK_BYTES):
        assert len(reader._blocks) <= CACHED_BLOCKS


def test_a_failed_fetch_does_not_move_the_position() -> None:
    def fail(_offset: int, _length: int) -> bytes:
        raise StoreError("gone")

    reader = ObjectReader(fail, 10)
    with pytest.raises(StoreError):
        reader.read(5)
    assert reader.tell() == 0


def test_a_place_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="seek"):
        ObjectReader(Ranges(b"abc").fetch, 3).seek(-1)


def test_a_closed_reader_reads_nothing() -> None:
    reader = ObjectReader(Ranges(b"abc").fetch, 3)
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read(1)


class Flipping(Ranges):
    """A source of which a bit is another in those replies whose number ``is_damaged``."""

    def __init__(self, data: bytes, bit: int, damaged: set[int]) -> None:
        super().__init__(data)
        self.bit = bit
        self.damaged = damaged

    def fetch(self, offset: int, length: int) -> bytes:
        data = bytearray(super().fetch(offset, length))
        place = self.bit // 8 - offset
        if len(self.asked) in self.damaged and 0 <= place < length:
            data[place] ^= 1 << self.bit % 8
        return bytes(data)


SUMS = block_sums(DATA)


@given(
    bit=st.integers(0, 8 * len(DATA) - 1),
    damaged=st.sets(st.integers(1, 8)),
    moves=st.lists(st.tuples(offsets, st.integers(0, 2 * BLOCK_BYTES)), min_size=1, max_size=5),
)
@settings(max_examples=40)
def test_whatever_bit_of_whatever_reply_flips_only_what_was_read_first_is_ever_read(
    bit: int, damaged: set[int], moves: list[tuple[int, int]]
) -> None:
    file = io.BytesIO(DATA)
    reader = ObjectReader(Flipping(DATA, bit, damaged).fetch, len(DATA), SUMS)
    for offset, length in moves:
        file.seek(offset)
        reader.seek(offset)
        try:
            found = reader.read(length)
        except DamagedReadError:
            assert any({n, n + 1} <= damaged for n in damaged)
        else:
            assert found == file.read(length)


def test_a_damaged_reply_is_asked_for_again() -> None:
    ranges = Flipping(DATA, bit=8 * BLOCK_BYTES + 5, damaged={2})
    reader = ObjectReader(ranges.fetch, len(DATA), SUMS)
    assert reader.read() == DATA
    assert (reader.n_fetches, len(ranges.asked)) == (4, 4)


def test_two_equal_readings_that_differ_from_the_first_one_end_it_at_once() -> None:
    ranges = Flipping(DATA, bit=3, damaged=set(range(10)))
    reader = ObjectReader(ranges.fetch, len(DATA), SUMS)
    with pytest.raises(DamagedReadError, match=f"bytes 0 to {BLOCK_BYTES} of {len(DATA)}"):
        reader.read(10)
    assert len(ranges.asked) == 2
    assert reader.tell() == 0


def test_an_object_has_a_checksum_for_each_block_and_none_when_it_is_empty() -> None:
    assert len(SUMS) == 4 * SUM_BYTES
    assert block_sums(b"") == b""
    assert ObjectReader(Ranges(b"").fetch, 0, b"").read() == b""
    with pytest.raises(ValueError, match="checksums of 4 blocks, got 3"):
        ObjectReader(Ranges(DATA).fetch, len(DATA), SUMS[:-SUM_BYTES])
