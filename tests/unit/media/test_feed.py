from __future__ import annotations

import io
from contextlib import contextmanager
from multiprocessing import Pipe
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearrefactor.errors import SourceChangedError
from fearrefactor.media.feed import FedSource, SourceFeed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fearrefactor.media.source import Source

BYTES = np.random.default_rng(3).bytes(10 * (1 << 20) + 12345)  # more blocks than are cached


class Counting(io.BytesIO):
    """A source that remembers where it was read, and gives at most 100 kB at a time."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.offsets: list[int] = []

    def read(self, size: int | None = -1, /) -> bytes:
        self.offsets.append(self.tell())
        return super().read(min(size or 0, 100_000))


class Failing(io.BytesIO):
    """A store whose object was overwritten after the first block."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= 1 << 20:
            raise SourceChangedError("s3://b/k changed")
        return super().read(size)


@contextmanager
def fed(source: Source, size: int) -> Iterator[tuple[FedSource, SourceFeed]]:
    near, far = Pipe()
    feed = SourceFeed(source, near)
    with far:
        yield FedSource(far, size), feed
    feed.close()


@given(
    reads=st.lists(
        st.tuples(st.integers(0, len(BYTES) + 10), st.integers(0, 3_000_000)), max_size=12
    )
)
@settings(max_examples=25)
def test_a_fed_source_reads_like_the_file_itself(reads: list[tuple[int, int]]) -> None:
    with fed(io.BytesIO(BYTES), len(BYTES)) as (source, _):
        for offset, size in reads:
            assert source.seek(offset) == offset
            data = source.read(size)
            assert data == BYTES[offset : offset + len(data)]
            assert (len(data) > 0) == (size > 0 and offset < len(BYTES))
            assert source.tell() == offset + len(data)


def test_reading_on_and_on_gives_every_byte_once_even_from_a_slow_source() -> None:
    slow = Counting(BYTES)
    with fed(slow, len(BYTES)) as (source, _):
        parts = list(iter(lambda: source.read(1 << 17), b""))
    assert b"".join(parts) == BYTES
    assert slow.offsets.count(0) == 1


def test_small_reads_do_not_ask_again() -> None:
    counting = Counting(BYTES)
    with fed(counting, len(BYTES)) as (source, _):
        for _ in range(500):
            source.read(100)
        n_reads = len(counting.offsets)
        source.seek(0)
        source.read(50_000)
        assert len(counting.offsets) == n_reads


@pytest.mark.parametrize(("whence", "base"), [(io.SEEK_SET, 0), (io.SEEK_END, len(BYTES))])
def test_seeking_counts_from_where_it_says(whence: int, base: int) -> None:
    with fed(io.BytesIO(BYTES), len(BYTES)) as (source, _):
        offset = -10 if whence == io.SEEK_END else 10
        assert source.seek(offset, whence) == base + offset
        assert source.seek(5, io.SEEK_CUR) == base + offset + 5
        assert source.seek(-5, io.SEEK_SET) == 0


def test_an_error_of_the_store_is_kept_for_the_parent_and_ends_the_childs_reading() -> None:
    with fed(Failing(BYTES), len(BYTES)) as (source, feed):
        assert source.read(10) == BYTES[:10]
        source.seek(2 << 20)
        with pytest.raises((EOFError, OSError)):
            source.read(10)
        assert isinstance(feed.error, SourceChangedError)


def test_a_source_that_is_shorter_than_promised_is_an_error_and_not_an_end() -> None:
    with (
        fed(io.BytesIO(BYTES[:5000]), len(BYTES)) as (source, _),
        pytest.raises(OSError, match="expected 1048576 bytes at block 0, got 5000"),
    ):
        source.read(10)


def test_a_parent_that_hangs_up_ends_its_thread_even_while_the_child_holds_its_end() -> None:
    near, far = Pipe()
    feed = SourceFeed(io.BytesIO(BYTES), near)
    with far:
        feed.close()
    assert feed.error is None


def test_only_the_parent_closes_its_end_so_that_nobody_elses_file_is_closed_for_it() -> None:
    near, far = Pipe()
    feed = SourceFeed(Failing(BYTES), near)
    with far:
        source = FedSource(far, len(BYTES))
        source.seek(2 << 20)
        with pytest.raises((EOFError, OSError)):
            source.read(10)
    assert not near.closed
    feed.close()
    assert near.closed
