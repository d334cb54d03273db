"""A filter of system calls that a media child lives under: no sockets, no programs, nobody else.

What decoders need (memory, files, threads) is not touched: they change from version to version, and
a list of all that is allowed would end honest videos. What is refused answers EPERM and does not
kill: a library that asks and goes on is no attack, and deaths are counted against a video.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
#: AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of linux/audit.h, and the column of each below.
_ARCHITECTURES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
#: By what they are for: names and numbers on x86-64 and on aarch64 (asm/unistd_64.h,
#: asm-generic/unistd.h); "-" where there is no such call.
_REFUSED: Final = {
    "the network": """
        socket 41 198   socketpair 53 199   connect 42 203   bind 49 200   listen 50 201
        accept 43 202   accept4 288 242   io_uring_setup 425 425   io_uring_enter 426 426
        io_uring_register 427 427
    """,
    "programs and processes": """
        execve 59 221   execveat 322 281   fork 57 -   vfork 58 -
    """,
    "other processes of the same user": """
        kill 62 129   tkill 200 130   rt_sigqueueinfo 129 138   rt_tgsigqueueinfo 297 240
        pidfd_send_signal 424 424   pidfd_open 434 434   pidfd_getfd 438 438   ptrace 101 117
        process_vm_readv 310 270   process_vm_writev 311 271   process_madvise 440 440
        kcmp 312 272   shmget 29 194   semget 64 190   msgget 68 186   mq_open 240 180
    """,
    "its own limits and walls": """
        setrlimit 160 164   unshare 272 97   setns 308 268   chroot 161 51   mount 165 40
        umount2 166 39   pivot_root 155 41   move_mount 429 429   open_tree 428 428
        fsopen 430 430   fsconfig 431 431   fsmount 432 432   fspick 433 433
        mount_setattr 442 442   open_by_handle_at 304 265
    """,
    "doors into the kernel that no decoder uses": """
        bpf 321 280   perf_event_open 298 241   userfaultfd 323 282   fanotify_init 300 262
        add_key 248 217   request_key 249 218   keyctl 250 219   init_module 175 105
        finit_module 313 273   delete_module 176 106   kexec_load 246 104
        kexec_file_load 320 294   reboot 169 142   swapon 167 224   swapoff 168 225
    """,
}
#: Calls that depend on their arguments.
_CLONE, _CLONE3 = (56, 220), (435, 435)
_TGKILL, _PRLIMIT = (234, 131), (302, 261)
_PRCTL: Final = (157, 167)
_PR_SET_PDEATHSIG: Final = 1
_CLONE_THREAD = 0x10000
_X32 = 0x40000000  # a second table of numbers on x86-64

_SECCOMP, _SET_MODE_FILTER = (317, 277), 1
#: Before Linux 5.16 every filter slowed a process down, to guard secrets that this one has not.
_SPEC_ALLOW = 4
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
#: Classic BPF: load a word, jump if equal, if greater or equal, if a bit is set; return.
_LOAD, _EQUAL, _AT_LEAST, _HAS_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
#: Of struct seccomp_data; arguments have 64 bits, the lower half first on both machines.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16


def filter_system_calls() -> None:
    """Put this process and all threads that it will start under the filter, for good.

    It must have given up new privileges before (``PR_SET_NO_NEW_PRIVS``).

    Raises:
        OSError: this machine or its kernel has no such filters.
    """
    if sys.platform != "linux" or os.uname().machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no filter for {sys.platform} on {os.uname().machine}")
    program = b"".join(_program(os.uname().machine, os.getpid()))
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count of eight-byte instructions, and where they are.
    told = ctypes.create_string_buffer(
        struct.pack("@HP", len(program) // 8, ctypes.addressof(code)), struct.calcsize("@HP")
    )
    number = _SECCOMP[_ARCHITECTURES[os.uname().machine][1]]
    if _LIBC.syscall(number, _SET_MODE_FILTER, _SPEC_ALLOW, told):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _program(machine: str, pid: int) -> Iterator[bytes]:
    """Instructions; each test jumps over the one or few that follow it."""
    architecture, column = _ARCHITECTURES[machine]
    refuse = _step(_RETURN, _ERRNO | errno.EPERM)
    yield _step(_LOAD, _ARCHITECTURE)
    yield _step(_EQUAL, architecture, 1, 0)
    yield _step(_RETURN, _KILL_PROCESS)  # 32-bit calls have numbers of their own
    yield _step(_LOAD, _NUMBER)
    yield _step(_AT_LEAST, _X32, 0, 1)
    yield refuse
    for number in _refused(column):
        yield _step(_EQUAL, number, 0, 1)
        yield refuse
    # The C library falls back to clone, whose flags can be seen: threads yes, processes no.
    yield _step(_EQUAL, _CLONE3[column], 0, 1)
    yield _step(_RETURN, _ERRNO | errno.ENOSYS)
    yield _step(_EQUAL, _CLONE[column], 0, 4)
    yield _step(_LOAD, _ARGUMENTS)
    yield _step(_HAS_BIT, _CLONE_THREAD, 1, 0)
    yield refuse
    yield _step(_RETURN, _ALLOW)
    # abort() signals itself.
    yield _step(_EQUAL, _TGKILL[column], 0, 4)
    yield _step(_LOAD, _ARGUMENTS)
    yield _step(_EQUAL, pid, 1, 0)
    yield refuse
    yield _step(_RETURN, _ALLOW)
    # What is set to end with its parent does.
    yield _step(_EQUAL, _PRCTL[column], 0, 4)
    yield _step(_LOAD, _ARGUMENTS)
    yield _step(_EQUAL, _PR_SET_PDEATHSIG, 0, 1)
    yield refuse
    yield _step(_RETURN, _ALLOW)
    # Limits may be read, not set: the third argument points to new ones.
    yield _step(_EQUAL, _PRLIMIT[column], 0, 6)
    yield _step(_LOAD, _ARGUMENTS + 16)
    yield _step(_EQUAL, 0, 1, 0)
    yield refuse
    yield _step(_LOAD, _ARGUMENTS + 20)
    yield _step(_EQUAL, 0, 1, 0)
    yield refuse
    yield _step(_RETURN, _ALLOW)


def _refused(column: int) -> Iterator[int]:
    for calls in _REFUSED.values():
        words = calls.split()
        yield from (int(word) for word in words[1 + column :: 3] if word != "-")


def _step(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    """A struct sock_filter."""
    return struct.pack("=HBBI", code, if_so, if_not, value)
