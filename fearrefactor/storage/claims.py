"""Claims: small objects that say which driver works on what, so that no other does it as well.

They save work and decide nothing: a result is published create-only, with a claim or without.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fearrefactor.core.identity import claim_key
from fearrefactor.errors import (
    AlreadyExistsError,
    NotFoundError,
    SourceChangedError,
    StoreError,
)

if TYPE_CHECKING:
    from fearrefactor.storage.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Holder:
    """A driver, by the name that ``new_driver`` of the ledger of its run gave it."""

    run_id: str
    driver: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The ``number``-th claim, from 1, of one piece of work: the last one counts."""

    number: int
    holder: Holder


class ClaimBook:
    """The claims under an output, as ``me`` writes and reads them.

    ``work``: a row's key and its work id. All methods raise ``StoreError`` when the store does not
    answer or refuses.
    """

    def __init__(self, store: ObjectStore, output_prefix: str, me: Holder) -> None:
        self._store = store
        self._prefix = output_prefix
        self._me = me

    def write(self, work: tuple[str, str], number: int, row: int) -> bool:
        """Claim a work for a row of the manifest; False if somebody else has that number."""
        told = {"run_id": self._me.run_id, "driver": self._me.driver, "row": row}
        try:
            self._store.create(self._key(work, number), json.dumps(told).encode() + b"\n", {})
        except AlreadyExistsError:
            return False
        return True

    def last(self, work: tuple[str, str]) -> Claim | None:
        """The claim that counts, if there is any."""
        prefix = self._key(work)
        numbers = [found.key.removeprefix(prefix) for found in self._store.list(prefix)]
        number = max((int(number) for number in numbers if number.isdecimal()), default=0)
        if not number:
            return None
        key = self._key(work, number)
        try:
            with self._store.open(key) as reader:
                told = json.loads(reader.read())
            return Claim(number, Holder(str(told["run_id"]), str(told["driver"])))
        except (NotFoundError, SourceChangedError):  # released since
            return None
        except (KeyError, ValueError, TypeError) as error:
            raise StoreError(f"{self._store.uri(key)} is no claim: {error}; remove it") from error

    def release(self, work: tuple[str, str], number: int) -> None:
        """Remove one's own claim, after those that it has superseded."""
        for before in range(1, number + 1):
            self._store.delete(self._key(work, before))

    def _key(self, work: tuple[str, str], number: int | None = None) -> str:
        """Without a number, the prefix of all of them."""
        return self._prefix + claim_key(*work) + ("" if number is None else f"{number:04}")
