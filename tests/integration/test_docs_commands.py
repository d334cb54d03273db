"""Every command of README and docs is run as it stands there, or has a reason in a table here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import botocore.session
import click
import pytest
from botocore import xform_name
from commands import check, check_words, commands_in
from docs_commands import Shown, shown_in
from docs_workspace import filled_in, furnish, save_policies
from ray_head import RayHead

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from s3_server import S3Server

ROOT = Path(__file__).resolve().parents[2]
PAGES: Final = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
}
#: Beginnings of commands that are not run, and why. They are parsed as far as that can be done.
NOT_RUN: Final = {
    "make": "installs, tests or measures for minutes; make says what it would do",
    "ray up": "needs AWS",
    "ray dashboard": "needs the cluster of 'ray up'",
    "ray down": "needs the cluster of 'ray up'",
    "ray start": "test_ray_job starts one on free ports",
    "ray job submit": "needs a Ray; test_ray_job submits a job to one",
    "weed server": "stays; the tests' own server stands in for it",
    "export AWS_ENDPOINT_URL=": "the tests' own server has another address",
    "aws": "needs AWS",
    "docker": "needs Docker and registries",
    "kubectl": "needs Kubernetes",
    "pytest": "a try of minutes, of a suite of its own",
    "python benchmarks/": "measures for minutes",
    "fearrefactor models quantize": "needs nncf and minutes",
    "fearrefactor mask s3://bucket/uploads/ -o s3://bucket/masked": "needs a GPU",
}
#: Beginnings of commands that end with another exit code than 0.
ENDS: Final = {
    "fearrefactor review apply decided.json": 2,  # all are rejected
    "fearrefactor review apply decisions.json --run out/runs/tonight": 2,
}
_PLACE = re.compile(r"(?:file://)?((?:infra|benchmarks|tests|jobs)/[\w./-]+|ray_cluster\.yaml)")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def reasons(shown: Shown) -> set[str]:
    """The entries of ``NOT_RUN`` for programs that it starts."""
    told = [" ".join(words) + " " for words in shown.starts]
    return {
        entry
        for entry in NOT_RUN
        for said in told
        if said.startswith(entry if entry.endswith(("/", "=")) else f"{entry} ")
    }


def runnable(page: str) -> list[Shown]:
    """What is run of a page: all but what stands in the table or leaves words to the reader."""
    return [one for one in shown_in(page) if not one.leaves_out and not reasons(one)]


def to_run() -> dict[str, list[Shown]]:
    """By page; what running text names once more is run once."""
    told: dict[str, list[Shown]] = {}
    known: set[str] = set()
    for page, text in PAGES.items():
        for one in runnable(text):
            said = filled_in(one.text)
            if not (one.is_in_text and said in known):
                told.setdefault(page, []).append(one)
            known.add(said)
    return told


TO_RUN: Final = to_run()


#: Runs over folders and manifests would each start a Ray, of ten seconds: they share one.
SHELL: Final = """
fearrefactor() {
  case "$1 $2" in
    "mask "*.mp4) ;;
    "mask "*) set -- "$@" --ray-address "$SHARED_RAY" ;;
  esac
  command fearrefactor "$@"
}
"""


@pytest.fixture(scope="module")
def environment(
    s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    """That of a reader who has done what the pages say first."""
    told = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": s3_server.endpoint_url,
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "COLUMNS": "160",
        "RAY_enable_worker_prestart": "0",
    }
    with RayHead(tmp_path_factory.mktemp("ray"), told) as head:
        yield {**told, **head.environment, "SHARED_RAY": head.address}


@pytest.fixture(scope="module")
def furnished(
    environment: Mapping[str, str], s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder with all that the pages take for granted; each page has a copy of it."""
    folder = tmp_path_factory.mktemp("furnished")
    furnish(folder, environment, s3_server.client())
    yield folder
    s3_server.client().delete_bucket(Bucket="bucket")


@pytest.mark.parametrize(("page", "told"), TO_RUN.items(), ids=TO_RUN)
def test_every_command_of_a_page_can_be_typed_as_it_stands_there(
    page: str,
    told: list[Shown],
    furnished: Path,
    environment: Mapping[str, str],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "reader"
    shutil.copytree(furnished, folder, symlinks=True)
    save_policies(PAGES[page], folder)
    (folder / "page.sh").write_text(SHELL + "\n".join(_script(told)), "utf-8")
    subprocess.run(["bash", "page.sh"], cwd=folder, env=environment, timeout=580, check=False)
    for number, one in enumerate(told):
        end = folder / f"{number}.end"
        wanted = next(
            (code for said, code in ENDS.items() if filled_in(one.text).startswith(said)), 0
        )
        output = (folder / f"{number}.said").read_text("utf-8", "replace")
        assert end.read_text().strip() == str(wanted), f"{page}:{one.line}: {one.text}\n{output}"


def _script(told: list[Shown]) -> Iterator[str]:
    """All of a page in one shell, so that what is set stays set; each exit code in a file."""
    for number, one in enumerate(told):
        if one.kind == "python":
            yield f"python - > {number}.said 2>&1 <<'EOF'\nimport duckdb\n{one.text}\nEOF"
        else:
            yield f"{{\n{filled_in(one.text)}\n}} > {number}.said 2>&1 < /dev/null"
        yield f"echo $? > {number}.end"
        if any(words[0] == "cp" for words in one.starts):
            yield f"python {ROOT / 'tests' / 'docs_workspace.py'} films/*.mp4"


def test_every_reason_not_to_run_a_command_is_that_of_one() -> None:
    asked = [reasons(one) for page in PAGES.values() for one in shown_in(page)]
    assert set().union(*asked) == set(NOT_RUN)


def test_every_exit_code_is_that_of_a_command() -> None:
    told = [filled_in(one.text) for shown in TO_RUN.values() for one in shown]
    assert [said for said in ENDS if not any(text.startswith(said) for text in told)] == []


@pytest.mark.parametrize("page", PAGES)
def test_what_is_not_run_is_at_least_understood(page: str) -> None:
    for command in commands_in(PAGES[page]):
        check(command)
    for one in shown_in(PAGES[page]):
        if not reasons(one):
            continue
        for place in _PLACE.findall(" ".join(word for words in one.starts for word in words)):
            assert (ROOT / place).exists(), f"{page}:{one.line}: no {place}"
        for program, *words in one.starts:
            if program == "make":
                _make(*words)
            elif program == "ray":
                _ray(words)
            elif program == "aws" and words[:2] != ["cloudformation", "deploy"]:
                _aws(*words)
            elif program == "python" and words[0].startswith("benchmarks/"):
                script = (ROOT / words[0]).read_text("utf-8")
                assert [word for word in words if word[:2] == "--" and word not in script] == []


def _make(*words: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _ray(words: list[str]) -> None:
    """Ray's own options; what follows ``--`` is somebody else's."""
    from ray.scripts.scripts import cli

    own = words[: words.index("--")] if "--" in words else words
    try:
        check_words(cli, "ray", own)
    except click.MissingParameter:  # an entrypoint, which follows
        assert own is not words


def _aws(service: str, operation: str, *words: str) -> None:
    """Operation and options, as boto3's own description of the service has them."""
    model = botocore.session.get_session().get_service_model(service.removesuffix("api"))
    known = {xform_name(name, "-"): name for name in model.operation_names}
    taken = model.operation_model(known[operation]).input_shape
    members = {xform_name(name, "-") for name in taken.members} | {"query"}
    required = {xform_name(name, "-") for name in taken.required_members}
    given = {word[2:] for word in words if word.startswith("--")}
    assert required <= given <= members, f"aws {service} {operation}: {given ^ members}"
