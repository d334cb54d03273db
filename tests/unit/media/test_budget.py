from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearrefactor.media.budget import Budget

SIZES = st.integers(0, 1 << 40)


@given(SIZES, SIZES, st.floats(0.01, 1000))
def test_steps_that_do_more_have_more_time_and_patience_multiplies_all(
    n_bytes: int, n_pixels: int, patience: float
) -> None:
    patient, plain = Budget(patience), Budget(1)
    reading, decoding = plain.reading(n_bytes), plain.decoding(n_bytes, n_pixels)
    rendering = plain.rendering(n_bytes, n_pixels)
    assert 300 <= reading <= decoding <= rendering
    assert patient.rendering(n_bytes, n_pixels) == pytest.approx(patience * rendering)
    assert plain.reading(2 * n_bytes) - reading == pytest.approx(n_bytes / 1e6, abs=1e-6)
    assert plain.rendering(n_bytes, 2 * n_pixels) - rendering == pytest.approx(
        n_pixels / 1e6, abs=1e-6
    )
