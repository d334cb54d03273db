"""What is to be masked and how, as options say it: classes and a preset, or a policy file."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from fearrefactor.core.policy import Policy
from fearrefactor.core.policy_file import builtin_policy, parse_policy
from fearrefactor.core.presets import PRESETS
from fearrefactor.errors import NotFoundError, PolicyError, StoreError
from fearrefactor.media.picture import check_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from fearrefactor.cli.environment import Environment
    from fearrefactor.core.manifest import Row
    from fearrefactor.core.policy import Effect

_PICTURE_LIMIT_BYTES: Final = 8_000_000
_MEDIA_TYPES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
_Command = TypeVar("_Command", bound="Callable[..., Any]")

_OPTIONS = (
    click.option(
        "--classes",
        metavar="NAMES",
        help="What to mask, by the model's class names: person,dog,'teddy bear'. Or use --policy.",
    ),
    click.option(
        "--policy",
        metavar="NAME|FILE",
        help="A built-in policy (see 'fearrefactor policy list') or a .yaml file, here or on S3.",
    ),
    click.option(
        "--preset",
        type=click.Choice(list(PRESETS)),
        help="With --classes: blur; fill with wide margins; or whole frames when in doubt. "
        "[default: comfort]",
    ),
    click.option(
        "--effect",
        type=click.Choice(["blur", "mosaic", "fill", "background-blur"]),
        help="How to mask, with --classes. [default: that of the preset]",
    ),
    click.option(
        "--confidence",
        type=click.FloatRange(0, 1, min_open=True),
        help="Mask what is seen with at least this score, with --classes. "
        "[default: that of the preset]",
    ),
)


def policy_options(command: _Command) -> _Command:
    """Give a command the options that ``chosen_policy`` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_policy(
    environment: Environment,
    *,
    classes: str | None,
    policy: str | None,
    preset: str | None,
    effect: str | None,
    confidence: float | None,
) -> Policy:
    """The policy that the options name or describe.

    Raises:
        PolicyError: it cannot be used.
    """
    if (classes is None) == (policy is None):
        raise click.UsageError("say what to mask: either --classes person,dog or --policy NAME")
    if classes is None:
        if (preset, effect, confidence) != (None, None, None):
            raise click.UsageError(
                "--preset, --effect and --confidence go with --classes; a policy has all three"
            )
        return find_policy(policy or "", environment)
    names = [name.strip().strip("\"'") for name in classes.split(",") if name.strip()]
    if not names:
        raise click.UsageError("--classes is empty; write --classes person,dog")
    rule: dict[str, Any] = {"classes": names}
    if confidence is not None:
        rule["confidence"] = confidence
    if effect is not None:
        rule["effect"] = effect
    return Policy.model_validate(
        {"name": "from-options", "preset": preset or "comfort", "rules": [rule]}
    )


def find_policy(spec: str, environment: Environment) -> Policy:
    """A policy by the name of a built-in one, or by a path or address that ends in ``.yaml``.

    Its pictures are read, so that it stands for itself wherever it is sent.

    Raises:
        PolicyError: there is none, or it cannot be used; the message names the line.
    """
    if not spec.endswith((".yaml", ".yml")):
        return builtin_policy(spec)
    try:
        text = environment.read_text(spec)
    except NotFoundError as error:
        raise PolicyError(f"there is no policy file {spec}") from error
    return _with_pictures(parse_policy(text, spec), spec, environment)


def policies_by_row(default: Policy, environment: Environment) -> Callable[[Row], Policy]:
    """The policy of each row: ``default``, or the one that the row names, read once."""
    found: dict[str, Policy] = {}

    def policy_of(row: Row) -> Policy:
        if row.policy is None:
            return default
        if row.policy not in found:
            found[row.policy] = find_policy(row.policy, environment)
        return found[row.policy]

    return policy_of


def _with_pictures(policy: Policy, origin: str, environment: Environment) -> Policy:
    """The policy with every picture that is named in it as a ``data:`` URI."""

    def drawn(effect: Effect) -> Effect:
        if effect.image is None or effect.image.startswith("data:"):
            return effect
        uri = _beside(origin, effect.image)
        return effect.model_copy(update={"image": _read_picture(uri, origin, environment)})

    rules = [rule.model_copy(update={"effect": drawn(rule.effect)}) for rule in policy.rules]
    return policy.model_copy(update={"rules": tuple(rules)})


def _beside(origin: str, name: str) -> str:
    """A path as it counts from the folder of the policy file; an address is taken as it is."""
    if "://" in name or name.startswith("/"):
        return name
    folder, slash, _ = origin.rpartition("/")
    return f"{folder}{slash}{name}"


def _read_picture(uri: str, origin: str, environment: Environment) -> str:
    suffix = uri[uri.rfind(".") :].lower()
    if suffix not in _MEDIA_TYPES:
        raise PolicyError(f"{origin}: expected a picture in {' '.join(_MEDIA_TYPES)}, got {uri}")
    try:
        content = environment.read_bytes(uri, _PICTURE_LIMIT_BYTES + 1)
    except NotFoundError as error:
        raise PolicyError(f"{origin}: there is no picture {uri}") from error
    except StoreError as error:
        raise PolicyError(f"{origin}: the picture {uri} cannot be read: {error}") from error
    if len(content) > _PICTURE_LIMIT_BYTES:
        raise PolicyError(
            f"{origin}: the picture {uri} has more than {_PICTURE_LIMIT_BYTES // 1_000_000} MB; "
            "it goes to every worker, so make it smaller"
        )
    data = f"data:{_MEDIA_TYPES[suffix]};base64,{base64.b64encode(content).decode()}"
    check_picture(data, f"{origin}: {uri}")
    return data
