from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from fearrefactor.vision.assets import ASSETS
from fearrefactor.vision.catalog import DEFAULT_MODEL, find

if TYPE_CHECKING:
    from pathlib import Path

    from shell import Shell


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that is empty, so that nothing is read and nothing pulled."""
    path = tmp_path / "cache"
    monkeypatch.setenv("FEARREFACTOR_CACHE", str(path))
    return path


def spoil(cache: Path, name: str) -> Path:
    """Put another file in the place of a model."""
    path = find(name).path_in(cache)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no model")
    return path


def test_every_model_is_listed_with_its_state_and_the_default_is_marked(
    shell: Shell, cache: Path
) -> None:
    spoil(cache, DEFAULT_MODEL)
    rows = {row["name"]: row for row in json.loads(shell("models", "list", "--json").out)}
    assert rows.keys() == {asset.name for asset in ASSETS}
    assert rows[DEFAULT_MODEL]["state"] == "corrupt"
    assert {row["state"] for name, row in rows.items() if name != DEFAULT_MODEL} == {"missing"}
    assert "person" in rows[DEFAULT_MODEL]["classes"]
    assert f"{DEFAULT_MODEL} (default)" in shell("models", "list").out


@pytest.mark.usefixtures("cache")
def test_an_empty_cache_is_sound_and_a_model_that_is_missing_is_not(shell: Shell) -> None:
    everything = shell("models", "verify", "--json")
    assert (everything.code, json.loads(everything.out)) == (0, {})
    one = shell("models", "verify", DEFAULT_MODEL)
    assert (one.code, one.out) == (1, f"missing  {DEFAULT_MODEL}\n")


def test_a_file_with_another_checksum_is_not_sound(shell: Shell, cache: Path) -> None:
    path = spoil(cache, "centerface")
    said = shell("models", "verify", "--json")
    assert (said.code, json.loads(said.out)) == (1, {"centerface": "corrupt"})
    assert "not sound: centerface; run 'fearrefactor models pull NAME'" in said.err
    shutil.rmtree(path.parent)
    assert shell("models", "verify").code == 0


@pytest.mark.usefixtures("cache")
def test_an_unknown_model_is_told_the_nearest_names(shell: Shell) -> None:
    said = shell("models", "pull", "centreface")
    assert said.code == 1
    assert "there is no model 'centreface'; nearest: centerface" in said.err
