"""Whole runs over small films with lamps, by the real driver with a stub for the model.

A night is plain values: it runs in this process or in a driver of its own, which can be killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fake_stages import Tally
from lamp_clips import clip
from stub_model import LampFinder

from fearrefactor.cli.environment import Environment
from fearrefactor.cli.run import Staging, run
from fearrefactor.cli.run_settings import PastDetector, RunSettings
from fearrefactor.core.ledger import RunState
from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.core.report import ExitCode, VideoReport
from fearrefactor.core.settings import CutSettings
from fearrefactor.errors import HeadLostError, StoppedError
from fearrefactor.pipeline.inline import InlineStages
from fearrefactor.pipeline.job import JobSettings
from fearrefactor.pipeline.run import requested
from fearrefactor.pipeline.scratch import scratch_folder
from fearrefactor.pipeline.worker import VideoWorker
from fearrefactor.storage.ledger import read_events
from fearrefactor.storage.locations import locate_prefix, open_store
from fearrefactor.storage.manifest_file import RawRow
from fearrefactor.storage.report_log import read_reports
from fearrefactor.storage.run_folder import RunFolder
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Iterator, Mapping, Sequence

    from fearrefactor.core.report import RunReport
    from fearrefactor.pipeline.stages import Stages
    from fearrefactor.storage.objects import ObjectStore
    from fearrefactor.vision.segmenter import Segmenter

#: What must not be seen: red lamps are filled, lamps of other colours may stay.
FILL_RED = Policy(name="red", rules=(Rule(classes=("red",), effect=Effect(kind="fill")),))
#: By this variable all processes of a night are known, whoever is their parent.
MARKER = "FEARREFACTOR_NIGHT"
_TESTS = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Night:
    """The run ``run_id`` over ``rows`` into ``output``, a folder or ``s3://bucket/prefix/``.

    ``workers`` None does everything in the driver's process, else so many Ray actors do it, on the
    Ray at ``ray_address`` or one of its own. ``job`` are fields of ``JobSettings``. ``around``
    puts something around those who do the steps.
    """

    output: str
    rows: Sequence[Mapping[str, object]]
    run_id: str = "night"
    model: Segmenter = field(default_factory=LampFinder)
    policy: Policy = FILL_RED
    workers: int | None = None
    ray_address: str | None = None
    s3: S3Settings = field(default_factory=S3Settings)
    job: Mapping[str, Any] = field(default_factory=dict)
    around: Callable[[Stages], Stages] | None = None

    def store(self) -> ObjectStore:
        """Where its results go."""
        return open_store(locate_prefix(self.output).store_root, self.s3)

    @property
    def prefix(self) -> str:
        """Of the results within the store."""
        return locate_prefix(self.output).key

    def folder(self) -> RunFolder:
        """What the run leaves of itself."""
        return RunFolder(self.store(), self.prefix, self.run_id)

    def surrounded(self, stages: Stages) -> Stages:
        """With what is to be around them."""
        return stages if self.around is None else self.around(stages)

    def again(self, run_id: str) -> Night:
        """The same rows once more, as another run."""
        return replace(self, run_id=run_id)

    def run(self) -> tuple[RunReport, list[VideoReport]]:
        """Do it here; counts, and a report for each row in the order in which they ended."""
        reports: list[VideoReport] = []
        return self.drive(reports.append), reports

    def drive(self, on_report: Callable[[VideoReport], None]) -> RunReport:
        """As ``run``, but nobody keeps the reports: for nights of many rows."""
        return self.drive_on(partial(_started, self), on_report)

    def drive_on(self, start: Staging, on_report: Callable[[VideoReport], None]) -> RunReport:
        """As ``drive``, with others who do the steps."""
        return run(self._settings(), self._environment(), Told(), on_report, start)

    def reports(self) -> list[VideoReport]:
        """What ``videos.parquet`` says."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "videos.parquet"
            self.folder().fetch_report(path)
            return [VideoReport.model_validate(row) for row in read_reports(path)]

    def state(self) -> RunState:
        """What the ledger says so far."""
        state = RunState()
        run = self.folder()
        for event in read_events(run.store, run.ledger_prefix):
            state.add(event)
        return state

    def _settings(self) -> RunSettings:
        place = locate_prefix(self.output)
        raw = [RawRow(number, dict(row)) for number, row in enumerate(self.rows, start=1)]
        cut = {"cut": CutSettings(min_segment_frames=12), "batch": 4}
        return RunSettings(
            run_id=self.run_id,
            videos=lambda context: requested(raw, lambda _: self.policy, context),
            count=lambda: len(raw),
            policy=self.policy,
            detector=PastDetector(self.model.card, "stub"),
            job=JobSettings(place.store_root, place.key, self.s3, **(cut | dict(self.job))),
            cluster=None,
        )

    def _environment(self) -> Environment:
        nowhere = Path(tempfile.gettempdir()) / "no-models"
        return Environment(nowhere, self.s3, is_ray_job=False, n_cores=1)


class Told(Tally):
    """A tally that keeps no reports."""

    def did_video(self, report: VideoReport) -> None:
        """It was counted elsewhere."""


@contextlib.asynccontextmanager
async def _started(night: Night, settings: RunSettings, _: Environment) -> AsyncIterator[Stages]:
    """The night's stages, with its model."""
    if night.workers is None:
        with (
            scratch_folder("inline") as folder,
            VideoWorker(settings.job, night.model, folder) as worker,
        ):
            yield night.surrounded(InlineStages(worker, night.model.card, "stub"))
        return
    from local_ray import start_ray, stub_stages

    from fearrefactor.cluster.nodes import watched_head
    from fearrefactor.cluster.scheduler import disconnect

    is_own = night.ray_address is None
    with scratch_folder("workers") if is_own else contextlib.nullcontext() as scratch:
        start_ray(night.ray_address)
        job = replace(settings.job, scratch=scratch)
        stages = await stub_stages(job, night.model, night.workers)
        try:
            async with watched_head():
                yield night.surrounded(stages)
            await stages.close()
        finally:
            stages.stop()
            if is_own:
                disconnect()


class Driver:
    """A night's driver in a process of its own, with ``folder`` for its temporary files."""

    def __init__(self, night: Night, folder: Path, **variables: str) -> None:
        self._folder = folder
        self._scratch = folder / "tmp"
        self._scratch.mkdir(parents=True, exist_ok=True)
        plan = folder / f"driver-{time.monotonic_ns()}.pickle"
        plan.write_bytes(pickle.dumps(night))
        marked = {MARKER: str(folder), "TMPDIR": str(self._scratch), "PYTHONPATH": str(_TESTS)}
        marked["RAY_TMPDIR"] = tempfile.gettempdir()  # sockets of Ray have short names
        self.log = plan.with_suffix(".log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(_TESTS / "nights.py"), str(plan)],
                env={**os.environ, **marked, **variables},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def until(self, is_so: Callable[[], object], limit_s: float = 120) -> None:
        """Wait while it is at work."""
        wait_until(lambda: is_so() or self.process.poll() is not None, limit_s, self.said)
        assert is_so(), self.said()

    def wait(self, limit_s: float = 300) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(limit_s)

    def kill(self, sign: int = signal.SIGKILL) -> None:
        """End it, and only it."""
        self.process.send_signal(sign)

    def said(self) -> str:
        """The end of what it has said."""
        return self.log.read_text("utf-8", "replace")[-3000:]


def processes_of(folder: Path) -> dict[int, str]:
    """Command lines by id of all living processes that drivers in ``folder`` have started.

    Media processes have a clean environment: they are known by where they are.
    """
    marker = os.fsencode(f"{MARKER}={folder}")
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone since, or not ours
            is_marked = marker in (place / "environ").read_bytes().split(b"\0")
            if is_marked or (place / "cwd").readlink().is_relative_to(folder):
                line = (place / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(place.name)] = line.decode("utf-8", "replace")
    return found


def kill_all_of(folder: Path) -> None:
    """For the end of a test: nothing that it has started lives on."""
    for process in processes_of(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def films(
    n: int, *, n_frames: int = 24, lit: Mapping[str, Container[int]] | None = None
) -> Iterator[bytes]:
    """Barred films in all of whose frames, or in the ``lit`` ones, a red lamp shines.

    From the 32nd on they are copies of the first ones with another number in a box that players
    skip: different files, at no cost.
    """
    shining = {"red": range(n_frames)} if lit is None else lit
    made: list[bytes] = []
    for number in range(n):
        if number < 32:
            made.append(clip(shining, n_frames, seed=number, barred=True))
            yield made[-1]
        else:
            yield made[number % 32] + struct.pack(">I4sQ", 16, b"free", number)


def rows_in(folder: Path, contents: Iterator[bytes] | Sequence[bytes]) -> list[dict[str, object]]:
    """Rows of films that are written to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for number, content in enumerate(contents):
        path = folder / f"film-{number:05}.mp4"
        path.write_bytes(content)
        rows.append({"id": f"film-{number:05}", "uri": str(path)})
    return rows


def wait_until(
    is_so: Callable[[], object],
    limit_s: float = 120,
    what: Callable[[], str] = lambda: "it did not happen",
) -> None:
    """Look every twentieth of a second; ``what`` explains where it does not come to be."""
    end = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < end, what()
        time.sleep(0.05)


def main(plan: str) -> int:
    """As a program: do the night of a pickled plan; the run's exit code."""
    night: Night = pickle.loads(Path(plan).read_bytes())  # noqa: S301 - written by Driver
    try:
        report, reports = night.run()
    except StoppedError as error:
        print(error)  # noqa: T201
        return int(ExitCode.STOPPED)
    except HeadLostError as error:  # Ray's own hook for exceptions waits for the head
        print(error)  # noqa: T201
        return int(ExitCode.NO_RUN)
    print(json.dumps([told.model_dump(mode="json") for told in reports]))  # noqa: T201
    return int(report.exit_code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
