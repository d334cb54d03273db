"""A person's decisions, held against the run that they are about before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fearrefactor.core.decisions_file import named_together
from fearrefactor.core.identity import video_key
from fearrefactor.core.manifest import clean
from fearrefactor.core.report import printable
from fearrefactor.core.revise import revised
from fearrefactor.errors import InputError, NotFoundError
from fearrefactor.pipeline.publish import Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fearrefactor.core.decisions import Decision, Decisions, More
    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.policy import Policy
    from fearrefactor.core.report import VideoReport
    from fearrefactor.core.run_facts import RunFacts
    from fearrefactor.storage.run_folder import RunFolder


@dataclass(frozen=True)
class Moderated:
    """A video, what was decided about it, and by which policy it is to be masked.

    ``told`` is the earlier run's report of it; its ``extra`` says who has decided what and when.
    ``words`` say so in a sentence. Where nothing is masked again, ``policy`` is the earlier one.
    """

    decision: Decision
    told: VideoReport
    policy: Policy
    words: str


def moderated(
    decisions: Decisions,
    run: RunFolder,
    reports: Iterable[VideoReport],
    facts: RunFacts,
    card: ModelCard,
) -> tuple[Moderated, ...]:
    """The videos of a run that decisions are about, by row; ``card``: the run's model.

    Raises:
        InputError: naming everything in which the decisions do not fit to the run, or to what is
            stored now.
        StoreError: the output cannot be read.
    """
    if decisions.run_id != run.run_id:
        raise InputError(
            f"the decisions are about run {printable(decisions.run_id, 80)!r}, not about "
            f"{run.run_id!r}; give the run that they are about with --run"
        )
    wanted = {decision.row for decision in decisions.decisions}
    told_by_row = {told.row: told for told in reports if told.row in wanted}
    check = _Check(Output(run.store, run.output_prefix), facts, card)
    found, problems = [], []
    for decision in sorted(decisions.decisions, key=lambda one: one.row):
        told = told_by_row.get(decision.row)
        name = f"row {decision.row} ({printable(decision.id, 80)})"
        try:
            known = check.known(decision, told)
            policy = check.policy(decision, known)
        except InputError as error:
            problems.append(f"{name}: {error}")
            continue
        extra = known.extra | decisions.columns(decision)
        with_columns = known.model_copy(update={"extra": extra})
        words = decisions.words(decision) + check.still_there(decision, known)
        found.append(Moderated(decision, with_columns, policy, words))
    if problems:
        raise InputError(f"nothing was done:\n{named_together(run.run_id, problems)}")
    return tuple(found)


@dataclass(frozen=True)
class _Check:
    """One decision against the report of its row, and against what is stored."""

    output: Output
    facts: RunFacts
    card: ModelCard

    def known(self, decision: Decision, told: VideoReport | None) -> VideoReport:
        """The report, if it is that of the video that the person saw, which is still there."""
        if told is None:
            raise InputError("the run has no such row")
        if told.id != decision.id:
            raise InputError(f"the row's id is {printable(told.id, 80)}")
        if told.outcome != "review" or told.output_key is None or told.work_id is None:
            raise InputError(f"it is not for review: it ended as {told.code or told.outcome}")
        if told.output_sha256 != decision.output_sha256:
            raise InputError(
                f"expected output_sha256 {told.output_sha256}, got {decision.output_sha256}: "
                "another result was looked at; look at this one"
            )
        self._check_stored(told.output_key, decision.output_sha256)
        approved = self._approved(told)
        if decision.decision == "reject" and approved is not None:
            raise InputError(
                "it was approved before, and objects are never removed here: take "
                f"{approved} away, then reject it"
            )
        return told

    def policy(self, decision: Decision, told: VideoReport) -> Policy:
        """What the video is masked by from now on."""
        policy = self.facts.policies.get(told.policy_digest or "")
        if policy is None:
            raise InputError("the run's report does not hold the policy that it was masked by")
        if decision.more is None:
            return policy
        _check_nothing_is_lost(decision.more, told)
        changed = revised(policy, decision.more)
        for name in changed.classes:
            self.card.class_id(name)
        return changed

    def still_there(self, decision: Decision, told: VideoReport) -> str:
        """What a person should know who wants more masked, or nothing published."""
        if decision.decision == "reject":
            others = ", ".join(self._published(told))
            return f"; {others} was published before and is still there" if others else ""
        approved = self._approved(told) if decision.decision == "mask_more" else None
        return "" if approved is None else f"; {approved} was approved before and is still there"

    def _published(self, told: VideoReport) -> Iterator[str]:
        """Where results of the same source are, by whatever policy."""
        store = self.output.store
        for listed in store.list(f"{self.output.prefix}{video_key(clean(told.id), '', '')}"):
            if store.stat(listed.key).metadata.get("source-sha256") == told.input_sha256:
                yield store.uri(listed.key)

    def _check_stored(self, key: str, sha256: str) -> None:
        """What was looked at is what is there."""
        uri = self.output.store.uri(key)
        if not key.startswith(f"{self.output.prefix}review/"):
            raise InputError(f"{uri} is not under review/")
        try:
            stored = self.output.store.stat(key).metadata.get("sha256")
        except NotFoundError as error:
            raise InputError(f"{uri} is gone; mask it anew and look at that") from error
        if stored != sha256:
            raise InputError(
                f"{uri} is not what was looked at: expected the sha256 {sha256}, got {stored}"
            )

    def _approved(self, told: VideoReport) -> str | None:
        """Where the very result is that was approved before, if it was."""
        there = self.output.find(clean(told.id), str(told.work_id))
        if there is None or there.outcome == "review":
            return None
        return self.output.store.uri(there.output_key)


def _check_nothing_is_lost(more: More, told: VideoReport) -> None:
    """What is kept may have been hidden by the earlier plan: that cannot be a part of the new one.

    With it goes what only the audit has found, which no policy knows of.
    """
    if more.keep and told.n_leaks:
        raise InputError(
            f"the audit has hidden {told.n_leaks} things in it better than the policy alone does, "
            "which would be lost with 'keep'; leave that out, or mask it anew by another policy"
        )
