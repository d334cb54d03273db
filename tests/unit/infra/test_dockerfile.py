from __future__ import annotations

import json
import re
import subprocess
import sysconfig
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from commands import Command, check, commands_in

from fearrefactor.vision.catalog import DEFAULT_MODEL, find

ROOT = Path(__file__).resolve().parents[3]
PATH = ROOT / "infra" / "Dockerfile"
TEXT = PATH.read_text("utf-8")
PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
BUILD, FINAL = re.split(r"(?=^FROM )", TEXT, flags=re.MULTILINE)[-2:]


def found(pattern: str, text: str = TEXT) -> str:
    match = re.search(pattern, text, flags=re.MULTILINE)
    assert match is not None, pattern
    return match[1]


def copied_from_here() -> list[str]:
    lines = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+)$", TEXT, flags=re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_the_linter_of_dockerfiles_finds_nothing() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run([hadolint, PATH], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_all_that_is_copied_is_there_and_let_through_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignored[1] == "*"
    let_through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert let_through == set(copied_from_here())
    assert [name for name in let_through if not (ROOT / name).exists()] == []


def test_wheels_are_installed_as_make_installs_them() -> None:
    assert "--override overrides.txt" in (ROOT / "Makefile").read_text("utf-8")
    installs = re.findall(r"uv pip install (.+)", BUILD)
    assert installs == ["--override overrides.txt -r pyproject.toml", "--no-deps ."]


def test_the_python_and_the_version_are_those_of_the_project() -> None:
    oldest = found(r'^requires-python = ">=([\d.]+)"', PROJECT)
    assert found(r"uv venv --seed --python ([\d.]+) ") == oldest
    assert found(r'image\.version="([^"]+)"') == found(r'^version = "([^"]+)"', PROJECT)


def test_the_base_asks_for_the_cuda_that_torch_brings() -> None:
    major = found(r"^ARG BASE=nvidia/cuda:(\d+)\.\d+\.\d+-base-ubuntu24\.04$")
    brought = [one for one in requires("torch") or [] if one.startswith("nvidia-cudnn")]
    assert brought
    assert all(one.startswith(f"nvidia-cudnn-cu{major}") for one in brought)
    assert "video" in found(r"NVIDIA_DRIVER_CAPABILITIES=(\S+)")


def test_the_models_in_the_image_are_pinned_by_digest() -> None:
    names = found(r'^ARG MODELS="([^"]+)"').split()
    assert DEFAULT_MODEL in names
    for name in names:
        asset = find(name)
        assert asset.kind != "clip"
        assert asset.sha256 is not None
    caches = re.findall(r"FEARREFACTOR_CACHE=(\S+)", TEXT)
    assert caches == ["/opt/fearrefactor/cache"] * 2
    assert f"COPY --from=build --chown=10001:10001 {caches[0]} {caches[0]}\n" in FINAL


def test_the_image_runs_as_a_user_without_rights_and_has_no_tools_to_build_with() -> None:
    pod = yaml.safe_load((ROOT / "infra" / "kuberay" / "rayjob.yaml").read_text("utf-8"))
    head = pod["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    user = head["securityContext"]["runAsUser"]
    assert re.findall(r"^USER (.+)$", TEXT, flags=re.MULTILINE) == [f"{user}:{user}"]
    assert f"--uid {user} " in FINAL
    assert found(r"apt-get install -y --no-install-recommends (.+) &&", FINAL).split() == [
        "ca-certificates",
        "wget",
    ]
    assert "/uv" not in FINAL
    assert FINAL.index("USER") > FINAL.rindex("RUN")


def test_the_job_is_where_the_rayjob_calls_it() -> None:
    text = (ROOT / "infra" / "kuberay" / "rayjob.yaml").read_text("utf-8")
    assert "python /opt/fearrefactor/jobs/mask_videos.py" in text
    assert "COPY jobs /opt/fearrefactor/jobs\n" in FINAL


def test_every_command_of_the_image_exists() -> None:
    shown = commands_in(TEXT)
    assert [one.words[:2] for one in shown] == [("models", "pull"), ("models", "verify")]
    program, *words = json.loads(found(r"^CMD (.+)$"))
    for command in (*shown, Command(program, tuple(words), 0)):
        check(command)


@pytest.mark.parametrize("name", ["ray_cluster.yaml", "docs/infra.md"])
def test_every_command_of_the_cluster_file_and_of_the_page_exists(name: str) -> None:
    shown = commands_in((ROOT / name).read_text("utf-8"))
    assert shown
    for command in shown:
        check(command)
