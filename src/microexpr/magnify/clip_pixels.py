"""Clips of 8-bit pixels, magnified by one of the methods of section ``magnify``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from microexpr.config import Magnify
from microexpr.magnify.long_clips import to_pixels
from microexpr.magnify.methods import METHODS, SHARED_KEYS


def magnified_pixels(
    pixels: np.ndarray, *, fps: float, settings: Magnify, method: str, device: str = "cpu"
) -> np.ndarray:
    """Magnify one clip.

    Parameters
    ----------
    pixels : ndarray, shape (T, y, x, 3), uint8
        Face crops.
    fps : float
        Frames/s.
    settings : Magnify
        Section ``magnify``.
    method : str
        One of ``METHODS`` that has a function.
    device : str
        ``cpu`` or ``cuda``.

    Returns
    -------
    ndarray, shape (T, y, x, 3), uint8
        Rounded.

    Raises
    ------
    MicroexprError
        When the filter has no response for a clip of this length and rate.
    """
    images = torch.from_numpy(pixels).to(device).float() / 255
    magnify = METHODS.load(method, "function")
    return to_pixels(magnify(images, fps=fps, **_options(settings, method)))


def _options(settings: Magnify, method: str) -> dict[str, Any]:
    shared = {key: getattr(settings, key) for key in SHARED_KEYS}
    section = METHODS[method].section
    return shared | (getattr(settings, section).model_dump() if section else {})
