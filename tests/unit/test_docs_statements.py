"""What is taken for a command on a page, and what is not."""

from __future__ import annotations

import pytest
from docs_commands import shown_in

PAGE = """# A page
Type `make demo`, then `fearrefactor
status RUN --json` and `fearrefactor mask …` or `fearrefactor retry` if `fearrefactor review` asks.

    weed server -dir=/tmp &  # a program that nobody knows
    export A=1 \\
      B=2

Data:

    name: people
    rules: []

Python:

    import duckdb
    duckdb.sql("select 1").show()

1. In a list:
   ```sh
   # a comment
   for i in 1 2; do
     cp "$(fearrefactor models pull bikes)" $i.mp4
   done
   night=tonight-$(date +%F)
   C=d .venv/bin/fearrefactor sql out "
   SELECT 'a;b'" > answer.txt || [ $? -eq 2 ]
   ```
```json
{"fearrefactor": "status RUN"}
```
"""


def test_statements_are_found_whole_and_in_order_whatever_their_program() -> None:
    told = shown_in(PAGE)
    assert [(one.line, one.kind, one.is_in_text, one.text.split("\n")[0]) for one in told] == [
        (2, "shell", True, "make demo"),
        (2, "shell", True, "fearrefactor status RUN --json"),
        (
            5,
            "shell",
            False,
            "weed server -dir=/tmp &  # a program that nobody knows",
        ),
        (6, "shell", False, "export A=1 \\"),
        (16, "python", False, "import duckdb"),
        (22, "shell", False, "for i in 1 2; do"),
        (25, "shell", False, "night=tonight-$(date +%F)"),
        (26, "shell", False, 'C=d .venv/bin/fearrefactor sql out "'),
    ]
    assert told[-1].text.endswith("[ $? -eq 2 ]")


def test_every_program_of_a_statement_is_known_with_its_words() -> None:
    starts = {one.line: one.starts for one in shown_in(PAGE)}
    assert starts[5] == (("weed", "server", "-dir=/tmp"),)
    assert starts[6] == (("export", "A=1", "B=2"),)
    assert ("cp", "$(fearrefactor models pull bikes)", "$i.mp4") in starts[22]
    assert ("fearrefactor", "models", "pull", "bikes") in starts[22]
    assert starts[26][0][:3] == ("fearrefactor", "sql", "out")
    assert "'a;b'" in starts[26][0][3]


def test_words_that_are_left_to_the_reader_are_seen_but_not_in_a_comment() -> None:
    told = shown_in("```sh\nfearrefactor mask … -o out\nmake demo  # and so on …\n```\n")
    assert [one.leaves_out for one in told] == [True, False]


@pytest.mark.parametrize("body", ["fearrefactor sql out 'SELECT", "for i in 1 2; do ls"])
def test_a_block_that_no_shell_takes_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="line 2: expected shell"):
        shown_in(f"```sh\n{body}\n```\n")


@pytest.mark.parametrize(
    "page",
    ["```\nfearrefactor models list\n```\n", 'A:\n\n    {"a": 1}\n    fearrefactor models list\n'],
)
def test_commands_where_data_is_expected_are_refused(page: str) -> None:
    with pytest.raises(ValueError, match="expected commands"):
        shown_in(page)
