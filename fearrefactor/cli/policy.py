"""``fearrefactor policy``: policies in words."""

from __future__ import annotations

import json

import click

from fearrefactor.cli.environment import read_environment
from fearrefactor.cli.policy_options import find_policy
from fearrefactor.core.policy import Policy
from fearrefactor.core.policy_file import builtin_names, builtin_policy
from fearrefactor.core.policy_words import in_words
from fearrefactor.core.presets import PURPOSE, Preset


@click.group()
def policy() -> None:
    """What is masked, and how: check and explain."""


@policy.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_policies(*, as_json: bool) -> None:
    """List the built-in policies and the presets, and what each does."""
    policies = {name: in_words(builtin_policy(name)) for name in builtin_names()}
    presets = {name: in_words(_example_of(name)) for name in PURPOSE}
    if as_json:
        click.echo(json.dumps({"policies": policies, "presets": presets}, indent=1))
        return
    for name, words in policies.items():
        click.echo(_indented(name, words))
    click.echo("\nPresets, 'preset: NAME' in a policy, which fill in what its file leaves out:\n")
    for preset, purpose in PURPOSE.items():
        click.echo(_indented(f"{preset}, {purpose}", presets[preset]))


def _example_of(preset: Preset) -> Policy:
    return Policy.model_validate({"preset": preset, "rules": [{"classes": ["thing"]}]})


def _indented(title: str, words: str) -> str:
    return f"{title}\n  " + words.replace("\n", "\n  ")


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
        click.echo(in_words(found))
