"""What pages of documentation take for granted: films, policies, an output with a night in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import yaml
from drawn_sets import coco_set, davis_set

from fearrefactor.vision.catalog import cache_dir, find, pull

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
#: What a reader fills in, and with what here.
_FILLED_IN = (
    (r"OUTPUT/runs/ID|out/runs/(?:RUN|ID)\b|\bRUN\b", "out/runs/tonight"),
    (r"OUTPUT-BUCKET/OUTPUT-PREFIX", "bucket/masked"),
    (r"\bOUTPUT\b", "out"),
    (r"\bDATASET\b", "davis"),
    (r"\bDECISIONS\b", "decided.json"),
    (r"\bVIDEO\b", "clip.mp4"),
    (r"\bMANIFEST\b", "tonight.jsonl"),
    (r"--policy NAME\b", "--policy people"),
    (r"\bFILE\b", "new.yaml"),
    (r"--model NEW\b", "--model yolov5s-seg"),
)
_POLICY = """
name: tonight
rules:
  - classes: [person]
review:
  masked_frames: 0
"""
#: Of the clip `bikes`: several people ride by.
_FIRST_FRAME, _N_FRAMES = 100, 6


def filled_in(text: str) -> str:
    """A command with names in place of what a reader fills in."""
    for pattern, name in _FILLED_IN:
        text = re.sub(pattern, name, text)
    return text


def furnish(folder: Path, environment: Mapping[str, str], client: Any) -> None:
    """Films, policies, data sets and a night in ``folder``; films and manifests in ``bucket``."""
    film = _excerpt(pull(find("bikes"), cache_dir(os.environ)), folder / "clip.mp4")
    (folder / "uploads").mkdir()
    for name in ("holiday.mp4", "walk.mp4", "uploads/walk.mp4"):
        (folder / name).write_bytes(film)
    (folder / "tonight.yaml").write_text(_POLICY)
    (folder / "new.yaml").write_bytes((ROOT / "manifests/policies/people-fill.yaml").read_bytes())
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (folder / "manifests").symlink_to(ROOT / "manifests")
    rows = [{"id": "walk", "uri": "s3://bucket/in/walk.mp4", "team": "blue"}]
    (folder / "tonight.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (davis_set(folder / "davis", {"street": "red"}, 2) / "classes.json").write_text(
        json.dumps({"street": "person"})
    )
    _name_classes(coco_set(folder / "coco", [["red"], ["green"]]))
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="in/walk.mp4", Body=film)
    _run(
        folder,
        environment,
        ("fearrefactor", "mask", "clip.mp4", "--policy", "tonight.yaml", "-o", "out"),
        ("--run-id", "tonight"),
    )
    _run(
        folder,
        environment,
        ("fearrefactor", "review", "template", "out/runs/tonight", "--by", "Ada"),
        ("--output", "decided.json"),
    )
    _run(
        folder,
        environment,
        ("fearrefactor", "manifest", "build", "s3://bucket/in/", "-o", "tonight.parquet"),
        (),
    )
    client.upload_file(str(folder / "tonight.parquet"), "bucket", "tonight.parquet")


def save_policies(page: str, folder: Path) -> None:
    """Every policy that a page shows, under its name."""
    for body in re.findall(r"^```yaml\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE):
        told = yaml.safe_load(body)
        if isinstance(told, dict) and "name" in told:
            (folder / f"{told['name']}.yaml").write_text(body)


def shorten(films: Sequence[str]) -> None:
    """Cut films to a few frames, in place: what is shown takes minutes otherwise."""
    for film in films:
        path = Path(film)
        path.write_bytes(_excerpt(path, path.with_suffix(".cut.mp4")))
        path.with_suffix(".cut.mp4").unlink()


def _excerpt(source: Path, path: Path) -> bytes:
    """A few frames of ``source``, as H.264, also written to ``path``."""
    with av.open(str(source)) as film, av.open(str(path), "w") as out:
        shown = film.streams.video[0]
        rate = shown.average_rate
        stream: Any = out.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = shown.width, shown.height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "18", "bf": "0"}
        for number, frame in enumerate(film.decode(shown)):
            if not _FIRST_FRAME <= number < _FIRST_FRAME + _N_FRAMES:
                continue
            frame.pts, frame.time_base = number - _FIRST_FRAME, 1 / rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path.read_bytes()


def _name_classes(path: Path) -> None:
    names = {"red": "person", "green": "dog", "blue": "cat", "violet": "bird"}
    told = json.loads(path.read_text())
    told["categories"] = [
        {**category, "name": names[category["name"]]} for category in told["categories"]
    ]
    path.unlink()
    (path.parent / "instances_val2017.json").write_text(json.dumps(told))


def _run(
    folder: Path, environment: Mapping[str, str], words: Sequence[str], more: Sequence[str]
) -> None:
    done = subprocess.run(
        [*words, *more], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    shorten(sys.argv[1:])
