"""What a run was asked, and when: what its rows do not say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from fearrefactor.core.ledger import Begun, Lost, Ruled
from fearrefactor.core.policy import Policy  # noqa: TC001 - pydantic reads it at run time

if TYPE_CHECKING:
    from fearrefactor.core.ledger import Event


class RunFacts(BaseModel):
    """In the metadata of ``videos.parquet``, as JSON.

    ``began_at`` is when its first driver set out and ``ended_at`` when its last row ended, in UTC.
    ``policies`` holds every policy that a row was masked by, by its digest. ``settings`` are the
    options of its last driver as people read them. ``drivers`` counts those that it took;
    ``lost_processes`` those that died under it.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    began_at: datetime | None = None
    ended_at: datetime | None = None
    shard: str = "1/1"
    model: str = ""
    model_sha256: str = ""
    policies: dict[str, Policy] = Field(default_factory=dict)
    settings: dict[str, str] = Field(default_factory=dict)
    drivers: int = 1
    lost_processes: int = 0


class RunHistory:
    """What the events of a run say of it as a whole; rows take no room in it."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._first: Begun | None = None
        self._last: Begun | None = None
        self._policies: dict[str, Policy] = {}
        self._n_drivers = self._n_lost = 0

    def add(self, event: Event) -> None:
        """What is known by one more event."""
        match event:
            case Begun():
                self._first = self._first or event
                self._last = event
                self._n_drivers += 1
            case Ruled():
                self._policies[event.digest] = event.policy
            case Lost():
                self._n_lost += 1
            case _:  # of a row
                pass

    def knows(self, policy_digest: str) -> bool:
        """Whether this policy was told of."""
        return policy_digest in self._policies

    def facts(self, ended_at: datetime | None) -> RunFacts:
        """All that was told of the run; ``ended_at`` is when its last row ended."""
        first, last = self._first, self._last
        if first is None or last is None:
            return RunFacts(run_id=self._run_id, ended_at=ended_at, drivers=0)
        return RunFacts(
            run_id=self._run_id,
            began_at=datetime.fromtimestamp(first.time_s, UTC),
            ended_at=ended_at,
            shard=last.shard,
            model=last.model,
            model_sha256=last.model_sha256,
            policies=dict(sorted(self._policies.items())),
            settings=last.settings,
            drivers=self._n_drivers,
            lost_processes=self._n_lost,
        )
