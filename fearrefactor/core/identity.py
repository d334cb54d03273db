"""Names of work: the same inputs give the same id, and the same id means the same answer."""

from __future__ import annotations

import hashlib
import json

from fearrefactor import __version__


def detect_id(source_sha256: str, model_sha256: str, settings: str) -> str:
    """Identity of a detect pass: ``settings`` says all else that changes its answers."""
    return _digest(source_sha256, model_sha256, settings)


def work_id(detect: str, policy_digest: str, render_settings: str) -> str:
    """Identity of a masked video, version of this program included."""
    return _digest(detect, policy_digest, render_settings, __version__)


def detections_key(row_key: str, detect: str) -> str:
    """Where the detections of a video are."""
    return f"detections/{row_key}.{detect[:8]}.parquet"


def video_key(row_key: str, work: str, suffix: str) -> str:
    """Where a result is; without its suffix, the prefix under which it is looked for."""
    return f"videos/{row_key}.{work[:8]}{suffix}"


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
