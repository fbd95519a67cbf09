"""Clips of 8-bit pixels, magnified by one of the methods of section ``magnify``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from microexpr.config import Magnify
from microexpr.magnify.amplitude import amm, filter_only
from microexpr.magnify.long_clips import to_pixels
from microexpr.magnify.phase import pmm

METHODS = {"amm": amm, "pmm": pmm, "filter_only": filter_only}


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
    method : {"amm", "pmm", "filter_only"}
        The method.
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
    return to_pixels(METHODS[method](images, fps=fps, **_options(settings, method)))


def _options(settings: Magnify, method: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "passband_hz": settings.passband_hz,
        "temporal_filter": settings.temporal_filter,
        "order": settings.order,
        "reference_frame": settings.reference_frame,
        ("weights_alpha" if method == "filter_only" else "alpha"): settings.alpha,
    }
    return options | (settings.pmm if method == "pmm" else settings.amm).model_dump()
