"""Quantised networks: a model file of its own, made once (``vision/quantize``), run anywhere.

It is a zip archive with the network as OpenVINO writes it, for inputs of any size, and what is
needed to read its answers. A machine that runs it needs neither torch nor nncf, and its sha256
tells it apart from the checkpoint that it was made from, and from one that was calibrated on other
pictures.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import openvino as ov
from pydantic import BaseModel, ConfigDict, ValidationError

from fearrefactor.errors import ModelError
from fearrefactor.vision.network import Head  # noqa: TC001 - pydantic reads it at run time

if TYPE_CHECKING:
    from pathlib import Path

#: How the names of such files end.
SUFFIX: Final = ".int8"
_MEMBERS: Final = ("facts.json", "network.xml", "network.bin")
#: The largest that such a file may unpack to; the largest networks have 150 MB in int8.
_MAX_BYTES: Final = 2 << 30


class QuantizedFacts(BaseModel):
    """What is known of a quantised network beside its weights.

    ``made_from`` and ``calibrated_on`` are sha256 of the checkpoint and of the ``n_pictures``.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    licence: str
    target: str
    head: Head
    classes: tuple[str, ...]
    made_from: str
    calibrated_on: str
    n_pictures: int


@dataclass(frozen=True)
class QuantizedNetwork:
    """``network`` takes and answers what a ``Network`` does, for any size of input."""

    facts: QuantizedFacts
    network: ov.Model

    @property
    def head(self) -> Head:
        """How its answers are read."""
        return self.facts.head

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of class ids."""
        return self.facts.classes


def read_facts(path: Path) -> QuantizedFacts:
    """What a file says of its network, which is not loaded.

    Raises:
        ModelError: it cannot be read, or is no such file.
    """
    facts, _, _ = _members(path)
    return facts


def load_quantized(path: Path) -> QuantizedNetwork:
    """The network in a file.

    Raises:
        ModelError: it cannot be read, or is no such file.
    """
    facts, described, weights = _members(path)
    try:
        network = ov.Core().read_model(described, weights)
    except RuntimeError as error:
        raise ModelError(f"{path} holds no network that OpenVINO reads: {error}") from error
    return QuantizedNetwork(facts, network)


def write_quantized(path: Path, facts: QuantizedFacts, described: bytes, weights: bytes) -> None:
    """Write a file; the same content gives the same bytes.

    Raises:
        ModelError: it cannot be written.
    """
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        content = (facts.model_dump_json(indent=1).encode(), described, weights)
        for name, data in zip(_MEMBERS, content, strict=True):
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    try:
        partial = path.with_name(f"{path.name}.partial")
        partial.write_bytes(held.getvalue())
        partial.replace(path)
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror}") from error


def _members(path: Path) -> tuple[QuantizedFacts, bytes, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {member.filename: member.file_size for member in archive.infolist()}
            if set(sizes) != set(_MEMBERS) or sum(sizes.values()) > _MAX_BYTES:
                raise ModelError(f"{path}: expected {', '.join(_MEMBERS)}, got {sizes}")
            facts, described, weights = (archive.read(name) for name in _MEMBERS)
        return QuantizedFacts.model_validate_json(facts), described, weights
    except (OSError, zipfile.BadZipFile, ValidationError) as error:
        raise ModelError(
            f"{path} is not a quantised model: {error}; 'fearrefactor models quantize' makes one"
        ) from error
