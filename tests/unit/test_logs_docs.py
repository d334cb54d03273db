"""The page about logs names every column, every key and every event, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest

from fearrefactor.core import ledger
from fearrefactor.core.run_facts import RunFacts
from fearrefactor.storage import detection_log, frame_log, plan_log, report_log, thumbnail_log

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "logs.md").read_text("utf-8")
LOGS: dict[str, Any] = {
    "videos": report_log,
    "detections": detection_log,
    "plans": plan_log,
    "frames": frame_log,
    "thumbnails": thumbnail_log,
}
WORDS = {"double": "float64", "float": "float32"}


def section(heading: str) -> str:
    return TEXT[TEXT.index(f"\n## {heading}\n") :].split("\n## ")[1]


def rows(heading: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def word(kind: Any) -> str:
    """A type as the page calls it."""
    if pa.types.is_dictionary(kind):
        return word(kind.value_type)
    if pa.types.is_map(kind):
        return f"map[{word(kind.key_type)}, {word(kind.item_type)}]"
    if pa.types.is_list(kind):
        return f"list[{word(kind.value_type)}]"
    if pa.types.is_fixed_size_binary(kind):
        return f"binary[{kind.byte_width}]"
    if pa.types.is_timestamp(kind):
        return f"timestamp[{kind.unit}, {kind.tz}]"
    return WORDS.get(str(kind), str(kind))


@pytest.mark.parametrize("name", LOGS)
def test_every_column_stands_in_its_table_with_its_type_and_in_its_order(name: str) -> None:
    assert [(column.strip("`"), kind) for column, kind, _ in rows(name)] == [
        (field.name, word(field.type) + "?" * field.nullable) for field in LOGS[name].SCHEMA
    ]


@pytest.mark.parametrize("name", [name for name in LOGS if name != "videos"])
def test_every_key_of_the_metadata_is_named_in_its_order(name: str) -> None:
    told = section(name).split("\nMetadata: ")[1]
    assert tuple(re.findall(r"`(\w+)`", told)) == LOGS[name].METADATA_KEYS


def test_all_that_the_metadata_says_of_a_run_is_named() -> None:
    told = section("videos").split("`run`, a JSON object: ")[1]
    assert re.findall(r"`(\w+)`", told) == list(RunFacts.model_fields)


def test_every_event_stands_in_its_table_with_its_fields() -> None:
    events = get_args(get_args(ledger.Event)[0])
    shared = {"kind", "time_s"}
    assert {
        kind.strip("`"): re.findall(r"`(\w+)`", fields) for kind, fields, _ in rows("The ledger")
    } == {
        event.model_fields["kind"].default: [
            name for name in event.model_fields if name not in shared
        ]
        for event in events
    }
