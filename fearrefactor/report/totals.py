"""The run as a whole: what its rows come to, and what it was asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fearrefactor.core.code_meanings import MEANINGS
from fearrefactor.core.policy_words import in_words
from fearrefactor.report.content import CodeContent, PolicyContent, RunContent
from fearrefactor.storage.report_columns import read_columns, read_rows, sum_of_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from fearrefactor.core.run_facts import RunFacts
    from fearrefactor.report.content import ClassContent

_SUMMED: Final = (
    *("n_frames", "n_masked_frames", "n_rendered_frames", "n_model_frames", "n_audited_frames"),
    *("n_leaks", "input_bytes", "output_bytes", "duration_s", "reused"),
)
#: Rows that were refused say nothing of versions; among so many there is one that was not.
_LOOKED_AT: Final = 100
_COUNTED: Final = ("outcome", "code", "policy", "policy_digest")


@dataclass
class Totals:
    """Sums and counts over all rows. ``policies`` counts rows by name and digest."""

    n_rows: int = 0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_SUMMED, 0.0))
    outcomes: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    policies: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def number_of(self, digest: str | None) -> int:
        """Which of the policies, the most used first, a row was masked by; -1 if by none."""
        return self._numbers.get(digest or "", -1)

    @property
    def _numbers(self) -> dict[str, int]:
        return {digest: number for number, (_, digest) in enumerate(self.ordered_policies)}

    @property
    def ordered_policies(self) -> tuple[tuple[str, str], ...]:
        """Names and digests, the most used first."""
        return tuple(sorted(self.policies, key=lambda one: (-self.policies[one], one)))


def totals_of(path: Path) -> Totals:
    """What the rows of ``videos.parquet`` at ``path`` come to.

    Raises:
        StoreError: it cannot be read.
    """
    found = Totals(seconds=sum_of_seconds(path))
    for columns in read_columns(path, (*_SUMMED, *_COUNTED)):
        found.n_rows += len(columns["outcome"])
        for name in _SUMMED:
            found.sums[name] += float(np.nansum(columns[name].astype(np.float64)))
        found.outcomes.update(columns["outcome"].tolist())
        failed = columns["outcome"] == "failed"
        found.codes.update(code or "" for code in columns["code"][failed].tolist())
        for name, digest in zip(columns["policy"], columns["policy_digest"], strict=True):
            if digest:
                found.policies[name or "", digest] += 1
    for row in read_rows(path, np.arange(min(found.n_rows, _LOOKED_AT)), ("versions",)):
        found.versions = found.versions or dict(sorted(row["versions"].items()))
    return found


def run_content(
    totals: Totals,
    facts: RunFacts,
    uri: str,
    classes: Sequence[ClassContent],
    *,
    n_listed: int,
    n_detailed: int,
) -> RunContent:
    """What the page says of the run."""
    wall_s = None
    if facts.began_at is not None and facts.ended_at is not None:
        wall_s = max((facts.ended_at - facts.began_at).total_seconds(), 0.0)
    n: dict[str, Any] = {
        name: int(value) for name, value in totals.sums.items() if name not in _NOT_COUNTS
    }
    return RunContent(
        run_id=facts.run_id,
        uri=uri,
        began_at=_iso(facts.began_at),
        ended_at=_iso(facts.ended_at),
        wall_s=wall_s,
        shard=facts.shard,
        model=facts.model,
        model_sha256=facts.model_sha256,
        versions=totals.versions,
        settings=facts.settings,
        policies=tuple(
            _policy(name, digest, totals.policies[name, digest], facts)
            for name, digest in totals.ordered_policies
        ),
        outcomes=dict(sorted(totals.outcomes.items())),
        codes=tuple(_code(code, n_videos) for code, n_videos in totals.codes.most_common()),
        classes=tuple(classes),
        seconds=totals.seconds,
        n_rows=totals.n_rows,
        n_listed=n_listed,
        n_detailed=n_detailed,
        n_reused=int(totals.sums["reused"]),
        duration_s=totals.sums["duration_s"],
        lost_processes=facts.lost_processes,
        **n,
    )


_NOT_COUNTS: Final = frozenset({"duration_s", "reused"})


def _policy(name: str, digest: str, n_videos: int, facts: RunFacts) -> PolicyContent:
    policy = facts.policies.get(digest)
    words = in_words(policy).splitlines() if policy is not None else []
    return PolicyContent(name=name, digest=digest, words=tuple(words), n_videos=n_videos)


def _code(code: str, n_videos: int) -> CodeContent:
    meaning, what_to_do = MEANINGS.get(code, ("", ""))
    return CodeContent(code=code, n_videos=n_videos, meaning=meaning, what_to_do=what_to_do)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
