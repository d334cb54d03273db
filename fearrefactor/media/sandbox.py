"""How a media child locks itself in before it sees a byte of a source.

A file that takes over a decoder then holds a process without a network, without a capability,
without a right to start a program or touch another process, that reads libraries and the scratch
directory of its video and writes nothing but its own. Nothing here is undone later. Only the
standard library is used: where a child is a program of its own, no foreign one is loaded before.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import struct
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import fearrefactor
from fearrefactor.media.landlock import restrict_files
from fearrefactor.media.syscall_filter import filter_system_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
#: Open files: pipes, the source's libraries while they load, one result.
_MAX_FILES = 64
#: Of linux/sched.h, linux/prctl.h and linux/capability.h.
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CAPABILITY_VERSION_3 = 0x20080522
#: What libraries read of a machine: its loader's cache, its processors, chance.
_READ_OF_SYSTEM: Final = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"),
    *("/etc/ld.so.cache", "/proc/cpuinfo", "/proc/meminfo", "/dev/null", "/dev/urandom"),
    *("/sys/devices/system/cpu", "/sys/devices/system/node"),
)


@dataclass(frozen=True)
class Confinement:
    """What a child could lock of itself (``walls``), and what this machine has not (``missing``).

    ``missing`` are texts that name a wall and say why it is not there.
    """

    walls: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether network, files and memory are all closed off."""
        network = {"network namespace", "system calls"} & set(self.walls)
        return bool(network) and {"files", "memory"} <= set(self.walls)

    @property
    def gaps(self) -> tuple[str, ...]:
        """What is missing and not made up for: the filter also keeps the network out."""
        if "system calls" not in self.walls:
            return self.missing
        return tuple(text for text in self.missing if not text.startswith("network namespace"))


@dataclass(frozen=True)
class Start:
    """File descriptors, and how well this process is locked in.

    Three were inherited; ``status`` is what the kernel says of this process, or None.
    """

    control: int
    feed: int
    memory: int
    confinement: Confinement
    status: int | None = None

    def memory_share(self) -> float:
        """The most that was ever used of the address space that is allowed, from 0 to 1."""
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if self.status is None or limit == resource.RLIM_INFINITY:
            return 0.0
        peak = os.pread(self.status, 4096, 0).partition(b"VmPeak:")[2].split()
        return int(peak[0]) * 1024 / limit if peak else 0.0


def lock_in(folder: Path, readable: Sequence[Path], max_memory_bytes: int) -> Confinement:
    """Lock this process in; it must have one thread.

    ``folder`` stays its only writable place, and is readable, as ``readable`` and Python's own
    directories are. A wall that the kernel refuses is named in the answer; the others stand.
    """
    read = [*readable, *_read_of_python(), *map(Path, _READ_OF_SYSTEM)]
    steps: tuple[tuple[str, Callable[[], None]], ...] = (
        ("limits", _limit_files_and_dumps),
        ("memory", lambda: _limit(resource.RLIMIT_AS, max_memory_bytes)),
        ("no new privileges", lambda: _prctl(_PR_SET_NO_NEW_PRIVS, 1)),
        ("network namespace", _leave_network),
        ("capabilities", _drop_capabilities),
        ("files", lambda: restrict_files(read, folder)),
        ("privacy", lambda: _prctl(_PR_SET_DUMPABLE, 0)),
        ("system calls", filter_system_calls),  # last: it forbids some of the above
    )
    walls, missing = [], []
    for name, step in steps:
        try:
            step()
            walls.append(name)
        except (OSError, ValueError) as error:
            missing.append(f"{name}: {error}")
    return Confinement(tuple(walls), tuple(missing))


def guard_template() -> None:
    """What a process that children are copied from can do without, before there is any.

    It writes no core file, gains nothing by a set-uid program, and only root may look inside.

    Raises:
        OSError: the kernel refuses.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)


def end_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends.

    The filter of system calls keeps it from being taken back.

    Raises:
        OSError: the kernel refuses.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_files_and_dumps() -> None:
    """No core file, which would be a copy of somebody's video; and few open files."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _MAX_FILES)


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (allowed, allowed))
    if sys.platform != "linux" and what == resource.RLIMIT_AS:
        raise OSError(errno.ENOSYS, f"{sys.platform} does not keep to it")


def _leave_network() -> None:
    """A network of its own with nothing in it, and a user of its own who owns nothing outside."""
    try:
        _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNET)
    except OSError:  # where no new user may be made, root may still have a new network
        _call("unshare", _CLONE_NEWNET)


def _drop_capabilities() -> None:
    """All of them: those of root, or those that came with a namespace of its own."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    _call("capset", header, ctypes.create_string_buffer(24))


def _read_of_python() -> list[Path]:
    """Where modules are loaded from; what lies beside a checkout of ours is not among them."""
    package = Path(fearrefactor.__file__).parent
    found = [Path(sys.prefix), Path(sys.base_prefix), *map(Path, sys.path)]
    found += [Path(part) for part in os.environ.get("LD_LIBRARY_PATH", "").split(":")]
    installed = find_spec("numpy")  # it may stand in the same directory as ours
    beside = Path(installed.origin).parents[1] if installed and installed.origin else package
    others = (path for path in found if path.is_absolute() and path != package.parent)
    return [package, beside, *others]


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, value, 0, 0, 0)


def _call(name: str, *arguments: object) -> None:
    """A function of the C library that answers 0 if it did what it was asked."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, f"{sys.platform} has none")
    if getattr(_LIBC, name)(*arguments):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
