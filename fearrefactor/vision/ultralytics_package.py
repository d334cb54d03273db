"""Importing Ultralytics without what it does on the side."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Import Ultralytics inside this block.

    On import it looks up two hosts to see whether it is online, allows itself to pip-install what
    it misses and to evaluate strings of model descriptions, and leaves ``OMP_NUM_THREADS=1`` to the
    whole process. Inside the block its own switches are set against the first three, for good where
    this is its first import; afterwards the environment is as it was.
    """
    wanted = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "ULTRALYTICS_SAFE_LOAD": "true"}
    before = {name: os.environ.get(name) for name in (*wanted, "OMP_NUM_THREADS")}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
