from __future__ import annotations

import re
from pathlib import Path

from fearrefactor.cluster.metrics import COUNTERS, GAUGES, HISTOGRAMS
from fearrefactor.core.settings import LIMITED, Limits

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table in a section, without its head."""
    section = TEXT[TEXT.index(f"\n## {heading}\n") :].split("\n## ")[1]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_limit_stands_in_its_table_with_its_default_and_its_code() -> None:
    told = {name.strip("`"): (default, code) for name, default, _, code in rows("Limits")}
    assert told == {
        name: (str(int(getattr(Limits(), field))), f"`limit_{name}`")
        for name, field in LIMITED.items()
    }


def test_every_metric_stands_in_its_table_under_its_exported_name_and_with_its_labels() -> None:
    told = {
        name: set(re.findall(r"`(\w+)`", labels.split("(")[0]))
        for names, labels, _ in rows("Metrics")
        for name in re.findall(r"`(\w+)`", names)
    }
    assert told == {
        **{f"ray_{name}_total": set(labels) for name, (_, labels) in COUNTERS.items()},
        **{f"ray_{name}": set(labels) for name, (_, labels) in GAUGES.items()},
        **{f"ray_{name}": set() for name in HISTOGRAMS},
    }
