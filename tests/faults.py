"""What can go wrong between a client and an S3 server, as plain values; ``fault_proxy`` does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Operations that change what is stored.
WRITES = (
    "PutObject",
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "DeleteObject",
)


@dataclass(frozen=True)
class Call:
    """A request to S3. ``number`` counts from 1; ``status`` is 0 until the server has answered."""

    number: int
    operation: str
    key: str
    headers: Mapping[str, str]
    status: int = 0


@dataclass(frozen=True)
class Drop:
    """The server does it, and its reply is lost."""


@dataclass(frozen=True)
class Busy:
    """503 SlowDown; the server never sees it."""


@dataclass(frozen=True)
class Cut:
    """The connection breaks after so many bytes of the reply's body."""

    keep_bytes: int


@dataclass(frozen=True)
class Truncate:
    """The body is shorter by so many bytes, and the reply's head agrees with it."""

    n_bytes: int = 1


@dataclass(frozen=True)
class Flip:
    """One bit of the body is another, at a random place."""


@dataclass(frozen=True)
class Delay:
    """The reply comes so much later."""

    seconds: float


@dataclass(frozen=True)
class Forget:
    """The server never learns of a header; the request is signed anew without it."""

    header: str
    access_key: str
    secret_key: str


Fault = Drop | Busy | Cut | Truncate | Flip | Delay | Forget


@dataclass(frozen=True)
class Rule:
    """What happens to which calls.

    It concerns ``operations`` (all, if empty) on keys that hold ``key``; of these it passes
    ``skip`` over, then takes a random ``share`` of the rest, ``most`` at the most.
    """

    fault: Fault
    operations: tuple[str, ...] = ()
    key: str = ""
    share: float = 1.0
    skip: int = 0
    most: int | None = None

    def concerns(self, call: Call) -> bool:
        """Whether it speaks of such a call."""
        return (not self.operations or call.operation in self.operations) and self.key in call.key
