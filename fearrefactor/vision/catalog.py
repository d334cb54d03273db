"""Models by name or path: found, pulled into a cache, held against their checksums."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fearrefactor.errors import ModelError
from fearrefactor.vision.assets import ASSETS, Asset, Kind
from fearrefactor.vision.sources import UltralyticsAsset

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["ok", "missing", "corrupt"]

DEFAULT_MODEL = "yolov5s-seg"


@dataclass(frozen=True)
class ModelFile:
    """A file on this machine whose content is known.

    ``sha256`` is that of ``digest_of``. ``classes`` is empty where only the file itself can tell,
    and so is ``target``, what it must see in the first of the known pictures.
    """

    name: str
    path: Path
    sha256: str
    licence: str
    kind: Kind
    classes: tuple[str, ...]
    target: str = ""


_SUFFIXES = (".pt", ".onnx", ".yaml", ".int8")
_ULTRALYTICS_NAME = re.compile(r"yolo[a-z0-9.]+-seg")


def find(name: str) -> Asset:
    """The asset by that name; any other ``yolo…-seg`` is looked for at Ultralytics when pulled.

    Raises:
        ModelError: there is none; the message lists the nearest names.
    """
    known = {asset.name: asset for asset in ASSETS}
    if name in known:
        return known[name]
    if _ULTRALYTICS_NAME.fullmatch(name):
        source = UltralyticsAsset(name)
        return Asset(name, "segmenter", (source,), None, "AGPL-3.0", (), "needs internet")
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    raise ModelError(
        f"there is no model {name!r}; "
        + (f"nearest: {', '.join(near)}" if near else f"known: {', '.join(known)}")
        + "; a path to a .pt, .onnx, .yaml or .int8 file is also taken"
    )


def cache_dir(environ: Mapping[str, str]) -> Path:
    """The folder that keeps pulled files, by the environment's wish."""
    if chosen := environ.get("FEARREFACTOR_CACHE"):
        return Path(chosen)
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "fearrefactor"


def digest_of(path: Path) -> str:
    """Sha256 in hex by which a model file is known.

    It is that of its bytes; for a description (``.yaml``) the name counts too, as it carries the
    scale.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    if path.suffix == ".yaml":
        digest.update(path.stem.encode())
    return digest.hexdigest()


def check_unchanged(file: ModelFile) -> None:
    """Hold a model file against what it was when it was resolved.

    Raises:
        ModelError: it is another one now, or cannot be read.
    """
    found = digest_of(file.path)
    if found != file.sha256:
        raise ModelError(
            f"model {file.name}: {file.path} has sha256 {found[:12]}…, expected "
            f"{file.sha256[:12]}…; it changed since it was resolved, or differs on this machine"
        )


def verify(asset: Asset, cache: Path) -> State:
    """Whether the cached file is what it should be.

    Raises:
        ModelError: the file is there but cannot be read.
    """
    path = asset.path_in(cache)
    if not path.is_file():
        return "missing"
    return "ok" if digest_of(path) == _expected(asset, path) else "corrupt"


def pull(asset: Asset, cache: Path) -> Path:
    """The asset's file in the cache, downloaded if it is not there or not what it should be.

    Several processes may pull the same asset at once: a file appears complete or not at all.

    Raises:
        ModelError: no source has it, its checksum is wrong, or the cache cannot be written.
    """
    path = asset.path_in(cache)
    if verify(asset, cache) == "ok":
        return path
    problems: list[str] = []
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for source in asset.sources:
            with tempfile.TemporaryDirectory(dir=cache, prefix="pull-") as folder:
                try:
                    return _accept(asset, source.fetch(Path(folder)), path)
                except ModelError as error:
                    problems.append(str(error))
    except OSError as error:
        raise ModelError(
            f"cannot keep {asset.name} in {cache}: {error}; set FEARREFACTOR_CACHE to a folder "
            "that can be written"
        ) from error
    raise ModelError(f"{asset.name} cannot be had: {'; '.join(problems)}")


def _accept(asset: Asset, fetched: Path, path: Path) -> Path:
    """Move a download to its place if its checksum is right; pin it if this is the first one.

    Raises:
        ModelError: it is another file than the one that is pinned.
    """
    found = digest_of(fetched)
    if asset.sha256 is None:
        path.parent.mkdir(exist_ok=True)
        note = fetched.with_name("pin")
        note.write_text(found + "\n", encoding="ascii")
        with contextlib.suppress(FileExistsError):
            os.link(note, _pin(path))  # create-only and whole: the first of several wins
    expected = _expected(asset, path)
    if found != expected:
        pin = "" if asset.sha256 else f"; delete {_pin(path)} if the new one is to be trusted"
        raise ModelError(f"{fetched.name} has sha256 {found}, expected {expected}{pin}")
    path.parent.mkdir(exist_ok=True)
    fetched.replace(path)
    return path


def _pin(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _expected(asset: Asset, path: Path) -> str | None:
    if asset.sha256 is not None:
        return asset.sha256
    try:
        return _pin(path).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def resolve(spec: str, cache: Path) -> ModelFile:
    """The model that a user means by a catalog name or a path; pulled if need be.

    A file with the checksum of a catalog entry is that entry, wherever it lies. An ``.onnx`` file
    is taken for a CenterFace model.

    Raises:
        ModelError: there is no such name or file, or it is not a model.
    """
    path = Path(spec)
    is_path = path.suffix in _SUFFIXES or os.sep in spec
    if is_path and path.is_file():
        return _local(path)
    if is_path and spec != f"{path.stem}.pt":
        raise ModelError(f"there is no model file {spec}; expected a file on this machine")
    asset = find(path.stem if is_path else spec)
    if asset.kind == "clip":
        raise ModelError(f"{asset.name} is a sample clip, not a model")
    file = pull(asset, cache)
    return _of(asset, file, digest_of(file))


def _local(path: Path) -> ModelFile:
    if path.suffix not in _SUFFIXES:
        raise ModelError(f"{path} is not a model; expected a {', '.join(_SUFFIXES)} file")
    digest = digest_of(path)
    for asset in ASSETS:
        if asset.sha256 == digest and asset.kind != "clip":
            return _of(asset, path, digest)
    if path.suffix == ".int8":
        from fearrefactor.vision.quantized import read_facts  # imports openvino

        told = read_facts(path)
        licence, classes = told.licence, told.classes
        return ModelFile(told.name, path, digest, licence, "quantized", classes, told.target)
    if path.suffix == ".onnx":
        return ModelFile(path.stem, path, digest, "not stated", "faces", ("face",))
    return ModelFile(path.stem, path, digest, "not stated", "segmenter", ())


def _of(asset: Asset, path: Path, digest: str) -> ModelFile:
    return ModelFile(
        asset.name, path, digest, asset.licence, asset.kind, asset.classes, asset.target
    )
