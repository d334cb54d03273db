from __future__ import annotations

import pytest
from av import library_versions

from fearrefactor.errors import SandboxError
from fearrefactor.media.ffmpeg_version import check_ffmpeg


def test_the_ffmpeg_that_is_installed_is_new_enough() -> None:
    check_ffmpeg(library_versions)


@pytest.mark.parametrize("changed", [{"libavcodec": (61, 19, 100)}, {"libavformat": (62, 2, 100)}])
def test_an_older_one_is_refused_by_name(changed: dict[str, tuple[int, int, int]]) -> None:
    name, version = next(iter(changed.items()))
    told = ".".join(map(str, version))
    with pytest.raises(SandboxError, match=f"{name} {told} is older than FFmpeg 8.0"):
        check_ffmpeg(library_versions | changed)


def test_one_that_does_not_say_its_version_is_refused() -> None:
    with pytest.raises(SandboxError, match=r"libavcodec 0\.0\.0"):
        check_ffmpeg({})
