"""Try 14: what S3 answers is cut short, or a bit of it is another."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from faults import Cut, Flip, Rule, Truncate
from invariants import assert_invariants
from nights import films

if TYPE_CHECKING:
    from reliability.conftest import Trial
    from s3_nights import Nights

pytestmark = pytest.mark.timeout(900)
READS = ("GetObject", "ListObjectsV2")
#: What a flipped bit of a listing or a first reading may come to, and no other code.
HONEST = {"store_error", "not_found", "source_changed", "internal"}


def test_a_reply_that_is_cut_short_is_read_again(
    nights: Nights, tried: Trial, *, full: bool
) -> None:
    n_films = 10 if full else 1
    nights.upload(films(n_films))
    faults = (Truncate(500), Cut(700), *((Truncate(1), Cut(0)) if full else ()))
    n_short = 0
    for fault in faults:
        short = Rule(fault, READS, share=0.4)
        nights.proxy.set(short)
        night = nights.next()
        report, _ = night.run()
        assert report.outcomes == {"masked": n_films}
        assert nights.proxy.done[short] >= 2
        n_short += nights.proxy.done[short]
        nights.proxy.set()
        nights.assert_all_is_well(night, rerun=full)
    tried(f"{n_films} films, {len(faults)} ways", f"{n_short} short replies: all read again")


def test_a_bit_that_flips_in_any_one_reading_of_a_source_changes_nothing(
    nights: Nights, tried: Trial
) -> None:
    nights.upload(films(1))
    right = [told.output_sha256 for told in nights.next().run()[1]]
    n_reads = nights.proxy.n_calls["GetObject"]
    assert n_reads >= 3
    for number in range(n_reads):
        flipped = Rule(Flip(), ("GetObject",), skip=number, most=1)
        nights.proxy.set(flipped)
        night = nights.next()
        _, reports = night.run()
        assert nights.proxy.done[flipped] == 1
        assert [told.output_sha256 for told in reports] == right
        nights.proxy.set()
        nights.assert_all_is_well(night, rerun=False)
    tried(f"each of {n_reads} readings of a film", "the same result")


def test_where_many_bits_flip_a_result_is_right_or_there_is_none(
    nights: Nights, tried: Trial, *, full: bool
) -> None:
    n_nights = 20 if full else 2
    # In several blocks: a film and what players skip, so that no reading has all of it at once.
    long = next(films(1)) + (1 << 20 << 1).to_bytes(4, "big") + b"free"
    nights.upload([long + random.Random(8).randbytes((1 << 20 << 1) - 8), *films(2)])
    right = {told.id: told.output_sha256 for told in nights.next().run()[1]}
    n_flipped = n_failed = 0
    for _ in range(n_nights):
        flipped = Rule(Flip(), READS, share=0.2)
        nights.proxy.set(flipped)
        night = nights.next()
        _, reports = night.run()
        n_flipped += nights.proxy.done[flipped]
        nights.proxy.set()
        assert_invariants(nights.direct(night))
        for told in reports:
            if told.outcome == "failed":
                n_failed += 1
                assert told.code in HONEST, told
            else:
                assert told.output_sha256 == right[told.id]
    assert n_flipped >= n_nights
    tried(
        f"{n_nights} nights of 3 films",
        f"{n_flipped} bits flipped: {n_failed} rows failed, 0 wrong",
    )
