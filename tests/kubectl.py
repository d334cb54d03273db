"""A ``kubectl`` that keeps RayJobs in a folder, for scripts that call it; a program of its own.

Of each RayJob ``NAME.yaml`` is what was created, ``NAME.owner`` what was patched, ``NAME.states``
what the operator will say of it, a line each time it is asked; the last one stays. ``down`` in the
folder holds how many calls in a row will find no cluster.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path


def install(folder: Path) -> dict[str, str]:
    """Environment in which ``kubectl`` is this program, and ``sleep`` does not."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    kubectl = programs / "kubectl"
    kubectl.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {Path(__file__)} "$@"\n', "utf-8")
    sleep = programs / "sleep"
    sleep.write_text("#!/bin/sh\n", "utf-8")
    for program in (kubectl, sleep):
        program.chmod(0o755)
    return {"PATH": f"{programs}:{os.environ['PATH']}", "KUBECTL_FOLDER": str(folder)}


def _main(folder: Path, words: list[str]) -> str:
    with (folder / "calls").open("a", encoding="utf-8") as calls:
        calls.write(words[0] + "\n")
    if _is_down(folder / "down"):
        sys.exit("The connection to the server was refused")
    if words[0] == "create":
        return _create(folder, sys.stdin.read())
    name = words[2]
    kept = folder / f"{name}.yaml"
    if not kept.exists():
        if words[0] == "get" and "--ignore-not-found" in words:
            return ""
        sys.exit(f'Error from server (NotFound): rayjobs.ray.io "{name}" not found')
    if words[0] == "get":
        return f"rayjob.ray.io/{name}" if words[-1] == "name" else _state(folder, name)
    if words[0] == "delete":
        for path in folder.glob(f"{name}.*"):
            path.unlink()
    if words[0] == "patch":
        (folder / f"{name}.owner").write_text(words[-1], "utf-8")
    return f"{name} {words[0]}"


def _is_down(path: Path) -> bool:
    left = int(path.read_text("utf-8")) if path.exists() else 0
    if left:
        path.write_text(str(left - 1), "utf-8")
    return left > 0


def _create(folder: Path, text: str) -> str:
    found = re.search(r"^metadata:\n  name: (\S+)$", text, flags=re.MULTILINE)
    assert found is not None, text
    name = found[1]
    kept = folder / f"{name}.yaml"
    if kept.exists():
        sys.exit(f'Error from server (AlreadyExists): rayjobs.ray.io "{name}" already exists')
    kept.write_text(text, "utf-8")
    to_come = folder / "states-of-new-ones"
    (folder / f"{name}.states").write_text(to_come.read_text("utf-8"), "utf-8")
    return f"{name} created"


def _state(folder: Path, name: str) -> str:
    path = folder / f"{name}.states"
    first, *rest = path.read_text("utf-8").split("\n")
    if rest:
        path.write_text("\n".join(rest), "utf-8")
    return first


if __name__ == "__main__":
    print(_main(Path(os.environ["KUBECTL_FOLDER"]), sys.argv[1:]))  # noqa: T201 - a program
