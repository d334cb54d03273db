"""Names of work: the same inputs give the same id, and the same id means the same answer."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from fearrefactor import __version__

if TYPE_CHECKING:
    from fearrefactor.core.report import Outcome

#: Of the detection and frame logs. A part of every ``detect_id``: logs of another format have other
#: names and are never read as these.
LOG_FORMAT: Final = "3"


def detect_id(source_sha256: str, model_sha256: str, settings: str) -> str:
    """Identity of a detect pass: ``settings`` says all else that changes its answers."""
    return _digest(source_sha256, model_sha256, settings, LOG_FORMAT)


def work_id(detect: str, policy_digest: str, render_settings: str) -> str:
    """Identity of a masked video, version of this program included."""
    return _digest(detect, policy_digest, render_settings, __version__)


def detections_key(row_key: str, detect: str) -> str:
    """Where the detections of a video are."""
    return f"detections/{row_key}.{detect[:8]}.parquet"


def frames_key(row_key: str, detect: str) -> str:
    """Where the sketches of a video's frames are."""
    return f"frames/{row_key}.{detect[:8]}.parquet"


def plan_key(row_key: str, work: str) -> str:
    """Where the mask plan of a result is."""
    return f"plans/{row_key}.{work[:8]}.parquet"


def thumbnails_key(row_key: str, work: str) -> str:
    """Where small pictures of a result are; beside its plan, under the same name."""
    return f"thumbnails/{row_key}.{work[:8]}.parquet"


def video_key(row_key: str, work: str, suffix: str, outcome: Outcome = "masked") -> str:
    """Where a result is; without its suffix, the prefix under which it is looked for.

    What a person is to see first stands apart, so that whoever takes all videos never gets it.
    """
    folder = "review" if outcome == "review" else "videos"
    return f"{folder}/{row_key}.{work[:8]}{suffix}"


def claim_key(row_key: str, work: str) -> str:
    """Where claims of a work are, each with its number at the end."""
    return f"claims/{row_key}.{work[:8]}."


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
