from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from commands import check, commands_in
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr,
)

from fearrefactor.core.report import ExitCode

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "infra" / "kuberay"
#: An older release of Kubernetes, and the newest that has a schema here.
KUBERNETES = ("1.33", "1.37")
#: Fields of KubeRay's resources (https://docs.ray.io/en/master/cluster/kubernetes/references/api.html
#: for 1.6.2; https://github.com/ray-project/kuberay/blob/master/docs/reference/api.md). The schema
#: itself is in no package.
RAY_JOB_SPEC = {
    "activeDeadlineSeconds",
    "backoffLimit",
    "clusterSelector",
    "deletionStrategy",
    "entrypoint",
    "entrypointNumCpus",
    "entrypointNumGpus",
    "entrypointResources",
    "jobId",
    "managedBy",
    "metadata",
    "rayClusterSpec",
    "runtimeEnvYAML",
    "shutdownAfterJobFinishes",
    "submissionMode",
    "submitterConfig",
    "submitterPodTemplate",
    "suspend",
    "ttlSecondsAfterFinished",
}
RAY_CLUSTER_SPEC = {
    "autoscalerOptions",
    "enableInTreeAutoscaling",
    "gcsFaultToleranceOptions",
    "headGroupSpec",
    "headServiceAnnotations",
    "managedBy",
    "rayVersion",
    "suspend",
    "workerGroupSpecs",
}
AUTOSCALER_OPTIONS = {
    "env",
    "envFrom",
    "idleTimeoutSeconds",
    "image",
    "imagePullPolicy",
    "resources",
    "securityContext",
    "upscalingMode",
    "version",
    "volumeMounts",
}
HEAD_GROUP = {"enableIngress", "headService", "rayStartParams", "serviceType", "template"}
WORKER_GROUP = {
    "groupName",
    "idleTimeoutSeconds",
    "maxReplicas",
    "minReplicas",
    "numOfHosts",
    "rayStartParams",
    "replicas",
    "scaleStrategy",
    "suspend",
    "template",
}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text("utf-8")))


def of_kind(kind: str, name: str | None = None) -> dict[str, Any]:
    [found] = [
        one
        for one in documents("nightly.yaml")
        if one["kind"] == kind and name in {None, one["metadata"]["name"]}
    ]
    return found


[RAY_JOB] = documents("rayjob.yaml")
SPEC: dict[str, Any] = RAY_JOB["spec"]
CLUSTER: dict[str, Any] = SPEC["rayClusterSpec"]
WORKERS: dict[str, dict[str, Any]] = {one["groupName"]: one for one in CLUSTER["workerGroupSpecs"]}
GROUPS: dict[str, dict[str, Any]] = {"head": CLUSTER["headGroupSpec"], **WORKERS}
PODS = {name: group["template"]["spec"] for name, group in GROUPS.items()}
NIGHT: dict[str, Any] = of_kind("CronJob")["spec"]
NIGHT_POD: dict[str, Any] = NIGHT["jobTemplate"]["spec"]["template"]["spec"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


@pytest.mark.parametrize("version", KUBERNETES)
def test_all_that_kubernetes_knows_has_its_schema(version: str) -> None:
    found = documents("nightly.yaml")
    assert len(found) == 7
    for one in found:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("group", GROUPS)
def test_the_pods_of_every_group_have_the_schema_of_pods(group: str, version: str) -> None:
    template = GROUPS[group]["template"]
    metadata = {"name": "pod", **template.get("metadata", {})}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    kubernetes_validate.validate(pod, version, strict=True)


def test_every_field_of_the_rayjob_is_one_of_kuberays() -> None:
    assert (RAY_JOB["apiVersion"], RAY_JOB["kind"]) == ("ray.io/v1", "RayJob")
    assert SPEC.keys() <= RAY_JOB_SPEC
    assert CLUSTER.keys() <= RAY_CLUSTER_SPEC
    assert CLUSTER["autoscalerOptions"].keys() <= AUTOSCALER_OPTIONS
    assert CLUSTER["headGroupSpec"].keys() <= HEAD_GROUP
    for group in WORKERS.values():
        assert group.keys() <= WORKER_GROUP
    for group in GROUPS.values():
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    assert SPEC["submissionMode"] == "HTTPMode"


def test_rays_own_autoscaler_reads_a_head_that_does_no_video_and_groups_that_grow_from_none() -> (
    None
):
    metadata = {"name": "tonight", "namespace": "fearrefactor"}
    ready = _derive_autoscaling_config_from_ray_cr({"metadata": metadata, "spec": CLUSTER})
    types = ready["available_node_types"]
    assert types["headgroup"]["resources"]["CPU"] == 0
    for name, group in WORKERS.items():
        assert (types[name]["min_workers"], types[name]["max_workers"]) == (
            0,
            group["maxReplicas"],
        )
    assert "GPU" not in types["cpu"]["resources"]
    assert types["gpu"]["resources"]["GPU"] == 1


def test_the_groups_are_as_large_as_the_command_asks() -> None:
    words = SPEC["entrypoint"].split()
    asked = {name: int(words[words.index(name) + 1]) for name in ("--workers", "--gpu-workers")}
    cores = {
        name: int(pod["containers"][0]["resources"]["limits"]["cpu"]) for name, pod in PODS.items()
    }
    assert asked["--gpu-workers"] <= WORKERS["gpu"]["maxReplicas"]
    assert asked["--workers"] <= cores["cpu"] * WORKERS["cpu"]["maxReplicas"]


def test_one_ray_and_one_image_everywhere() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    pinned = re.search(r"ray\[default\]==([\d.]+)", project)
    version = re.search(r'^version = "([\d.]+)"', project, flags=re.MULTILINE)
    assert pinned is not None
    assert version is not None
    assert CLUSTER["rayVersion"] == pinned[1]
    images = {one["image"] for pod in PODS.values() for one in containers(pod)}
    assert images == {f"REGISTRY/fearrefactor:{version[1]}"}


@pytest.mark.parametrize("pod", [*PODS.values(), NIGHT_POD], ids=[*PODS, "nightly"])
def test_no_pod_has_rights_on_its_node_and_none_writes_into_its_image(pod: dict[str, Any]) -> None:
    user = pod["securityContext"]
    assert user["runAsNonRoot"] is True
    assert user["runAsUser"] == 10001
    assert user["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    kinds = {next(iter(volume.keys() - {"name"})) for volume in pod["volumes"]}
    assert kinds <= {"emptyDir", "configMap"}
    assert all(volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"] if "emptyDir" in volume)


def test_only_workers_are_cheap_machines_that_may_vanish() -> None:
    assert "spot" not in json.dumps(PODS["head"])
    for name in WORKERS:
        assert "spot" in PODS[name]["nodeSelector"].values()
        assert "spot" in {one["key"] for one in PODS[name]["tolerations"]}


def test_the_driver_has_the_time_that_it_wants_for_leaving() -> None:
    env = {one["name"]: one["value"] for one in PODS["head"]["containers"][0]["env"]}
    assert env["RAY_JOB_STOP_WAIT_TIME_S"] == "30"
    assert PODS["head"]["terminationGracePeriodSeconds"] >= 30 + 10


def test_nights_do_not_overlap_and_each_has_an_end() -> None:
    assert NIGHT["concurrencyPolicy"] == "Forbid"
    job = NIGHT["jobTemplate"]["spec"]
    assert SPEC["activeDeadlineSeconds"] < job["activeDeadlineSeconds"] < 24 * 3600
    assert 0 < NIGHT["startingDeadlineSeconds"] < 24 * 3600 - job["activeDeadlineSeconds"]
    assert SPEC["shutdownAfterJobFinishes"] is True
    assert SPEC["ttlSecondsAfterFinished"] > 0
    assert 0 < SPEC["backoffLimit"] <= 3


def test_whoever_starts_the_night_may_do_that_and_nothing_else() -> None:
    role = of_kind("Role")
    script = (FOLDER / "nightly.sh").read_text("utf-8")
    used = set(re.findall(r"kubectl (get|create|patch|delete)\b", script))
    assert role["rules"] == [
        {
            "apiGroups": ["ray.io"],
            "resources": ["rayjobs"],
            "verbs": ["get", "create", "patch", "delete"],
        }
    ]
    assert used == set(role["rules"][0]["verbs"])
    [subject] = of_kind("RoleBinding")["subjects"]
    assert subject["name"] == NIGHT_POD["serviceAccountName"] == role["metadata"]["name"]
    assert {pod["serviceAccountName"] for pod in PODS.values()} == {"fearrefactor"}
    assert of_kind("ServiceAccount", "fearrefactor")


def test_nobody_but_the_operator_and_ray_itself_reaches_the_port_that_runs_programs() -> None:
    policy = of_kind("NetworkPolicy")["spec"]
    ray = {"podSelector": {"matchLabels": {"ray.io/is-ray-node": "yes"}}}
    assert policy["podSelector"] == ray["podSelector"]
    assert policy["policyTypes"] == ["Ingress"]
    operator = {"matchLabels": {"kubernetes.io/metadata.name": "kuberay-system"}}
    reaching = [
        rule["from"]
        for rule in policy["ingress"]
        if "ports" not in rule or {"port": 8265} in rule["ports"]
    ]
    assert reaching == [[ray], [{"namespaceSelector": operator}]]


def test_what_is_mounted_is_what_is_generated() -> None:
    [told] = documents("kustomization.yaml")
    [generated] = told["configMapGenerator"]
    [mounted] = [one["configMap"]["name"] for one in NIGHT_POD["volumes"] if "configMap" in one]
    assert generated["name"] == mounted
    assert all((FOLDER / name).is_file() for name in (*generated["files"], *told["resources"]))
    [container] = NIGHT_POD["containers"]
    assert container["command"] == ["/bin/sh", "/night/nightly.sh"]
    assert {Path(one["mountPath"]) for one in container["volumeMounts"]} == {
        Path("/night"),
        Path("/tmp"),  # noqa: S108 - a volume of the pod
    }


def test_the_command_of_the_night_is_one_that_the_job_takes() -> None:
    [command] = commands_in(SPEC["entrypoint"])
    check(command)
    assert command.words[command.words.index("--run-id") + 1] == RAY_JOB["metadata"]["name"]
    assert {"--sources-under", "--require-sandbox"} <= set(command.words)


@pytest.mark.parametrize(
    ("code", "is_success"),
    [
        (ExitCode.ALL_DONE, True),
        (ExitCode.SOME_FAILED, True),
        (ExitCode.NO_RUN, False),
        (ExitCode.STOPPED, False),
    ],
)
def test_a_night_with_failed_rows_is_over_and_one_without_an_end_is_not(
    code: ExitCode, *, is_success: bool
) -> None:
    job, tail = SPEC["entrypoint"].split(" || ")
    assert job.startswith("python /opt/fearrefactor/jobs/mask_videos.py ")
    # As Ray starts it: by a shell.
    line = f"{sys.executable} -c 'raise SystemExit({int(code)})' || {tail}"
    done = subprocess.run(line, shell=True, check=False)  # noqa: S602 - our own line
    assert (done.returncode == 0) is is_success
