"""A media child one part of which was replaced by one that does nothing, or the wrong thing.

It is told which on its command line. ``sabotaged(NAME)`` is a ``MediaChild.program``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fearrefactor.media.child_program import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fearrefactor.media.sandbox import Start

LOST_FRAME: Final = 13


def sabotaged(*names: str) -> tuple[str, ...]:
    """What Python is to run."""
    return (str(Path(__file__).resolve()), ",".join(names))


def no_mask() -> None:
    """Effects are not laid on frames while they are rendered; the verifier's own are."""
    from fearrefactor.media import child_main, render

    honest = child_main.render_segment

    def rendered(*told: Any) -> Iterator[Any]:
        no_mask_anywhere()
        yield from honest(*told)

    assert render.composite is not None
    child_main.render_segment = rendered


def no_mask_anywhere() -> None:
    """Effects are laid on no frame, the verifier's own neither."""
    from fearrefactor.media import render

    render.composite = lambda *_: None


def lost_frame() -> None:
    """A frame of a GOP that is to be masked is lost between decoder and encoder."""
    from fearrefactor.media import render

    honest = render.segment_frames

    def frames(*told: Any, **more: Any) -> Iterator[Any]:
        return (found for found in honest(*told, **more) if found[0] != LOST_FRAME)

    render.segment_frames = frames


def lost_packet() -> None:
    """An encoded packet is lost before anybody counts it."""
    from fearrefactor.media import render

    honest = render._encode

    def packets(encoder: Any, frame: Any) -> Iterator[Any]:
        found = list(honest(encoder, frame))
        return iter(found[1:] if frame is None else found)

    render._encode = packets


def no_verifier() -> None:
    """Nothing is held against anything."""
    from fearrefactor.media import child_main

    child_main.verify = lambda *_: None


def forged_proof() -> None:
    """A proof is made for a file at which nobody has looked."""
    from fearrefactor.media import child_main
    from fearrefactor.media.verify import Verified

    child_main.verify = lambda _, result, *__: Verified(result, "00" * 32, 0)


def cover_copied() -> None:
    """The pictures beside the film are carried along with its sound."""
    from fearrefactor.media import assemble

    honest = assemble.kept_beside

    def kept(container: Any) -> list[Any]:
        return [*honest(container), *container.streams.video[1:]]

    assemble.kept_beside = kept


_BY_NAME: Final = {
    act.__name__: act
    for act in (
        *(no_mask, no_mask_anywhere, lost_frame, lost_packet),
        *(no_verifier, forged_proof, cover_copied),
    )
}


def load(names: str) -> Callable[[Start], None]:
    """The honest child, with its sabotage."""
    from fearrefactor.media.child_main import serve

    for name in names.split(","):
        _BY_NAME[name]()
    return serve


if __name__ == "__main__":
    run(sys.argv[2:], lambda: load(sys.argv[1]))
