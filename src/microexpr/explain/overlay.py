"""Maps on the source's own frames: the crop's transform, inverted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from microexpr.explain.scores import on_crop
from microexpr.explain.sheets import overlay
from microexpr.faces import CropTransform

COLUMNS = 3  # of the picture of some frames
GAP_PX = 4


def on_frame(
    cam: np.ndarray, transform: CropTransform, height_px: int, width_px: int
) -> np.ndarray:
    """Take a map of the crop to the frame that the crop was cut from.

    Parameters
    ----------
    cam : ndarray, shape (h, w)
        Of a block.
    transform : CropTransform
        From frame to crop.
    height_px, width_px : int
        Of the frame.

    Returns
    -------
    ndarray, shape (height_px, width_px), float32
        0 outside the crop.
    """
    return cv2.warpAffine(
        on_crop(cam, transform.size_px),
        transform.matrix,
        (width_px, height_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )


def overlaid_frames(
    frames: Iterable[np.ndarray], cams: np.ndarray, transform: CropTransform
) -> Iterator[np.ndarray]:
    """Lay a clip's maps over its frames, on one scale for the whole clip.

    Parameters
    ----------
    frames : iterable of ndarray, shape (y, x, 3), uint8
        As they were recorded; taken one by one.
    cams : ndarray, shape (T, h, w)
        One a frame.
    transform : CropTransform
        Of the clip.

    Yields
    ------
    ndarray, shape (y, x, 3), uint8
    """
    top = float(np.maximum(cams, 0).max())
    for frame, cam in zip(frames, cams, strict=True):
        yield overlay(frame, on_frame(cam, transform, *frame.shape[:2]), top=top)


def contact_sheet(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Put frames of one size into rows of three, pixel for pixel; (y, x, 3) uint8."""
    height, width, _ = frames[0].shape
    rows = -(-len(frames) // COLUMNS)
    shape = (rows * (height + GAP_PX) - GAP_PX, COLUMNS * (width + GAP_PX) - GAP_PX, 3)
    sheet = np.full(shape, 255, np.uint8)
    for number, frame in enumerate(frames):
        y = number // COLUMNS * (height + GAP_PX)
        x = number % COLUMNS * (width + GAP_PX)
        sheet[y : y + height, x : x + width] = frame
    return sheet
