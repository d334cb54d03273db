from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import kubectl
import pytest
import yaml

SCRIPT = Path(__file__).resolve().parents[3] / "infra" / "kuberay" / "nightly.sh"
#: Due half an hour before a midnight.
DUE = f"fearrefactor-nightly-{int(datetime(2026, 11, 21, 23, 30, tzinfo=UTC).timestamp()) // 60}"
NIGHT = "tonight-2026-11-21"


class Cluster:
    """Where the script runs; ``states`` are what a RayJob that it makes goes through."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = kubectl.install(folder)

    def night(self, *states: str, job: str = DUE) -> int:
        """The exit code of the script, as the Job ``job`` runs it."""
        self._say("states-of-new-ones", "\n".join(states))
        (self.folder / "calls").unlink(missing_ok=True)
        told = {**self._environment, "JOB_NAME": job, "JOB_UID": "17"}
        return subprocess.run(
            ["/bin/sh", SCRIPT], env=told, check=False, capture_output=True, timeout=60
        ).returncode

    def has(self, *states: str) -> None:
        """A RayJob of the night is there already, and goes through these."""
        self._say(f"{NIGHT}.yaml", "there: before\n")
        self._say(f"{NIGHT}.states", "\n".join(states))

    def is_down(self, calls: int) -> None:
        """The next calls find no cluster."""
        self._say("down", str(calls))

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text("utf-8").split()

    @property
    def made(self) -> str:
        return (self.folder / f"{NIGHT}.yaml").read_text("utf-8")

    def _say(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_the_night_is_made_once_under_its_date_and_waited_for(cluster: Cluster) -> None:
    assert cluster.night("", "Initializing", "Running", "Complete") == 0
    assert cluster.calls.count("create") == 1
    assert "tonight-date" not in cluster.made
    made = yaml.safe_load(cluster.made)
    assert made["metadata"]["name"] == NIGHT
    assert f"--run-id {NIGHT} " in made["spec"]["entrypoint"]
    assert f"/{NIGHT}.parquet " in made["spec"]["entrypoint"]


def test_the_rayjob_goes_with_the_job_that_made_it(cluster: Cluster) -> None:
    assert cluster.night("Complete") == 0
    patched = json.loads((cluster.folder / f"{NIGHT}.owner").read_text("utf-8"))
    assert patched["metadata"]["ownerReferences"] == [
        {"apiVersion": "batch/v1", "kind": "Job", "name": DUE, "uid": "17"}
    ]


def test_a_night_that_failed_says_so_by_its_own_exit_code(cluster: Cluster) -> None:
    assert cluster.night("Running", "Retrying", "Running", "Failed") == 4


def test_a_pod_that_was_moved_finds_the_night_and_waits_on(cluster: Cluster) -> None:
    cluster.has("Running", "Running", "Complete")
    assert cluster.night() == 0
    assert not {"create", "delete"} & set(cluster.calls)
    assert cluster.made == "there: before\n"


def test_a_night_that_failed_is_begun_again_under_its_name_by_hand(cluster: Cluster) -> None:
    cluster.has("Failed")
    assert cluster.night("Running", "Complete", job=f"{NIGHT}-again") == 0
    assert [call for call in cluster.calls if call in {"delete", "create"}] == ["delete", "create"]
    assert yaml.safe_load(cluster.made)["metadata"]["name"] == NIGHT


def test_a_cluster_that_does_not_answer_for_a_while_is_asked_again(cluster: Cluster) -> None:
    cluster.is_down(1)
    assert cluster.night("Running", "Complete") not in {0, 4}  # the next pod of the Job goes on
    assert cluster.calls == ["get"]
    assert cluster.night("Running", "Complete") == 0


def test_an_answer_that_is_lost_amid_the_night_does_not_end_it(cluster: Cluster) -> None:
    cluster.has("Running", "Running", "Complete")
    down = cluster.folder / "down"
    sleep = cluster.folder / "bin" / "sleep"
    sleep.write_text(f"#!/bin/sh\n[ -e {down} ] || echo 1 > {down}\n", "utf-8")
    assert cluster.night() == 0
    assert down.read_text("utf-8") == "0"


@pytest.mark.parametrize("name", ["tonight-again", "again-2026-11-21", "nightly-29000000"])
def test_a_job_that_names_no_night_does_nothing(cluster: Cluster, name: str) -> None:
    assert cluster.night("Complete", job=name) == 4
    assert not (cluster.folder / "calls").exists()
