"""Frames through the frozen blocks of a network."""

from __future__ import annotations

import numpy as np
import torch

from microexpr.backbones.base import Backbone
from microexpr.config import Features


def batch_frames(settings: Features, device: str) -> int:
    """Return how many frames pass through the network at a time."""
    # A CPU's cache holds the maps of few frames; a GPU wants many.
    return settings.batch or (4 if device == "cpu" else 128)


@torch.inference_mode()
def frame_features(
    pixels: np.ndarray, network: Backbone, settings: Features, device: str = "cpu"
) -> np.ndarray:
    """Run the frozen blocks over a batch of frames.

    Parameters
    ----------
    pixels : ndarray, shape (T, y, x, 3), uint8
        Face crops, magnified or not.
    network : Backbone
        On `device`.
    settings : Features
        ``cut`` and ``dtype``.
    device : str
        ``cpu`` or ``cuda``.

    Returns
    -------
    ndarray, shape (T, C, h, w)
        In the dtype of the cache.
    """
    images = torch.from_numpy(pixels).to(device)
    maps = network.front(network.preprocess(images), settings.cut)
    return np.ascontiguousarray(maps.cpu().numpy(), dtype=settings.dtype)
