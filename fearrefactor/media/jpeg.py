"""Small pictures as JPEG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2

from fearrefactor.errors import MediaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_QUALITY: Final = 75


def as_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """A picture ``(height, width, 3)`` uint8 RGB as a JPEG file.

    Raises:
        MediaError: it cannot be written as one.
    """
    done, jpeg = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise MediaError(f"OpenCV could not write a picture of {picture.shape} as JPEG")
    return jpeg.tobytes()
