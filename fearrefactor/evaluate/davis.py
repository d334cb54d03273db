"""Folders like DAVIS: a folder of pictures for each sequence, and one of drawn masks beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from fearrefactor.errors import InputError
from fearrefactor.media.annotation import read_annotation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fearrefactor.core.video import VideoInfo

CLASSES_FILE = "classes.json"
_CLASSES = TypeAdapter(dict[str, str | list[str]])


@dataclass(frozen=True)
class Sequence:
    """One sequence. ``annotations`` maps frame indices, ascending, to files: not all need one."""

    name: str
    classes: tuple[str, ...]
    pictures: tuple[Path, ...]
    annotations: dict[int, Path]

    def truth(self, info: VideoInfo) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        """Annotated frames in order, each with ``(height, width)`` bool: where the object is.

        Raises:
            InputError: an annotation has another size than the pictures.
            MediaError: one cannot be read.
        """
        for frame, path in self.annotations.items():
            drawn = read_annotation(path)
            if drawn.shape != (info.height_px, info.width_px):
                height, width = drawn.shape
                raise InputError(
                    f"{path} is {width} × {height} pixels, its picture {self.pictures[frame]} "
                    f"{info.width_px} × {info.height_px}; expected the same size"
                )
            yield frame, drawn


def read_davis(folder: Path, classes: tuple[str, ...] | None) -> list[Sequence]:
    """The sequences under ``JPEGImages/*/`` of which there are annotations, by name.

    ``classes`` are those of every sequence; None reads them from ``classes.json``.

    Raises:
        InputError: folders are missing, a sequence has no class, or no frame is annotated.
    """
    pictures = _sequences(folder, "JPEGImages")
    annotations = _sequences(folder, "Annotations")
    named = sorted(pictures.keys() & annotations.keys())
    if not named:
        raise InputError(
            f"{folder}: no sequence has both pictures and annotations; pictures: "
            f"{_listed(pictures)}; annotations: {_listed(annotations)}"
        )
    class_of = _read_classes(folder) if classes is None else dict.fromkeys(named, classes)
    if missing := [name for name in named if not class_of.get(name)]:
        raise InputError(
            f"{folder / CLASSES_FILE} says nothing of {_listed(missing)}: name the class of each "
            "sequence there, or give --classes for all"
        )
    return [_sequence(name, class_of[name], pictures[name], annotations[name]) for name in named]


def _sequences(folder: Path, kind: str) -> dict[str, Path]:
    """Folders ``kind/*/SEQ`` by name of the sequence."""
    root = folder / kind
    if not root.is_dir():
        raise InputError(
            f"there is no folder {root}; expected JPEGImages/*/SEQ/*.jpg and "
            "Annotations/*/SEQ/*.png as in DAVIS"
        )
    found: dict[str, Path] = {}
    for path in sorted(root.glob("*/*/")):
        if path.name in found:
            raise InputError(
                f"sequence {path.name} is there twice: {found[path.name]} and {path}; keep one size"
            )
        found[path.name] = path
    return found


def _read_classes(folder: Path) -> dict[str, tuple[str, ...]]:
    path = folder / CLASSES_FILE
    try:
        said = _CLASSES.validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(
            f"there is no {path}: it maps each sequence to its class or classes, such as "
            '{"dog": "dog"}; or give --classes for all'
        ) from error
    except (ValidationError, OSError) as error:
        raise InputError(
            f'{path} cannot be read: expected {{"sequence": "class"}} or a list of classes: {error}'
        ) from error
    return {name: (one,) if isinstance(one, str) else tuple(one) for name, one in said.items()}


def _sequence(name: str, classes: tuple[str, ...], jpegs: Path, pngs: Path) -> Sequence:
    pictures = tuple(sorted(jpegs.glob("*.jpg")))
    frame_of = {path.stem: index for index, path in enumerate(pictures)}
    drawn = sorted(pngs.glob("*.png"))
    if strange := [path.name for path in drawn if path.stem not in frame_of]:
        raise InputError(f"{pngs}: {_listed(strange)} belong to no picture in {jpegs}")
    if not drawn:
        raise InputError(f"no frame of {jpegs} is annotated: there is no .png in {pngs}")
    return Sequence(name, classes, pictures, {frame_of[path.stem]: path for path in drawn})


def _listed(names: Iterable[str]) -> str:
    """Up to five names."""
    some = sorted(names)
    return ", ".join(some[:5]) + (f" and {len(some) - 5} more" if len(some) > 5 else "") or "none"
