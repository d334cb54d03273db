"""The ledger of a run: what happened, event by event, and what that comes to.

Times are Unix seconds by the clock of the driver, for people only: what is true of a run depends on
the order of its events alone.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_serializer

from fearrefactor.core.policy import Policy  # noqa: TC001 - pydantic reads it at run time
from fearrefactor.core.report import VideoReport  # noqa: TC001 - pydantic reads it at run time

#: The rate is that of the last ten minutes, counted in steps of ten seconds.
_STEP_S: Final = 10
_N_STEPS: Final = 60
_NEVER, _IN_FLIGHT = 0, 1


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)

    time_s: float


class Begun(_Event):
    """A driver has set out; ``policy_digest`` is of rows that name no policy of their own.

    ``shard`` says as ``I/N`` which rows of the manifest are this run's, ``settings`` its options as
    people read them.
    """

    kind: Literal["begun"] = "begun"
    run_id: str
    versions: dict[str, str]
    model: str
    model_sha256: str
    policy_digest: str
    shard: str = "1/1"
    settings: dict[str, str] = Field(default_factory=dict)


class Ruled(_Event):
    """Rows are masked by ``policy``; told of once in a run."""

    kind: Literal["ruled"] = "ruled"
    digest: str
    policy: Policy

    @field_serializer("policy")
    def _all_of_it(self, policy: Policy) -> dict[str, Any]:
        # A default that is left out would come back as that of the policy's preset.
        return policy.model_dump(mode="json")


class Taken(_Event):
    """A row was taken in hand; ``policy`` is as the manifest names it."""

    kind: Literal["taken"] = "taken"
    row: int = Field(ge=1)
    id: str
    uri: str
    policy: str | None = None
    extra: dict[str, str] = Field(default_factory=dict)


class Named(_Event):
    """Under which names the row's result is published, if it is."""

    kind: Literal["named"] = "named"
    row: int = Field(ge=1)
    row_key: str
    work_id: str


class Lost(_Event):
    """A process that had the row in hand died; ``counts`` against the row, or was not its fault."""

    kind: Literal["lost"] = "lost"
    row: int = Field(ge=1)
    reason: str
    counts: bool = True


class Ended(_Event):
    """A row has come to its end."""

    kind: Literal["ended"] = "ended"
    report: VideoReport

    @property
    def told(self) -> VideoReport:
        """The report, with its end also where an earlier version did not write that."""
        return self.report.ended(self.time_s)


class Counted(_Event):
    """So many rows of the manifest are this run's; they need not be taken yet."""

    kind: Literal["counted"] = "counted"
    n_rows: int = Field(ge=0)


class AllTaken(_Event):
    """The manifest is exhausted: so many rows were this run's, each was taken or refused."""

    kind: Literal["all_taken"] = "all_taken"
    n_rows: int = Field(ge=0)


class Alive(_Event):
    """The driver is there and nothing else has happened for a while."""

    kind: Literal["alive"] = "alive"


class Stopped(_Event):
    """The driver left before all was done, and could say why."""

    kind: Literal["stopped"] = "stopped"
    reason: str


class Finished(_Event):
    """``videos.parquet`` is written; ``counts`` are its rows by outcome."""

    kind: Literal["finished"] = "finished"
    counts: dict[str, int]


Event = Annotated[
    Begun | Ruled | Taken | Named | Lost | Ended | Counted | AllTaken | Alive | Stopped | Finished,
    Field(discriminator="kind"),
]
_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def event_line(event: Event) -> bytes:
    """An event as a line of JSON, with its end; what is as it is by default is left out."""
    told = event.model_dump_json(exclude_defaults=True)
    return f'{{"kind":"{event.kind}",{told[1:]}\n'.encode()


def parse_event(line: bytes) -> Event:
    """The event that ``event_line`` wrote.

    Raises:
        ValueError: it is none.
    """
    try:
        return _ADAPTER.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ValueError(f"{first['msg']} at {first['loc']}: {line[:100]!r}") from error


@dataclass(frozen=True, slots=True)
class InHand:
    """A row that was taken and has not ended; ``named`` is None until its work id is known."""

    taken: Taken
    named: Named | None = None


class RunState:
    """What the events so far come to. A row that has ended takes two bytes.

    ``in_flight`` holds rows by number: those that the driver has in hand, and those that a driver
    had when it died. ``done`` counts rows by outcome, ``failed`` those without a result by code.
    ``n_lost`` counts by row how many processes died that had it. ``n_rows`` is None until somebody
    has counted the manifest, ``is_exhausted`` says that every row of it was taken or refused.
    """

    def __init__(self) -> None:
        self.begun: Begun | None = None
        self.n_drivers = 0
        self.in_flight: dict[int, InHand] = {}
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.n_lost: Counter[int] = Counter()
        self.n_rows: int | None = None
        self.is_exhausted = False
        self.is_finished = False
        self.stopped: str | None = None
        self.first_s: float | None = None
        self.last_s: float | None = None
        self._status = array("H")  # by row: never seen, in flight, or an end
        self._ends: list[tuple[str, str]] = [("", ""), ("", "")]  # outcome and code by status
        self._ended_in: Counter[int] = Counter()  # ends of this driver by step of ten seconds

    def add(self, event: Event) -> None:
        """What has changed by one more event."""
        self.last_s = event.time_s if self.last_s is None else max(self.last_s, event.time_s)
        self.first_s = event.time_s if self.first_s is None else self.first_s
        match event:
            case Begun():
                self.begun = event
                self.n_drivers += 1
                self.is_finished, self.stopped = False, None
                self._ended_in.clear()
            case Taken():
                self._set(event.row, _IN_FLIGHT)
                self.in_flight[event.row] = InHand(event)
            case Named() if event.row in self.in_flight:
                self.in_flight[event.row] = InHand(self.in_flight[event.row].taken, event)
            case Lost():
                self.n_lost[event.row] += 1
            case Ended():
                self._end(event)
            case Counted() if not self.is_exhausted:
                self.n_rows = event.n_rows
            case AllTaken():
                self.n_rows, self.is_exhausted = event.n_rows, True
            case Stopped():
                self.stopped = event.reason
            case Finished():
                self.is_finished = True
            case _:  # a sign of life, or what is known better already
                pass

    @property
    def n_done(self) -> int:
        """Rows with a result."""
        return self.done.total()

    @property
    def n_failed(self) -> int:
        """Rows that ended without one."""
        return self.failed.total()

    @property
    def n_ended(self) -> int:
        """Rows that have come to their end, and are not in hand again."""
        return self.n_done + self.n_failed

    @property
    def rate_per_s(self) -> float | None:
        """Rows that ended in a second, over the last ten minutes of the driver; None at first."""
        if self.begun is None or self.last_s is None:
            return None
        elapsed_s = min(self.last_s - self.begun.time_s, _STEP_S * _N_STEPS)
        oldest = self._step(self.last_s) - _N_STEPS
        n_ended = sum(n for step, n in self._ended_in.items() if step > oldest)
        return n_ended / elapsed_s if elapsed_s > 0 else None

    @property
    def time_left_s(self) -> float | None:
        """Until all rows have ended at this rate; None if rate or number are unknown."""
        rate = self.rate_per_s
        if self.n_rows is None or not rate:
            return None
        return max(0, self.n_rows - self.n_ended) / rate

    def end_of(self, row: int) -> tuple[str, str] | None:
        """Outcome and code ("" if it has none) of a row that has ended, else None."""
        status = self._status[row] if row < len(self._status) else _NEVER
        return self._ends[status] if status > _IN_FLIGHT else None

    def _end(self, event: Ended) -> None:
        told = event.report
        end = (told.outcome, told.code or "")
        if end not in self._ends:
            self._ends.append(end)
        self.in_flight.pop(told.row, None)
        self._set(told.row, self._ends.index(end, _IN_FLIGHT + 1))
        self._ended_in[self._step(event.time_s)] += 1
        if len(self._ended_in) > 2 * _N_STEPS and self.last_s is not None:
            oldest = self._step(self.last_s) - _N_STEPS
            kept = {step: n for step, n in self._ended_in.items() if step > oldest}
            self._ended_in = Counter(kept)

    def _set(self, row: int, status: int) -> None:
        missing = row + 1 - len(self._status)
        if missing > 0:
            self._status.extend([_NEVER] * missing)
        self._count(self._status[row], -1)
        self._status[row] = status
        self._count(status, 1)

    def _count(self, status: int, by: int) -> None:
        if status > _IN_FLIGHT:
            outcome, code = self._ends[status]
            counts, name = (self.failed, code) if outcome == "failed" else (self.done, outcome)
            counts[name] += by
            if not counts[name]:
                del counts[name]

    @staticmethod
    def _step(time_s: float) -> int:
        return int(time_s // _STEP_S)
