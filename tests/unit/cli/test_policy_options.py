from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from fearrefactor.cli.environment import Environment
from fearrefactor.cli.policy_options import chosen_policy, find_policy
from fearrefactor.core.policy import Effect, Policy, Rule
from fearrefactor.errors import PolicyError
from fearrefactor.storage.s3 import S3Settings

if TYPE_CHECKING:
    from pathlib import Path

PNG = cv2.imencode(".png", np.full((4, 6, 3), 200, np.uint8))[1].tobytes()
POLICY = """
rules:
  - classes: [dog]
    effect: {kind: sticker, image: %s}
  - classes: [person]
    effect: {kind: background-image, image: %s}
"""


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "cache", S3Settings(), is_ray_job=False, n_cores=1)


def chosen(environment: Environment, **options: Any) -> Policy:
    told: dict[str, Any] = dict.fromkeys(("classes", "policy", "preset", "effect", "confidence"))
    return chosen_policy(environment, **(told | options))


def test_classes_alone_are_the_comfort_preset(environment: Environment) -> None:
    comfort = Policy(rules=(Rule(classes=("dog", "teddy bear")),))
    for preset in (None, "comfort"):
        found = chosen(environment, classes="dog, 'teddy bear'", preset=preset)
        assert found.digest() == comfort.digest()


def test_a_preset_sets_what_the_options_leave_open(environment: Environment) -> None:
    (rule,) = chosen(environment, classes="dog", preset="privacy").rules
    assert (rule.effect, rule.confidence) == (Effect(kind="fill", color="surround"), 0.15)
    (rule,) = chosen(
        environment, classes="dog", preset="privacy", effect="mosaic", confidence=0.4
    ).rules
    assert (rule.effect.kind, rule.confidence, rule.margin) == ("mosaic", 0.4, 0.12)
    assert chosen(environment, classes="dog", preset="strict").in_doubt == "whole_frame"


def policy_with(folder: Path, picture: object) -> Path:
    path = folder / "stickers.yaml"
    path.write_text(POLICY % (picture, picture), "utf-8")
    return path


@pytest.mark.parametrize("where", ["beside", "anywhere"])
def test_a_picture_is_found_beside_its_policy_and_becomes_a_part_of_it(
    environment: Environment, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pictures").mkdir()
    picture = tmp_path / "pictures" / "star.PNG"
    picture.write_bytes(PNG)
    path = policy_with(tmp_path, picture if where == "anywhere" else "pictures/star.PNG")
    found = find_policy(str(path), environment)
    data = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert found.rules[0].effect == Effect(kind="sticker", image=data)
    assert found.rules[1].effect == Effect(kind="background-image", image=data)
    monkeypatch.chdir(tmp_path)
    assert find_policy("stickers.yaml", environment).digest() == found.digest()
    picture.write_bytes(cv2.imencode(".png", np.zeros((4, 6, 3), np.uint8))[1].tobytes())
    assert find_policy(str(path), environment).digest() != found.digest()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.png", None, "there is no picture"),
        ("star.gif", PNG, "expected a picture in .png .jpg .jpeg .webp"),
        ("big.png", PNG + bytes(8_000_000), "has more than 8 MB"),
        ("text.png", b"not a picture", "text.png"),
    ],
    ids=["gone", "unknown", "large", "text"],
)
def test_a_picture_that_cannot_be_used_is_refused_by_name(
    environment: Environment, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    path = policy_with(tmp_path, name)
    with pytest.raises(PolicyError, match=said) as caught:
        find_policy(str(path), environment)
    assert str(caught.value).startswith(str(path))
    assert name in str(caught.value)
