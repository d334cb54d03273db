"""What is to be known of an H.264 stream before others of its kind stand beside it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class H264Stream(BaseModel):
    """What a rendered GOP must share with the copied ones beside it.

    ``profile`` is x264's name of the source's, ``level_idc`` ten times its level; ``free_id`` is an
    id that no parameter set of the source has; ``nal_length_bytes`` is the size of what stands
    before each NAL unit, 0 for start codes.
    """

    model_config = ConfigDict(frozen=True)

    profile: str
    level_idc: int
    free_id: int
    nal_length_bytes: int
