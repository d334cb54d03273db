"""What a run was asked, and when: what its rows do not say."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads it at run time

from pydantic import BaseModel, ConfigDict, Field

from fearrefactor.core.policy import Policy  # noqa: TC001 - pydantic reads it at run time


class RunFacts(BaseModel):
    """In the metadata of ``videos.parquet``, as JSON.

    ``began_at`` and ``ended_at`` are UTC. ``policies`` holds every policy that a row was masked by,
    by its digest. ``settings`` are the options of the run as people read them. ``drivers`` counts
    those that it took; ``lost_processes`` those that died under it.
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
