"""The environment of a media child: what it needs, and nothing that it could give away."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
#: What a child needs of its parent's environment; everything else, credentials first, stays here.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


def child_environment() -> dict[str, str]:
    """Variables by name: no credential is among them."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(_PACKAGE_ROOT),
        "PYTHONUNBUFFERED": "1",
        # Frames and encoders come and go by the megabyte. Given back at once, each costs a thousand
        # page faults; never given back, the heap of a child that renders long videos grows by half.
        "MALLOC_MMAP_THRESHOLD_": "4194304",
        "MALLOC_TRIM_THRESHOLD_": "33554432",
        # Each of an encoder's threads would reserve 64 MiB of an address space that is limited.
        "MALLOC_ARENA_MAX": "2",
        "SVT_LOG": "1",
        "OMP_NUM_THREADS": "1",
    }
