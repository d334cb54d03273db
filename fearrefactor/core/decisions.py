"""What a person decided about videos whose outcome is ``review``: a small JSON file."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from fearrefactor.core.policy import Always, Keep, Share  # noqa: TC001 - read by pydantic
from fearrefactor.core.report import printable

#: Of what is asked for one video, as JSON: a few hundred places. Each costs time in every frame.
_MORE_LIMIT_BYTES: Final = 65_536
_DONE: Final = {"approve": "approved", "mask_more": "more masked, as asked", "reject": "rejected"}


def _whole_frame_if_true(given: Any) -> Any:
    return [{}] if given is True else given


class More(BaseModel):
    """What is masked beside what the policy masks, or is kept clear after all.

    ``always`` are places and times as in a policy (``true``: the whole video). ``classes`` are
    masked as the policy's first rule masks its own. ``confidence`` replaces that of every rule
    where theirs is higher, ``margin`` where theirs is smaller. ``keep`` are exceptions as in a
    policy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    always: Annotated[tuple[Always, ...], BeforeValidator(_whole_frame_if_true)] = ()
    classes: tuple[str, ...] = ()
    confidence: Annotated[float, Field(gt=0, le=1)] | None = None
    margin: Share | None = None
    keep: tuple[Keep, ...] = ()

    @model_validator(mode="after")
    def _is_not_too_much(self) -> More:
        n_bytes = len(self.model_dump_json())
        if n_bytes > _MORE_LIMIT_BYTES:
            raise ValueError(
                f"expected at most {_MORE_LIMIT_BYTES} bytes of 'more', got {n_bytes}; mask larger "
                "places, or the whole frame for a time"
            )
        return self


class Decision(BaseModel):
    """About the video of one row, as it was when the person saw it.

    ``output_sha256`` is that of the result that was looked at: no other one is approved by this.
    ``approve`` publishes that very file. ``mask_more`` masks the source again by the policy and
    ``more``. ``reject`` never publishes it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: int = Field(ge=1)
    id: str = Field(max_length=4096)
    output_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    decision: Literal["approve", "mask_more", "reject"]
    more: More | None = None
    note: str = Field(default="", max_length=500)

    @model_validator(mode="after")
    def _says_what_more(self) -> Decision:
        if (self.decision == "mask_more") != (self.more is not None and self.more != More()):
            raise ValueError(
                "expected 'more' to say what is masked beside it, or kept, where the decision is "
                "mask_more, and nowhere else"
            )
        return self


class Decisions(BaseModel):
    """Decisions about videos of one run, by one person at one time, which names its time zone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    by: str = Field(pattern=r"\S", max_length=200)
    at: AwareDatetime
    decisions: tuple[Decision, ...] = Field(min_length=1)

    @field_validator("decisions")
    @classmethod
    def _decide_each_once(cls, decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
        twice = [row for row, n in Counter(one.row for one in decisions).items() if n > 1]
        if twice:
            raise ValueError(f"expected one decision a video, rows {twice} have several")
        return decisions

    def words(self, decision: Decision) -> str:
        """What was decided, by whom and when, on one line."""
        said = f"{_DONE[decision.decision]} by {printable(self.by)} at {self.when}"
        return f"{said}: {printable(decision.note)}" if decision.note else said

    def columns(self, decision: Decision) -> dict[str, str]:
        """The same as further columns of the video's row."""
        return {
            "review_run": self.run_id,
            "review_decision": decision.decision,
            "review_by": printable(self.by),
            "review_at": self.when,
            "review_note": printable(decision.note),
        }

    @property
    def when(self) -> str:
        """``at`` in UTC, to the second."""
        return self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
