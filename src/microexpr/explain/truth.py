"""Which pixels of a generated clip move: the displacement field, taken to the crop."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from microexpr.errors import DataError
from microexpr.faces import CropTransform

MOVING = 0.2  # share of the crop's pixels that count as moving: those of the largest displacement


def displacement_px(
    root: str | os.PathLike[str], clip_id: str, transform: CropTransform
) -> np.ndarray:
    """Read the size of the expression's displacement at the apex.

    Parameters
    ----------
    root : path-like
        Folder of the generated data set.
    clip_id : str
        Which clip.
    transform : CropTransform
        Of the clip.

    Returns
    -------
    ndarray, shape (size_px, size_px), float32
        Px of the crop, before any magnification; 0 outside the part of the picture that moves.

    Raises
    ------
    DataError
        When the clip has no truth.
    """
    path = Path(root) / "truth" / f"{clip_id}.npz"
    try:
        with np.load(path) as truth:
            field = truth["displacement"].astype(np.float32)
            x, y, width, height = (int(value) for value in truth["roi"])
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"clip {clip_id}: no displacement to read at {path} ({error})") from None
    inside = transform.matrix.copy()
    inside[:, 2] += transform.matrix[:, :2] @ (x, y)  # the field starts at this pixel
    size = np.hypot(*field).reshape(height, width)
    side = (transform.size_px, transform.size_px)
    return cv2.warpAffine(size, inside, side, flags=cv2.INTER_LINEAR) * transform.scale


def moving_pixels(displacement: np.ndarray, share: float = MOVING) -> np.ndarray:
    """Mark the pixels of the largest displacement, bool; exactly `share` of them but for ties."""
    return displacement > np.quantile(displacement, 1 - share)
