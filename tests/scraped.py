"""What Prometheus would read from a Ray on this machine, summed over processes."""

from __future__ import annotations

import re
import time
import urllib.request
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: By name and ``label=value`` pairs in order.
Values = dict[tuple[str, ...], float]

_LINE = re.compile(r"(ray_fearrefactor_\w+)\{(.*)\} (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
#: What Ray adds of itself.
_RAYS = {"Component", "NodeAddress", "SessionName", "Version", "WorkerId"}


def scraped(url: str, is_there: Callable[[Values], bool], within_s: float = 30.0) -> Values:
    """What a run counts, as soon as it is as it should be, or at last as it is."""
    end = time.monotonic() + within_s
    while True:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - a Ray of ours
            values = _values(answer.read().decode())
        if is_there(values) or time.monotonic() > end:
            return values
        time.sleep(0.2)


def _values(text: str) -> Values:
    values: Values = defaultdict(float)
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            labels = [
                f"{name}={value}"
                for name, value in sorted(_LABEL.findall(found[2]))
                if name not in _RAYS and not name.startswith("otel_")
            ]
            values[found[1], *labels] += float(found[3])
    return dict(values)
