"""Pictures in which it is known what must be seen: data files of a package that is always here."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fearrefactor.errors import ModelError

#: Files in ``ultralytics/assets``. In the first one two men are seen from near; in the other one
#: are a bus, people who walk, and a street.
_KNOWN: Final = {
    "zidane.jpg": "16d73869e3267a7d4ed00de8e860833bd1657c1b252e94c0c348277adc7b6edb",
    "bus.jpg": "c02019c4979c191eb739ddd944445ef408dad5679acab6fd520ef9d434bfbc63",
}


def known_pictures() -> tuple[bytes, ...]:
    """The JPEG files, the one of people first. The package is not imported.

    Raises:
        ModelError: one is not there, or is another one than it should be.
    """
    spec = find_spec("ultralytics")
    if spec is None or spec.origin is None:
        raise ModelError("the package ultralytics is not installed; its pictures test the models")
    folder = Path(spec.origin).parent / "assets"
    return tuple(_read(folder / name, sha256) for name, sha256 in _KNOWN.items())


def _read(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"cannot read {path}: {error.strerror}; install ultralytics anew"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelError(
            f"{path} has sha256 {found[:12]}…, expected {sha256[:12]}…; install ultralytics anew"
        )
    return data
