"""``docs/performance.md`` and its plots, from ``benchmarks/results`` and nothing else.

    python benchmarks/page.py

Rows are shown as they are, whatever their columns. What has not been measured is said to be
missing, with the command that measures it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import performance_plots
from record import RESULTS, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from record import Record, Row

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"

HEAD = """# How fast it is, and what bounds it

Made by `benchmarks/page.py` from `benchmarks/results/*.json`; no figure here was typed.
`make bench` measures all of it anew. On a machine that others share, trust ratios before numbers.
"""


@dataclass(frozen=True)
class Part:
    """One section: the results it shows, and what they mean. ``script`` makes them."""

    name: str
    title: str
    said: str
    script: str


PARTS: Final = (
    Part(
        "peers",
        "Beside what one would run instead",
        "File to file, the same clip, weights, input size and confidence where the peer allows it, "
        "tools in turn within one run. `ratio` is a peer's time over ours: how many times faster "
        "we are. The plain transcodes mask nothing: they are limits, not peers.",
        "peers.py",
    ),
    Part(
        "limits",
        "Against its own limits",
        "`own_fraction`: throughput over what the sum of our own stages allows. `floor_fraction`: "
        "throughput over what independent tools need for the least that must be done.",
        "limits.py --only one-core",
    ),
    Part(
        "workers",
        "Two workers against one",
        "The same clips through Ray; `ratio` is the time of one worker over that of two.",
        "limits.py --only workers",
    ),
    Part(
        "stages",
        "Where the time of a frame goes",
        "CPU milliseconds a frame on one core, every frame masked, every stage in one process.",
        "stages.py",
    ),
    Part(
        "smart_rendering",
        "What is not rendered",
        "CPU milliseconds a frame, by how much of a clip is masked.",
        "smart_rendering.py CLIP",
    ),
    Part("model", "The model on a CPU", "By runtime, precision and streams.", "model.py"),
    Part(
        "growth",
        "How cost grows",
        "Whole runs with a stub in place of the model. An exponent of 1 is time linear in length; "
        "the ratios of memory are of the longest film to the shortest.",
        "growth.py",
    ),
    Part(
        "driver",
        "The driver",
        "What one job's driver takes for rows, films and segments, with stubs for workers.",
        "driver.py",
    ),
    Part(
        "scale",
        "A night on many machines",
        "A simulation of one night of uploads of a minute (`benchmarks/scale.py` says of what "
        "kind), fed by the costs above: nothing here was run on so many machines. `jobs` above 1 "
        "are as many drivers (`--shard i/n`) as keep the driver from bounding. `formula` is what "
        "`mask --dry-run` calculates with.",
        "scale.py",
    ),
    Part(
        "report_page",
        "The page of a run",
        "Milliseconds in Chromium until what was asked for is painted, for made-up runs of which "
        "500 videos have details and pictures.",
        "report_page.py",
    ),
    Part("gpu", "On a GPU", "Images a second, stage by stage.", "gpu.py"),
)

#: How many times as fast as a peer we want to be, on one core.
TARGETS: Final = {
    "720p all": {"predict": 2.0, "ObjectBlurrer": 2.2, "supervision": 2.2, "deface": 8.0},
    "720p fifth": {"predict": 2.6, "ObjectBlurrer": 2.6, "supervision": 2.6},
    "720p none": {"predict": 3.0, "ObjectBlurrer": 3.0, "supervision": 3.0},
}


def page(folder: Path = RESULTS) -> str:
    """The text of the page that the results in ``folder`` make."""
    return "\n".join([HEAD, *(line for part in PARTS for line in _section(part, folder))])


def _section(part: Part, folder: Path) -> Iterator[str]:
    yield f"## {part.title}\n"
    found = read(part.name, folder)
    command = f"`.venv/bin/python benchmarks/{part.script}`"
    if found is None:
        where = " on a machine with an NVIDIA GPU" if part.name == "gpu" else ""
        yield f"Not run{where}. {command}{where} measures it, `benchmarks/page.py` shows it here.\n"
        return
    yield f"{part.said}\n"
    if part.name == "peers":
        yield from _targets(found.rows)
    for rows in _alike(found.rows):
        yield f"{table(rows)}\n"
    for plot in performance_plots.names(part.name):
        yield f"![{part.title}](performance/{plot}.png)\n"
    yield from _told(found)


def _told(found: Record) -> Iterator[str]:
    """What holds for a table: facts, and where, when and how it came to be."""
    plain = {name: value for name, value in found.facts.items() if not isinstance(value, dict)}
    if plain:
        yield "; ".join(f"{_words(name)}: {value}" for name, value in plain.items()) + ".\n"
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    machine = found.machine
    yield (
        f"`{found.command}` on {found.measured_on}: {machine['cores']} cores of {machine['cpu']}, "
        f"{machine['system']}, Python {machine['python']}; {versions}.\n"
    )


def _targets(rows: list[Row]) -> Iterator[str]:
    """The ratios that were aimed at, and what was reached."""
    reached: list[Row] = []
    for row in rows:
        wanted = TARGETS.get(str(row.get("part")), {}).get(str(row.get("tool")))
        ratio = row.get("wall_ratio")
        if wanted is not None and isinstance(ratio, int | float):
            reached.append(
                {
                    "part": row["part"],
                    "peer": row["tool"],
                    "times as fast": ratio,
                    "by CPU time": row.get("cpu_ratio"),
                    "wanted": wanted,
                    "reached": "yes" if ratio >= wanted else "no",
                }
            )
    if reached:
        yield f"{table(reached)}\n"


def _alike(rows: list[Row]) -> Iterable[list[Row]]:
    """Rows in tables of their own by axis or kind: they differ in their columns."""
    tables: dict[Any, list[Row]] = {}
    for row in rows:
        tables.setdefault(row.get("axis") or row.get("kind"), []).append(row)
    return tables.values()


def table(rows: list[Row]) -> str:
    """Rows as Markdown; a column that is empty in all of them is left out."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in names if any(row.get(name) is not None for row in rows)]
    lines = [names, ["---"] * len(names)]
    lines += [[_cell(row.get(name)) for name in names] for row in rows]
    head, *rest = ["| " + " | ".join(map(str, line)) + " |" for line in lines]
    return "\n".join([_words(head), *rest])


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "/")


def _words(name: str) -> str:
    return name.replace("_", " ")


@click.command()
def main() -> None:
    """Write the page and its plots."""
    for path in performance_plots.draw(RESULTS, PAGE.with_suffix("")):
        print(path)
    PAGE.write_text(page())
    print(PAGE)


if __name__ == "__main__":
    main()
