"""Every reason code, and whether the same row, done again, can come to another end.

``docs/operations.md`` says what each of them means.
"""

from __future__ import annotations

from typing import Final

from fearrefactor.core.settings import LIMITED

_AGAIN: Final = (
    "access_denied",
    "disk_full",
    "internal",
    "interrupted",
    "limit_time",
    "model_error",
    "no_sandbox",
    "not_found",
    "source_changed",
    "store_error",
)
_NEVER: Final = (
    "bad_policy",
    "bad_row",
    "decode_error",
    "duplicate_id",
    "empty_file",
    "fidelity",
    "leak",
    "limit_memory",
    "limit_output",
    "no_detections",
    "no_video_stream",
    "not_allowed",
    "not_a_video",
    "poison",
    "rejected",
    "truncated",
    "unknown_class",
    "unknown_scheme",
    "unsupported",
    *(f"limit_{name}" for name in LIMITED),
)

#: By code: whether it may be retried, at once or once something outside was mended.
MAY_BE_RETRIED: Final = {**dict.fromkeys(_AGAIN, True), **dict.fromkeys(_NEVER, False)}
