from __future__ import annotations

import json
from typing import Any

import pytest

from fearrefactor.core.decisions import Decisions
from fearrefactor.core.decisions_file import LIMIT_BYTES, parse_decisions
from fearrefactor.core.policy import Always
from fearrefactor.errors import InputError

SHA256 = "0f" * 32


def decision(**changes: Any) -> dict[str, Any]:
    told = {"row": 1, "id": "a", "output_sha256": SHA256, "decision": "approve"}
    return told | changes


def file_of(*decisions: dict[str, Any], **changes: Any) -> bytes:
    told = {"run_id": "night", "by": "Ada", "at": "2026-11-22T02:08:09+02:00"}
    return json.dumps(told | {"decisions": list(decisions)} | changes).encode()


def refused(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        parse_decisions(content, "d.json")
    return str(caught.value)


def test_who_decided_what_and_when_stands_on_one_line_and_in_columns() -> None:
    approved = decision(note="looked\ntwice")
    more = decision(row=2, decision="mask_more", more={"always": True})
    found = parse_decisions(file_of(approved, more, by="A\x1bda"), "d.json")
    assert found.words(found.decisions[0]) == (
        "approved by A\\x1bda at 2026-11-22T00:08:09Z: looked\\ntwice"
    )
    assert found.words(found.decisions[1]) == (
        "more masked, as asked by A\\x1bda at 2026-11-22T00:08:09Z"
    )
    assert found.columns(found.decisions[0]) == {
        "review_run": "night",
        "review_decision": "approve",
        "review_by": "A\\x1bda",
        "review_at": "2026-11-22T00:08:09Z",
        "review_note": "looked\\ntwice",
    }
    asked = found.decisions[1].more
    assert asked is not None
    assert asked.always == (Always(),)


def test_decisions_are_what_they_were_after_they_were_written() -> None:
    more = {"keep": [{"classes": ["dog"], "inside": ["tv"]}], "margin": 0.1}
    found = parse_decisions(file_of(decision(decision="mask_more", more=more)), "d.json")
    assert parse_decisions(found.model_dump_json().encode(), "d.json") == found
    assert isinstance(found, Decisions)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "d.json: not JSON: Expecting value"),
        (b"\xff\xfe\x00", "d.json: not JSON: "),
        (b"[" * 100_000, "d.json: not JSON: maximum recursion depth"),
        (b"[]", "d.json: the file: Input should be a valid dictionary"),
        (b'{"by": "a", "by": "b"}', "d.json: not JSON: 'by' stands twice in one object"),
        (b" " * (LIMIT_BYTES + 1), "d.json: expected at most 16000000 bytes of decisions"),
        (file_of(), "d.json: decisions: Tuple should have at least 1 item"),
        (file_of(decision(), by=" "), "d.json: by: String should match"),
        (file_of(decision(), at="2026-11-22T02:08:09"), "d.json: at: Input should have timezone"),
        (file_of(decision(), decision()), "d.json: decisions: expected one decision a video, rows"),
        (file_of(decision(decision="allow")), "d.json: decisions.0.decision: Input should be 'app"),
        (file_of(decision(output_sha256="0f")), "d.json: decisions.0.output_sha256: String should"),
        (file_of(decision(row=0)), "d.json: decisions.0.row: Input should be greater than or equ"),
        (file_of(decision(path="/etc/x")), "d.json: decisions.0.path: Extra inputs are not perm"),
        (file_of(decision(note="n" * 501)), "d.json: decisions.0.note: String should have at mo"),
        (file_of({"row": 1}), "d.json: decisions.0.id: is missing"),
    ],
)
def test_a_file_that_says_something_else_is_refused_in_words(content: bytes, said: str) -> None:
    assert refused(content).startswith(said)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "decisions.0: expected 'more' to say what is masked beside it, or kept, where the"),
        (None, "decisions.0: expected 'more' to say what is masked beside it, or kept, where the"),
        ({"margin": float("nan")}, "decisions.0.more.margin: Input should be a finite number"),
        ({"confidence": 0}, "decisions.0.more.confidence: Input should be greater than 0"),
        ({"always": [{"box": [0, 0, 2, 1]}]}, "decisions.0.more.always.0.box.2: Input should be"),
        (
            {"always": [{"effect": {"kind": "sticker", "image": "/etc/passwd"}}]},
            "decisions.0.more.always.0.effect: expected one of blur, fill, mosaic with a color",
        ),
        (
            {"always": [{"effect": {"kind": "fill", "image": "/etc/passwd"}}]},
            "decisions.0.more.always.0.effect: 'image' goes with background-image and sticker",
        ),
        (
            {"always": [{"start_s": second} for second in range(1000)]},
            "decisions.0.more: expected at most 65536 bytes of 'more'",
        ),
    ],
)
def test_what_is_to_be_masked_more_is_as_strict_as_a_policy_and_names_no_file(
    more: dict[str, Any] | None, said: str
) -> None:
    asked = refused(file_of(decision(decision="mask_more", more=more)))
    assert asked.startswith(f"d.json: {said}")


def test_what_is_masked_more_goes_with_no_other_decision() -> None:
    for kind in ("approve", "reject"):
        asked = refused(file_of(decision(decision=kind, more={"margin": 0.1})))
        assert "where the decision is mask_more, and nowhere else" in asked


def test_every_mistake_is_named_and_of_very_many_the_number() -> None:
    said = refused(file_of(*(decision(row=n, id=1) for n in range(30)))).splitlines()
    assert len(said) == 21
    assert said[0].startswith("d.json: decisions.0.row: Input should be greater than or equal to 1")
    assert said[1].startswith("d.json: decisions.0.id: Input should be a valid string, got 1")
    assert said[20] == "d.json: and 11 more"
