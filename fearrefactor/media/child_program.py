"""What Python is told to run: one media child, or the template that children are copied from.

A child that is a program of its own locks itself in before it loads what parses. A template loads
it once and for all, before there is a source (see ``child_template``).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fearrefactor.media.child_start import Given, start
from fearrefactor.media.child_template import Template

if TYPE_CHECKING:
    from collections.abc import Callable

    from fearrefactor.media.sandbox import Start


def run(arguments: list[str], load: Callable[[], Callable[[Start], None]]) -> None:
    """Serve as one child, or with the number of a socket as the only argument as a template.

    ``load`` imports what parses, and gives what answers the parent until it hangs up.
    """
    if len(arguments) == 1:
        Template(int(arguments[0]), load()).run()
    else:
        begun = start(Given.of(arguments))
        load()(begun)


def _load() -> Callable[[Start], None]:
    from fearrefactor.media.child_main import serve

    return serve


if __name__ == "__main__":
    run(sys.argv[1:], _load)
