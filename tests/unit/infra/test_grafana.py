from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

from fearrefactor.cluster.metrics import COUNTERS, GAUGES, HISTOGRAMS

DASHBOARD: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[3] / "infra" / "grafana" / "fearrefactor.json").read_text()
)
QUERIES = [query["expr"] for panel in DASHBOARD["panels"] for query in panel["targets"]]
EXPORTED = {
    **{f"ray_{name}_total": labels for name, (_, labels) in COUNTERS.items()},
    **{f"ray_{name}": labels for name, (_, labels) in GAUGES.items()},
    **{f"ray_{name}_bucket": ("le",) for name in HISTOGRAMS},
}


def test_what_the_dashboard_asks_for_is_what_a_run_counts_and_all_of_it() -> None:
    asked = set(re.findall(r"ray_\w+", " ".join(QUERIES)))
    assert asked == EXPORTED.keys()


def test_each_query_is_of_the_chosen_runs_and_names_labels_that_there_are() -> None:
    for query in QUERIES:
        for name, selected in re.findall(r"(ray_\w+)\{([^}]*)\}", query):
            assert 'run=~"$run"' in selected
            labels = set(re.findall(r"(\w+)\s*[=!]", selected)) - {"run"}
            grouped = {
                label.strip()
                for labels in re.findall(r"by \(([^)]*)\)", query)
                for label in labels.split(",")
            }
            assert labels | grouped <= set(EXPORTED[name]), query


def test_the_data_source_and_the_runs_can_be_chosen() -> None:
    source, runs = DASHBOARD["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert (runs["name"], runs["multi"], runs["includeAll"]) == ("run", True, True)
    found = re.fullmatch(r"label_values\((ray_\w+), run\)", runs["query"]["query"])
    assert found is not None
    assert found[1] in EXPORTED
    used = {query["datasource"]["uid"] for p in DASHBOARD["panels"] for query in p["targets"]}
    assert used == {"${datasource}"}


def test_no_panel_lies_on_another() -> None:
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for at in [panel["gridPos"]]
        for x, y in itertools.product(
            range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        )
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
