"""A whole data set through one model: a detect pass, two maskings, and what came of them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fearrefactor.core.policy import Policy, Rule
from fearrefactor.errors import FearRefactorError, InputError
from fearrefactor.evaluate.average_precision import AveragePrecision, average_precision, results
from fearrefactor.evaluate.coco_file import drawn, read_coco
from fearrefactor.evaluate.davis import read_davis
from fearrefactor.evaluate.measure import Drawn, Measured, measure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fearrefactor.core.model import ModelCard
    from fearrefactor.core.presets import Preset
    from fearrefactor.evaluate.coco_file import CocoSet, Image
    from fearrefactor.evaluate.davis import Sequence
    from fearrefactor.evaluate.look import Observer


@dataclass(frozen=True)
class Question:
    """What is to be measured.

    ``classes`` are what counts as the object; None leaves it to the data set. ``policy`` says how
    it is masked: one of its own, or the name of the preset by which any class is.
    """

    classes: tuple[str, ...] | None
    policy: Policy | Preset

    def __post_init__(self) -> None:
        if isinstance(self.policy, Policy) and any(r.effect.is_background for r in self.rules):
            raise InputError(
                f"policy {self.policy.name} masks everything but its objects; evaluate measures "
                "how well objects are masked: give it a policy without a background effect"
            )

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of a policy of one's own; none of a preset."""
        return self.policy.rules if isinstance(self.policy, Policy) else ()

    def policy_for(self, classes: tuple[str, ...]) -> Policy:
        """The policy that masks objects of ``classes``."""
        if isinstance(self.policy, Policy):
            return self.policy
        return Policy(name=self.policy, preset=self.policy, rules=(Rule(classes=classes),))

    def masks(self, classes: Iterable[str]) -> bool:
        """Whether any of ``classes`` is masked at all."""
        named = {name.lower() for rule in self.rules for name in rule.classes}
        return not isinstance(self.policy, Policy) or any(name.lower() in named for name in classes)


@dataclass(frozen=True)
class Evaluation:
    """What was measured. ``left_out`` says what was not, and why.

    ``measured`` has an entry a sequence or an image; ``follow``: whether frames of one follow each
    other. ``precision`` is None unless things were drawn one by one, as in COCO.
    """

    measured: tuple[Measured, ...]
    follow: bool
    left_out: tuple[str, ...]
    precision: AveragePrecision | None = None


def evaluate(dataset: Path, question: Question, observer: Observer) -> Evaluation:
    """Measure a folder like DAVIS, or the images of a COCO JSON file.

    Raises:
        InputError: the data set or a class of it cannot be used.
        MediaError: a picture cannot be read. ModelError: the model answers rubbish.
    """
    if dataset.is_dir():
        return _sequences(read_davis(dataset, question.classes), question, observer)
    if not dataset.exists():
        raise InputError(
            f"there is no data set {dataset}; expected a folder with JPEGImages and Annotations, "
            "or a COCO .json file"
        )
    return _images(read_coco(dataset), question, observer)


def _sequences(known: list[Sequence], question: Question, observer: Observer) -> Evaluation:
    for name in dict.fromkeys(name for sequence in known for name in sequence.classes):
        observer.card.class_id(name)  # before hours of work
    chosen = [sequence for sequence in known if question.masks(sequence.classes)]
    if not chosen:
        raise _nothing_masked(name for sequence in known for name in sequence.classes)
    observer.expect(sum(len(sequence.pictures) for sequence in chosen))
    measured = []
    for sequence in chosen:
        try:
            seen = observer.watch_pictures(sequence.pictures)
            frames = (Drawn(frame, here) for frame, here in sequence.truth(seen.info))
            policy = question.policy_for(sequence.classes)
            measured.append(measure(sequence.name, sequence.classes, seen, frames, policy))
        except FearRefactorError as error:
            raise error.naming(f"sequence {sequence.name}") from error
    return Evaluation(
        tuple(measured),
        follow=True,
        left_out=tuple(
            f"sequence {sequence.name}: no rule masks {', '.join(sequence.classes)}"
            for sequence in known
            if sequence not in chosen
        ),
    )


def _images(known: CocoSet, question: Question, observer: Observer) -> Evaluation:
    chosen, left_out = _classes_of(known, question, observer.card)
    lowered = {name.lower() for name in chosen}
    ids = {
        category.id: observer.card.class_id(category.name)
        for category in known.content.categories
        if category.name.lower() in lowered
    }
    policy = question.policy_for(chosen)
    observer.expect(len(known.content.images))
    measured, found = [], []
    for image in known.content.images:
        try:
            seen = observer.watch(known.images / image.file_name)
            if (seen.info.width_px, seen.info.height_px) != (image.width, image.height):
                raise InputError(
                    f"the picture is {seen.info.width_px} × {seen.info.height_px} pixels, the "
                    f"data set says {image.width} × {image.height}"
                )
            frames = [_drawn(known, image, ids)]
        except FearRefactorError as error:
            raise error.naming(str(known.images / image.file_name)) from error
        measured.append(measure(image.file_name, chosen, seen, frames, policy))
        found += results(image.id, seen, {class_id: id_ for id_, class_id in ids.items()})
    precision = average_precision(known.content, list(ids), found)
    return Evaluation(tuple(measured), follow=False, left_out=left_out, precision=precision)


def _drawn(known: CocoSet, image: Image, ids: Iterable[int]) -> Drawn:
    things = known.of(image, ids)
    here = drawn([one for one in things if not one.iscrowd], image)
    crowd = drawn([one for one in things if one.iscrowd], image)
    return Drawn(0, here, crowd & ~here)


def _classes_of(
    known: CocoSet, question: Question, card: ModelCard
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Classes that are evaluated, and why others are not."""
    there = {name.lower(): name for name in known.classes}
    if question.classes is not None:
        for name in question.classes:
            card.class_id(name)
            if name.lower() not in there:
                near = difflib.get_close_matches(name.lower(), there, n=3, cutoff=0.5)
                names = f"nearest: {', '.join(near)}" if near else f"it has: {', '.join(there)}"
                raise InputError(f"the data set has no class {name!r}; {names}")
        if not question.masks(question.classes):
            raise _nothing_masked(question.classes)
        return question.classes, ()
    seeable = {name.lower() for name in card.classes}
    unseen = [name for name in known.classes if name.lower() not in seeable]
    chosen = tuple(name for name in known.classes if name not in unseen and question.masks([name]))
    if not chosen:
        raise _nothing_masked(known.classes)
    said = (f"classes that {card.name} does not know: {', '.join(unseen)}",) if unseen else ()
    return chosen, said


def _nothing_masked(classes: Iterable[str]) -> InputError:
    names = ", ".join(dict.fromkeys(classes))
    return InputError(
        f"nothing of the data set would be masked: neither the policy nor the model has {names}"
    )
