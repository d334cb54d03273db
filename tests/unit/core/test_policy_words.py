from __future__ import annotations

from typing import Any

import pytest

from fearrefactor.core.policy import Policy
from fearrefactor.core.policy_words import in_words

REST = "Everything else is left as it is."
LEAK = "If the audit still finds what was masked, the video fails."
SPREAD = "  It is also masked where it is in the frame before and after."
LOST = (
    "  Where it is lost from sight it stays masked: up to 1 s between two sightings, "
    "and up to 0.3 s before the first and after the last."
)


def words(**policy: Any) -> list[str]:
    return in_words(Policy.model_validate({"rules": [], **policy})).splitlines()


def test_a_rule_says_what_is_masked_how_how_far_and_how_long() -> None:
    assert words(rules=[{"classes": ["dog", "bird", "cat"], "margin": 0.1}]) == [
        (
            "Every dog, bird or cat seen with a confidence of at least 0.25 is blurred, "
            "10 % of its size beyond its outline."
        ),
        SPREAD,
        LOST,
        REST,
        LEAK,
    ]


def test_a_rule_without_reach_says_so() -> None:
    rule = {"classes": ["TV"], "spread_frames": 0, "bridge_s": 0, "extend_s": 0, "min_area": 0.001}
    assert words(rules=[rule])[:2] == [
        (
            "Every TV seen with a confidence of at least 0.25 and not smaller than 0.1 % of the "
            "picture is blurred, 1.5 % of its size beyond its outline."
        ),
        (
            "  Where it is lost from sight it stays masked: not at all between two sightings, "
            "and not at all before the first and after the last."
        ),
    ]
    assert words(rules=[{"classes": ["dog"], "spread_frames": 3}])[1] == SPREAD.replace(
        "frame", "3 frames"
    )


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        ({"kind": "blur", "strength": 0.5}, "is blurred at 0.5 times the usual strength,"),
        ({"kind": "mosaic", "strength": 2}, "is covered with a mosaic at 2 times the usual str"),
        ({"kind": "mosaic", "feather": 0.01}, "mosaic, fading in over 1 % of its size, 1.5 % of"),
        ({"kind": "fill", "color": "#404040", "strength": 2}, "is filled with #404040, 1.5 %"),
        ({"kind": "fill", "color": "surround"}, "is filled with the mean colour around it,"),
        (
            {"kind": "sticker", "image": "cat.png", "color": "#000000"},
            "is covered with the picture cat.png, and with #000000 where that leaves it free,",
        ),
        ({"kind": "sticker", "image": "data:image/png;base64,QUJD"}, "covered with a picture, and"),
    ],
)
def test_an_effect_says_all_that_it_has(effect: dict[str, object], said: str) -> None:
    assert said in words(rules=[{"classes": ["dog"], "effect": effect}])[0]


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        ({"kind": "background-blur", "strength": 2}, "blurred at 2 times the usual strength"),
        ({"kind": "background-image", "image": "sea.jpg"}, "replaced with the picture sea.jpg"),
    ],
)
def test_a_background_says_what_is_left_clear(effect: dict[str, object], said: str) -> None:
    assert words(rules=[{"classes": ["dog"], "effect": effect}]) == [
        (
            f"Everything but every dog seen with a confidence of at least 0.25 is {said}; it stays "
            "clear to 1.5 % of its size beyond its outline."
        ),
        SPREAD.replace("masked", "left clear"),
        LOST.replace("masked", "left clear"),
        LEAK,
    ]


@pytest.mark.parametrize(
    ("always", "said"),
    [
        ({}, "From the beginning to the end, the whole frame is filled with #808080"),
        ({"start_s": 2.5, "end_s": 4}, "From 2.5 s to 4 s, the whole frame is filled with #808080"),
        (
            {"box": [0.1, 0, 0.55, 0.125], "effect": "blur"},
            (
                "From the beginning to the end, the rectangle from 10 % to 55 % of the width and "
                "0 % to 12.5 % of the height is blurred"
            ),
        ),
        (
            {"polygon": [[0, 0], [0.5, 0], [0.5, 1]], "start_s": 1},
            (
                "From 1 s to the end, the polygon with its corners at (0 %, 0 %), (50 %, 0 %), "
                "(50 %, 100 %) of width and height is filled with #808080"
            ),
        ),
    ],
)
def test_a_place_and_a_time_are_named(always: dict[str, object], said: str) -> None:
    assert words(always=[always]) == [f"{said}, whatever is seen there.", REST, LEAK]


def test_exceptions_doubts_reviews_and_leaks_have_a_line_each() -> None:
    said = words(
        rules=[{"classes": ["person"]}],
        keep=[{"classes": ["person"], "inside": ["tv", "laptop"], "share": 0.8}],
        review={"masked_frames": 0.9, "masked_area": 0.35, "uncertain": 0},
        in_doubt="whole_frame",
        on_leak="review",
        keep_tags=["artist", "creation_time"],
    )
    look = "A person is to look at the video if"
    assert said[3:] == [
        (
            "Not masked is every person that lies to at least 80 % inside a tv or laptop seen "
            "with a confidence of at least 0.5."
        ),
        REST,
        (
            "A frame is filled as a whole if something that was there before or after was not "
            "seen in it with confidence."
        ),
        "Of the file's texts also artist, creation_time are kept.",
        f"{look} something is masked in more than 90 % of the frames.",
        f"{look} more than 35 % of the picture is masked, on average over all frames.",
        (
            f"{look} something is masked that was not clearly seen there in more than 0 % of the "
            "masked frames."
        ),
        "If the audit still finds what was masked, a person is to look at the video.",
    ]
