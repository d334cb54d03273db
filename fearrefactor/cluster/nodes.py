"""Which machines of the cluster are still there, also before the cluster itself has noticed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, TypeVar

import ray
import ray._private.state
from ray.exceptions import RayError

from fearrefactor.errors import HeadLostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_T = TypeVar("_T")
#: A machine that is shut down ends its workers first and itself a moment later.
_LOOK_S: Final = 2.0
_PAUSE_S: Final = 0.25
_KNOCK_S: Final = 3.0
#: After a minute without its head Ray ends the driver, and cannot say why to anybody.
_HEAD_EVERY_S: Final = 5.0
_HEAD_SILENT: Final = 4


async def why_gone(node_id: str, look_s: float = _LOOK_S) -> str | None:
    """Why a worker on a node may have gone with it; None if the node is well for ``look_s``.

    A node counts as gone if the cluster says so, if it is being drained, or if nobody listens
    where its raylet should: the cluster itself needs some fifteen seconds to notice that.
    """
    end = time.monotonic() + look_s
    while True:
        why = await in_thread(lambda: _look(node_id))
        if why is not None or time.monotonic() >= end:
            return why
        await asyncio.sleep(_PAUSE_S)


async def in_thread(ask: Callable[[], _T]) -> _T:
    """The answer of a call that blocks, for ever if the head is gone.

    For that the loop's own threads are too good: at its end it waits for them.
    """
    told: Future[_T] = Future()
    told.set_running_or_notify_cancel()

    def run() -> None:
        try:
            told.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
            told.set_exception(error)

    threading.Thread(target=run, name="nodes", daemon=True).start()
    return await asyncio.wrap_future(told)


def _look(node_id: str) -> str | None:
    try:
        known = {node["NodeID"]: node for node in ray.nodes()}  # type: ignore[no-untyped-call]
        draining = ray._private.state.state.get_draining_nodes()  # noqa: SLF001 - nothing public
    except RayError:  # the head does not answer: nothing is known of any node
        return "the cluster does not say what became of it"
    node = known.get(node_id)
    if node is None or not node["Alive"]:
        told = node.get("DeathReasonMessage") if node else None
        return f"its node is gone: {told or 'the cluster does not say why'}"
    if node_id in draining:
        return "its node is being drained"
    if not _answers(node["NodeManagerAddress"], node["NodeManagerPort"]):
        return "its node does not answer"
    return None


@contextlib.asynccontextmanager
async def watched_head() -> AsyncIterator[None]:
    """What is done within ends when the cluster's head has not been there for 20 s.

    Raises:
        HeadLostError: it is gone.
    """
    body = asyncio.current_task()
    address = ray.get_runtime_context().gcs_address
    watch = asyncio.create_task(_until_lost(address))
    if body is not None:
        watch.add_done_callback(lambda task: task.cancelled() or body.cancel())
    try:
        yield
    except asyncio.CancelledError:
        if body is None or not watch.done() or watch.cancelled():
            raise
        body.uncancel()
        raise HeadLostError(
            f"the head of the Ray cluster at {address} is gone; start the same command again once "
            "there is a cluster: what is done is done"
        ) from watch.exception()
    finally:
        watch.cancel()


async def _until_lost(address: str) -> None:
    host, _, port = address.rpartition(":")
    n_silent = 0
    while n_silent < _HEAD_SILENT:
        await asyncio.sleep(_HEAD_EVERY_S)
        is_there = await in_thread(lambda: _answers(host.strip("[]"), int(port)))
        n_silent = 0 if is_there else n_silent + 1


def _answers(host: str, port: int) -> bool:
    """Whether anybody listens there."""
    try:
        socket.create_connection((host, port), _KNOCK_S).close()
    except OSError:
        return False
    return True
