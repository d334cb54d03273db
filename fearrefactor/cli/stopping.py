"""What SIGTERM and Ctrl-C do to a run: it stops in order, and the same command goes on later."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import FrameType

    from fearrefactor.pipeline.hands import Hands

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """Listens to the signals while it is entered, in the main thread; elsewhere it does nothing.

    The first signal asks those in hand to end, where ``ask`` has named them; any other one raises
    ``KeyboardInterrupt`` on the spot. ``name`` is that of the last signal; those who are asked have
    ``grace_s`` seconds.
    """

    def __init__(self, grace_s: float) -> None:
        self.grace_s = grace_s
        self.name: str | None = None
        self._hands: Hands | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in _SIGNALS}
            self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def ask(self, hands: Hands) -> None:
        """From now on a signal asks ``hands`` of the running event loop first."""
        self._hands, self._loop = hands, asyncio.get_running_loop()
        if self._before:
            self._listen()  # again: starting a Ray has put its own handler in place

    def _listen(self) -> None:
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.name = signal.Signals(number).name
        hands, self._hands = self._hands, None
        if hands is None or self._loop is None:
            raise KeyboardInterrupt(self.name)
        self._loop.call_soon_threadsafe(hands.stop, self.name)
