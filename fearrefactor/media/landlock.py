"""Landlock: what of the file system a process may still read and write, once and for all.

The kernel's own rules for unprivileged processes (Linux 5.13, see landlock(7)); libc knows no
functions for them, so that they are called by number.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
#: The same numbers on all architectures.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GET_VERSION, _RULE_PATH_BENEATH = 1, 1
#: Bits of linux/landlock.h.
_WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_FILE, _MAKE_REG = 2, 4, 8, 32, 256
_ALL_OF_VERSION_1: Final = (1 << 13) - 1
#: Rights that came later, by the version that brought them: REFER, TRUNCATE, IOCTL_DEV.
_LATER: Final = ((2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
_TRUNCATE = 1 << 14
_TCP: Final = 3  # bind and connect, from version 4 on
_SCOPES: Final = 3  # abstract sockets of others and signals to them, from version 6 on


def restrict_files(readable: Iterable[Path], writable: Path) -> None:
    """Let this process read what is under ``readable`` and ``writable``, and write the latter.

    Files that are open stay open. It must have given up new privileges before.

    Raises:
        OSError: the kernel has no Landlock, or it is switched off.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, f"no Landlock on {sys.platform}")
    version = _call(_CREATE_RULESET, None, ctypes.c_size_t(0), _GET_VERSION)
    handled = _ALL_OF_VERSION_1 | sum(bit for since, bit in _LATER if version >= since)
    fields = [handled]
    if version >= 4:
        fields.append(_TCP)
    if version >= 6:
        fields.append(_SCOPES)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    rules = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    try:
        for path in readable:
            _allow(rules, path, _READ_FILE | _READ_DIR)
        ours = _WRITE_FILE | _READ_FILE | _READ_DIR | _REMOVE_FILE | _MAKE_REG | _TRUNCATE
        _allow(rules, writable, ours & handled)
        _call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what cannot be opened now needs no leave
    try:
        if not path.is_dir():
            rights &= _WRITE_FILE | _READ_FILE | _TRUNCATE
        _call(_ADD_RULE, rules, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    answer = int(_LIBC.syscall(number, *arguments))
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer
