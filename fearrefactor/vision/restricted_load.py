"""Loading a checkpoint without letting it run code.

A ``.pt`` file is a pickle: it may name any function and have it called. Here it may name only what
the caller lists, on top of torch's own short list of tensors and plain containers.
"""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING

import torch
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from fearrefactor.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: ``safe_globals`` edits one list of the whole process and takes its entries away when it ends.
_allow_list_lock = threading.Lock()


def globals_in(path: Path) -> frozenset[str]:
    """Names beyond torch's own that a checkpoint asks for, found without running it.

    Raises:
        ModelError: there is no file, or it is not what ``torch.save`` writes.
    """
    try:
        return frozenset(get_unsafe_globals_in_checkpoint(str(path)))
    except OSError as error:
        raise ModelError(f"cannot read model {path}: {error}") from error
    except (ValueError, RuntimeError, EOFError, IndexError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{path} is not a PyTorch checkpoint ({_first_line(error)}); expected a file written "
            "by torch.save; it may be truncated or something else by that name"
        ) from error


def load(path: Path, allowed: Mapping[str, object]) -> object:
    """What the checkpoint holds, on the CPU.

    ``allowed`` says for each name that the file may use what stands in its place.

    Raises:
        ModelError: the file asks for another name (the message tells which), or cannot be read.
    """
    names = globals_in(path)
    refused = sorted(names - allowed.keys())
    if refused:
        raise ModelError(
            f"{path} asks to run {', '.join(refused)}, which a model has no need of; "
            "it was not loaded. Use a checkpoint from a source that you trust"
        )
    entries = [(allowed[name], name) for name in names]
    try:
        with _allow_list_lock, safe_globals(entries):  # type: ignore[arg-type]
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"cannot read model {path}: {error}") from error
    except Exception as error:  # a hostile pickle can make the unpickler fail in any way
        raise ModelError(f"{path} could not be loaded: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    """What went wrong, without torch's advice to load the file unrestricted."""
    text = str(error).rpartition("WeightsUnpickler error: ")[2].strip().splitlines()
    return text[0] if text else type(error).__name__
