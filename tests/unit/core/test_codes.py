from __future__ import annotations

import re
from pathlib import Path

from fearrefactor.core.codes import MAY_BE_RETRIED

DOCS = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
CODE = re.compile(r"`([a-z_]+)`")


def test_the_codes_that_may_be_retried_are_those_of_the_documentation() -> None:
    table = DOCS.read_text("utf-8").partition("## Reason codes")[2].partition("\n## ")[0]
    told: dict[str, bool] = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            told |= dict.fromkeys(CODE.findall(cells[0]), cells[-1].startswith(("yes", "once")))
    del told["review"]  # no failure: there is a result
    assert told == MAY_BE_RETRIED
