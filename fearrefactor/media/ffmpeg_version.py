"""Which FFmpeg is new enough to be shown what strangers have made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fearrefactor.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Those of FFmpeg 8.0. PyAV's wheels bring 8.1; a PyAV built here may find an older one.
_OLDEST: Final = {"libavcodec": (62, 11), "libavformat": (62, 3)}


def check_ffmpeg(versions: Mapping[str, tuple[int, int, int]]) -> None:
    """Refuse libraries with holes that were closed since; ``versions`` by library, as PyAV says.

    Raises:
        SandboxError: one is older, or is not there.
    """
    for name, oldest in _OLDEST.items():
        found = versions.get(name, (0, 0, 0))
        if found[:2] < oldest:
            told = ".".join(map(str, found))
            raise SandboxError(
                f"{name} {told} is older than FFmpeg 8.0 and not fit for files of strangers; "
                "install PyAV from its wheel: pip install --only-binary av av"
            )
