"""``--bucket-owner``: whose buckets a run may have to do with."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fearrefactor.cli.environment import Environment

_ACCOUNT = re.compile(r"\d{12}")


def _account(_context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    if text is not None and not _ACCOUNT.fullmatch(text):
        raise click.BadParameter(f"{text!r}: expected the 12 digits of an account", param=option)
    return text


bucket_option = click.option(
    "--bucket-owner",
    metavar="ACCOUNT",
    callback=_account,
    help=(
        "The AWS account (12 digits) to which every bucket belongs that is read or written: S3 "
        "refuses all others, whatever a manifest names. [default: any]"
    ),
)


def owned_by(environment: Environment, bucket_owner: str | None) -> Environment:
    """The environment of a run that has to do with this account's buckets only."""
    return replace(environment, s3=replace(environment.s3, bucket_owner=bucket_owner))
