"""RUN, as commands take it: the folder or ``s3://`` address of a run that was started before."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from fearrefactor.core.ledger import RunState
from fearrefactor.errors import InputError
from fearrefactor.storage.ledger import list_parts, read_parts
from fearrefactor.storage.locations import Location, locate_prefix
from fearrefactor.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from fearrefactor.cli.environment import Environment


def past_run(run: str, environment: Environment) -> RunFolder:
    """The folder of a run; whether there is one is not looked at.

    Raises:
        InputError: this is no place of a run.
    """
    written = output_of(run)
    place = locate_prefix(run)
    run_id = PurePosixPath(place.key or place.store_root).name
    return RunFolder(environment.store(written.store_root), written.key, run_id)


def output_of(run: str) -> Location:
    """Where a run wrote, by the place of its report.

    Raises:
        InputError: this is no place of a run.
    """
    place = locate_prefix(run)
    root, key = ("/", place.store_root) if not place.key else (place.store_root, place.key)
    path = PurePosixPath(key)
    if path.parent.name != "runs":
        raise InputError(f"{run} is no run; expected a folder or s3:// address …/runs/ID")
    above = str(path.parent.parent)
    if root == "/":
        return Location(above, "")
    return Location(root, "" if above == "." else f"{above}/")


def state_of(run: RunFolder) -> RunState:
    """What the run's ledger comes to now.

    Raises:
        InputError: there is none.
        StoreError: it cannot be read.
    """
    parts = list_parts(run.store, run.ledger_prefix)
    if not parts:
        raise InputError(f"{run.uri} holds no ledger; is there such a run?")
    state = RunState()
    for event in read_parts(run.store, parts):
        state.add(event)
    return state
