from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from fearrefactor.cli.mask import mask

ROOT = Path(__file__).resolve().parents[2]


def cluster() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "ray_cluster.yaml").read_text("utf-8"))


def test_the_cluster_file_passes_rays_own_validation() -> None:
    validate_config(prepare_config(cluster()))


def test_the_head_does_no_video_and_both_kinds_of_worker_grow_from_none() -> None:
    types = cluster()["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    assert {types[name]["min_workers"] for name in ("cpu_worker", "gpu_worker")} == {0}
    assert all(node["node_config"]["IamInstanceProfile"] for node in types.values())


def test_the_image_has_the_ray_version_that_the_project_pins() -> None:
    pinned = re.search(r"ray\[default\]==([\d.]+)", (ROOT / "pyproject.toml").read_text("utf-8"))
    assert pinned is not None
    assert f":{pinned[1]}-" in cluster()["docker"]["image"]


def test_every_option_in_the_cluster_files_command_exists() -> None:
    text = (ROOT / "ray_cluster.yaml").read_text("utf-8")
    command = text[text.index("python jobs/mask_videos.py") : text.index("ray down")]
    known = {option for parameter in mask.params for option in parameter.opts} | {"--manifest"}
    assert set(re.findall(r"--[a-z-]+", command)) <= known
