"""A Ray cluster of two nodes on this machine, each in processes of its own, for tests."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from nights import MARKER, processes_of, wait_until
from ray._raylet import GcsClient
from ray.cluster_utils import Cluster
from ray.core.generated.autoscaler_pb2 import DrainNodeReason

from fearrefactor.pipeline.scratch import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Ray needs some fifteen seconds to notice that a node is gone; here three.
_WATCHFUL: Final = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}


class TwoNodes:
    """A head and a second node with ``cores`` each. Use it in a ``with`` statement.

    Its processes are known as those of the night in ``folder``, as drivers' are.
    """

    def __init__(self, folder: Path, cores: int = 1) -> None:
        self._folder = folder
        self._node = {"num_cpus": cores, "object_store_memory": 100 << 20}

    def __enter__(self) -> Self:
        with self._marked():
            head = {**self._node, "include_dashboard": False, "_system_config": _WATCHFUL}
            self._cluster = Cluster(initialize_head=True, head_node_args=head)
            self.add()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Ends it, and clears up as the next worker on its machines would."""
        self._cluster.shutdown()
        if kind is None:
            left = partial(processes_of, self._folder)
            wait_until(lambda: not left(), 30, lambda: f"still there: {left()}")
            sweep(self._folder / "tmp")

    @property
    def address(self) -> str:
        """For drivers."""
        return str(self._cluster.address)

    def add(self) -> None:
        """One more node, in place of the second."""
        with self._marked():
            self._second = self._cluster.add_node(**self._node)

    def kill_second(self) -> None:
        """As if somebody pulled its plug: SIGKILL to its raylet, which takes the rest with it."""
        os.kill(self._second.all_processes["raylet"][0].process.pid, signal.SIGKILL)

    def kill_head(self) -> None:
        """SIGKILL to what holds the cluster together."""
        os.kill(self._cluster.head_node.all_processes["gcs_server"][0].process.pid, signal.SIGKILL)

    def drain_second(self, deadline_s: float) -> None:
        """What a cloud does before it takes a machine away."""
        client = GcsClient(address=self.address)
        reason = DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
        deadline_ms = int(1000 * (time.time() + deadline_s))
        is_accepted, why = client.drain_node(self._second.node_id, reason, "a test", deadline_ms)
        assert is_accepted, why

    @contextlib.contextmanager
    def _marked(self) -> Iterator[None]:
        """What is started within inherits the mark of the night, and its folder for scratch."""
        scratch = self._folder / "tmp"
        scratch.mkdir(exist_ok=True)
        told = {MARKER: str(self._folder), "TMPDIR": str(scratch)}
        told["RAY_TMPDIR"] = tempfile.gettempdir()
        before = {name: os.environ.get(name) for name in told}
        os.environ |= told
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
