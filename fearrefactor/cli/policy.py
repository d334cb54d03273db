"""``fearrefactor policy``: policies in words."""

from __future__ import annotations

import json

import click

from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.run import find_policy
from fearrefactor.core.policy_file import builtin_names, builtin_policy


@click.group()
def policy() -> None:
    """What is masked, and how: check and explain."""


@policy.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_policies(*, as_json: bool) -> None:
    """List the built-in policies and what each does."""
    said = {name: builtin_policy(name).in_words() for name in builtin_names()}
    if as_json:
        click.echo(json.dumps(said, indent=1))
        return
    for name, words in said.items():
        click.echo(f"{name}\n  " + words.replace("\n", "\n  "))


@policy.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(file: str, *, as_json: bool) -> None:
    """Check a policy FILE (.yaml, here or on S3, or a built-in name) and explain it in words."""
    found = find_policy(file, read_environment())
    if as_json:
        told = {**found.model_dump(mode="json"), "digest": found.digest()}
        click.echo(json.dumps(told, indent=1))
    else:
        click.echo(f"{found.in_words()}\nEverything else is left as it is.")
