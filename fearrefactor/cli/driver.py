"""One driver of a run: what it tells the ledger, and what all of its rows share."""

from __future__ import annotations

import contextlib
import importlib.metadata
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import fearrefactor
from fearrefactor.cli.run_settings import Detector
from fearrefactor.cli.told_settings import told_settings
from fearrefactor.core.ledger import Begun
from fearrefactor.core.report import printable
from fearrefactor.errors import FearRefactorError, StoppedError
from fearrefactor.pipeline.admission import Admission
from fearrefactor.pipeline.claims import StoreClaims
from fearrefactor.pipeline.hands import Hands
from fearrefactor.pipeline.run import run_videos
from fearrefactor.pipeline.stages import RunContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from fearrefactor.cli.run_settings import PastDetector, RunSettings
    from fearrefactor.cli.stopping import Stopping
    from fearrefactor.core.report import VideoReport
    from fearrefactor.pipeline.journal import LedgerJournal
    from fearrefactor.pipeline.progress import Progress
    from fearrefactor.pipeline.stages import Stages
    from fearrefactor.storage.ledger import Part
    from fearrefactor.storage.run_folder import RunFolder

#: Decides what a result is, beside the model and the settings.
_VERSIONED = ("av", "openvino", "torch", "ultralytics")


@dataclass(frozen=True)
class Driver:
    """The driver ``name`` of a run. ``parts`` of its ledger were there when it began."""

    settings: RunSettings
    folder: RunFolder
    name: str
    parts: Sequence[Part]
    journal: LedgerJournal
    progress: Progress

    async def drive(
        self,
        starting: AbstractAsyncContextManager[Stages],
        stopping: Stopping,
        on_report: Callable[[VideoReport], None],
    ) -> None:
        """Do every row.

        Raises:
            FearRefactorError: the run cannot be done, or was stopped.
        """
        async with starting as stages:
            context = self._set_out(stages)
            if stages.max_videos > 1:  # a single process is busy itself, and leaves at once
                stopping.ask(context.hands)
            videos = self.settings.videos(context)

            def tell(video: VideoReport) -> None:
                context.meters.did_video(video)
                on_report(video)

            await run_videos(videos, self.progress, context.hands, tell, stopping.grace_s)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """The ledger tells why this driver stopped, if it had begun."""
        try:
            yield
        except (KeyboardInterrupt, StoppedError) as error:
            signal = str(error) or "Ctrl-C"
            self._stopped(signal)
            raise StoppedError(
                f"stopped by {signal} before all rows had ended; what is done is done, and the "
                f"same command with --run-id {self.folder.run_id} goes on"
            ) from error
        except BaseException as error:
            self._stopped(printable(f"{type(error).__name__}: {error}"))
            raise

    def _set_out(self, stages: Stages) -> RunContext:
        """What the rows share; from here on the ledger says that this driver does the run."""
        for name in self.settings.policy.classes:
            stages.card.class_id(name)  # better no run at all than one in which every row fails
        self._begin()
        hands = Hands(stages.max_videos)
        return RunContext(
            self.settings.job,
            stages,
            self.progress,
            versions(),
            self.journal,
            hands,
            Admission(stages.packet_room_bytes),
            StoreClaims(self.folder, self.name, self.parts, hands),
            stages.meters,
        )

    def _begin(self) -> None:
        """Tell that this driver begins and, when that is known, how many rows there are."""
        model, model_sha256 = model_of(self.settings.detector)
        self.journal.begun(
            Begun(
                time_s=time.time(),
                run_id=self.folder.run_id,
                versions=versions(),
                model=model,
                model_sha256=model_sha256,
                policy_digest=self.settings.policy.digest(),
                shard=str(self.settings.shard),
                settings=told_settings(self.settings),
            )
        )

        def count() -> None:
            with contextlib.suppress(FearRefactorError):  # the run itself will meet it
                self.journal.counted(self.settings.count())

        threading.Thread(target=count, name="count", daemon=True).start()

    def _stopped(self, why: str) -> None:
        if self.journal.has_begun:
            self.journal.stopped(why)


def model_of(detector: Detector | PastDetector) -> tuple[str, str]:
    """Name and sha256."""
    model = detector.file if isinstance(detector, Detector) else detector.card
    return model.name, model.sha256


def versions() -> dict[str, str]:
    """Of this program and of the libraries that decide what a result looks like."""
    found = {name: importlib.metadata.version(name) for name in _VERSIONED}
    return {"fearrefactor": fearrefactor.__version__, **found}
