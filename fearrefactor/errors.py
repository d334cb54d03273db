"""Every way in which a run or a video can fail, as one tree.

    FearRefactorError           "internal"
    ├── StoppedError            "interrupted"     the driver was asked to leave, or died
    ├── InputError              "bad_input"       what the user wrote
    │   ├── ManifestError       "bad_row"         also "duplicate_id", "unknown_scheme",
    │   │                                         "not_allowed"
    │   └── PolicyError         "bad_policy"      also "unknown_class"
    ├── MediaError              "decode_error"    what the file is; also "empty_file",
    │   │                                         "not_a_video", "no_video_stream", "truncated"
    │   ├── UnsupportedError    "unsupported"     a property we would lose; the message names it
    │   ├── LimitError          "limit_exceeded"  larger than the settings allow; it is "limit_"
    │   │                                         and what is limited: "limit_pixels" and so on
    │   └── FidelityError       "fidelity"        the finished file is not what was planned
    ├── ModelError              "model_error"     missing, wrong checksum, rubbish answers; also
    │                                         "no_detections"
    ├── StoreError              "store_error"     bucket or folder; also "access_denied"
    │   ├── NotFoundError       "not_found"
    │   ├── AlreadyExistsError  "already_exists"  a create-only write met an object
    │   ├── SourceChangedError  "source_changed"  no longer the object that was pinned
    │   ├── DamagedReadError    "store_error"     two readings of one version differ
    │   └── DiskFullError       "disk_full"       no room where something must be written
    ├── SandboxError            "no_sandbox"      what parses videos cannot be locked in here
    ├── WorkerLostError         "poison"          the process that handled the video died
    │   ├── NodeLostError       "interrupted"     its machine is gone, or the way to it
    │   └── BlindModelError     "model_error"     its model does not see what is known to be there
    ├── PacketsLostError        "interrupted"     what was rendered went with its machine
    ├── HeadLostError           "internal"        the cluster's head: no row is to blame
    ├── NoticeError             "internal"        nobody could be told how a run ended
    └── LeakError               "leak"            a thing that was masked is still recognised

A ``code`` is what stands in ``videos.parquet``; ``docs/operations.md`` says what each one means.
"""

from __future__ import annotations

import errno
from typing import Self


class FearRefactorError(Exception):
    """Base of all errors of this project. ``code`` is the reason code of the row it fails."""

    code = "internal"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), str(self), self.code))

    def naming(self, subject: str) -> Self:
        """The same error with what it is about in front, unless it says so already."""
        text = str(self)
        return self if subject in text else type(self)(f"{subject}: {text}", code=self.code)


def _rebuild(kind: type[FearRefactorError], message: str, code: str) -> FearRefactorError:
    return kind(message, code=code)


class StoppedError(FearRefactorError):
    """The driver was asked to leave before all rows had ended; the message is the signal's name."""

    code = "interrupted"


class InputError(FearRefactorError):
    """Something the user wrote cannot be used."""

    code = "bad_input"


class ManifestError(InputError):
    """A manifest, or a row of one, cannot be used."""

    code = "bad_row"


class PolicyError(InputError):
    """A policy cannot be used."""

    code = "bad_policy"


class MediaError(FearRefactorError):
    """The bytes of a source are not what a video should be."""

    code = "decode_error"


class UnsupportedError(MediaError):
    """The source has a property that the output would lose."""

    code = "unsupported"


class LimitError(MediaError):
    """The source is larger than the settings allow."""

    code = "limit_exceeded"


class FidelityError(MediaError):
    """A finished file differs from its source where the plan says that it must not."""

    code = "fidelity"


class ModelError(FearRefactorError):
    """A model cannot be had, cannot be loaded, or answers rubbish."""

    code = "model_error"


class StoreError(FearRefactorError):
    """A bucket or folder did not do what was asked."""

    code = "store_error"


class NotFoundError(StoreError):
    """There is no such object."""

    code = "not_found"


class AlreadyExistsError(StoreError):
    """A create-only write found the object already there."""

    code = "already_exists"


class SourceChangedError(StoreError):
    """The object was overwritten after the run had pinned it."""

    code = "source_changed"


class DamagedReadError(StoreError):
    """The same bytes of the same version were read twice, and differed."""


class DiskFullError(StoreError):
    """A disk has no room for what has to be written on it."""

    code = "disk_full"

    @staticmethod
    def is_meant_by(error: BaseException) -> bool:
        """Whether an error of a library says that a disk, or a user's share of it, is full."""
        return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


class SandboxError(FearRefactorError):
    """This machine cannot lock in the process that parses videos, and the run asks for it."""

    code = "no_sandbox"


class WorkerLostError(FearRefactorError):
    """The process that handled a video died."""

    code = "poison"


class NodeLostError(WorkerLostError):
    """The process that handled a video went with its machine, or cannot be reached."""

    code = "interrupted"


class BlindModelError(WorkerLostError):
    """A model does not see what is known to be in a picture: its worker is of no use any more."""

    code = "model_error"


class PacketsLostError(FearRefactorError):
    """Rendered packets were on a machine that is gone; ``numbers``: which of those handed over."""

    code = "interrupted"

    def __init__(self, numbers: tuple[int, ...]) -> None:
        super().__init__(f"the packets of {len(numbers)} rendered segments went with their machine")
        self.numbers = numbers

    def __reduce__(self) -> tuple[object, ...]:
        return (PacketsLostError, (self.numbers,))


class HeadLostError(FearRefactorError):
    """The head of the cluster is gone, and with it everything but what is in the store."""


class NoticeError(FearRefactorError):
    """A notice that may not have arrived; the run is as it is."""


class LeakError(FearRefactorError):
    """The audit recognises in a masked video what should be hidden."""

    code = "leak"


_KINDS: tuple[type[FearRefactorError], ...] = (
    MediaError,
    UnsupportedError,
    LimitError,
    FidelityError,
    SandboxError,
    DiskFullError,
    PolicyError,  # a picture that cannot be used is noticed where it is painted
)


def from_wire(kind: str, code: str, message: str) -> FearRefactorError:
    """The error that another process described; an unknown kind becomes a plain ``MediaError``."""
    for known in _KINDS:
        if known.__name__ == kind:
            return known(message, code=code)
    return MediaError(message)
