from __future__ import annotations

import click
import pytest
from commands import Command, check, commands_in


def test_commands_are_found_wherever_a_text_shows_them() -> None:
    text = """# Night
A prose line names fearrefactor and `fearrefactor
status RUN --json` in a span, which ends there.

    fearrefactor mask a.mp4 -o out | tee log     # a comment

```sh
for i in 1 2; do
  ray job submit -- "$PWD/.venv/bin/python" jobs/mask_videos.py \\
    --manifest m.csv \\
    --output out; done
useradd fearrefactor && FEARREFACTOR_CACHE=x .venv/bin/fearrefactor models verify
```
# A comment:
#   python jobs/mask_videos.py --manifest m.csv \\
#     --output s3://b/masked --classes person
fearrefactor 0.1.0, av 18
fearrefactor policy check 'two
lines.yaml'
"""
    assert [(one.program, one.words, one.line) for one in commands_in(text)] == [
        ("fearrefactor", ("status", "RUN", "--json"), 2),
        ("fearrefactor", ("mask", "a.mp4", "-o", "out"), 5),
        ("jobs/mask_videos.py", ("--manifest", "m.csv", "--output", "out"), 9),
        ("fearrefactor", ("models", "verify"), 12),
        (
            "jobs/mask_videos.py",
            ("--manifest", "m.csv", "--output", "s3://b/masked", "--classes", "person"),
            15,
        ),
        ("fearrefactor", ("policy", "check", "two\nlines.yaml"), 18),
    ]


def test_a_quotation_that_never_ends_is_named() -> None:
    with pytest.raises(ValueError, match="policy check 'two"):
        commands_in("fearrefactor policy check 'two\nlines\n")


@pytest.mark.parametrize(
    "words",
    [
        "mask a.mp4 --output out --classes person --workers 4",
        "mask … --dry-run --nodes 20",
        "policy check no/such/file.yaml",
        "models",
        "mask",
        "mask --help",
        "--version",
    ],
)
def test_what_the_command_line_takes_passes(words: str) -> None:
    check(Command("fearrefactor", tuple(words.split()), 1))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("musk a.mp4 --output out", "No such command"),
        ("mask a.mp4 --output out --klasses person", "No such option"),
        ("mask a.mp4 --output out --workers none", "is not a valid integer"),
        ("mask a.mp4 --output out --preset lax", "is not one of"),
        ("mask a.mp4 --classes person", "Missing option"),
        ("mask --output out", "Missing"),
        ("models pull yolov5s-seg centerface", "expected no 'centerface'"),
        ("status RUN --json=yes", "does not take a value"),
    ],
)
def test_what_the_command_line_refuses_is_refused(words: str, why: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        check(Command("fearrefactor", tuple(words.split()), 1))
    assert why in refused.value.format_message()


def test_the_job_takes_what_mask_takes_and_a_manifest() -> None:
    words = ["--output", "s3://b/masked", "--classes", "person"]
    with pytest.raises(click.UsageError) as refused:
        check(Command("jobs/mask_videos.py", tuple(words), 1))
    assert "'--manifest'" in refused.value.format_message()
    check(Command("jobs/mask_videos.py", ("--manifest", "m.csv", *words), 1))
