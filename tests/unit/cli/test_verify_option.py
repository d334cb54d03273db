from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fearrefactor.cli.verify_option import chosen_verify

if TYPE_CHECKING:
    from fearrefactor.core.settings import VerifyMode


@pytest.mark.parametrize(
    ("mode", "gpu_decode", "expected"),
    [
        ("sampled", False, "sampled"),
        ("full", False, "full"),
        ("sampled", True, "full"),
        ("full", True, "full"),
    ],
)
def test_what_a_gpu_has_decoded_is_compared_frame_by_frame(
    mode: VerifyMode, expected: VerifyMode, *, gpu_decode: bool
) -> None:
    assert chosen_verify(mode, gpu_decode=gpu_decode) == expected
