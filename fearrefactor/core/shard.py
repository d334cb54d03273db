"""Several jobs over one manifest: which rows are whose."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from fearrefactor.errors import InputError

_WORDS = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """The ``number``-th of ``count`` shares of a manifest, from 1.

    A row belongs to one of them by its key alone: rows that are repeated meet, and rows that are
    added elsewhere move nothing.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InputError(
                f"shard {self}: expected I/N with I from 1 to N, such as 2/8 for the second of "
                "eight jobs over one manifest"
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """What people write as ``I/N``.

        Raises:
            InputError: it is no such thing.
        """
        found = _WORDS.fullmatch(text)
        if found is None:
            raise InputError(f"shard {text!r}: expected I/N with I from 1 to N, such as 2/8")
        return cls(int(found[1]), int(found[2]))

    def holds(self, key: str) -> bool:
        """Whether it is the one that the row called ``key`` belongs to."""
        if self.count == 1:
            return True
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1


WHOLE: Final = Shard(1, 1)
