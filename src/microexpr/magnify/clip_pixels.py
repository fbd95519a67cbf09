"""Clips of 8-bit pixels, magnified as section ``magnify`` says: as a whole, or in parts.

In parts luma alone goes through the filter; its change is added to each colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from microexpr.config.preprocessing import Motion
from microexpr.errors import ConfigError
from microexpr.magnify.clip import luma
from microexpr.magnify.methods import METHODS
from microexpr.magnify.stream import Parts, magnified_luma, parts_of
from microexpr.magnify.temporal import FilterGain, filter_gain, filtering_of

if TYPE_CHECKING:
    import h5py

WHOLE_FRAMES = 512  # up to this length a clip is magnified as a whole: 1.6 GB with PMM at 224 px
BLOCK = 32  # frames read and returned at a time


def magnified_pixels(
    pixels: np.ndarray, *, fps: float, settings: Motion, method: str, device: str = "cpu"
) -> np.ndarray:
    """Magnify one clip, (T, y, x, 3) uint8, as a whole; MicroexprError: no filter for it."""
    images = torch.from_numpy(pixels).to(device).float() / 255
    magnify = METHODS.load(method, "function")
    return _to_pixels(magnify(images, alpha=settings.alpha, **options_of(settings, fps, method)))


def options_of(settings: Motion, fps: float, method: str) -> dict[str, Any]:
    """Return the options of a method but alpha, as section ``magnify`` gives them."""
    return {**filtering_of(settings, fps), **settings.own(METHODS[method].section)}


def clip_gain(n_frames: int, settings: Motion, fps: float) -> FilterGain:
    """Return what the filter leaves of motions in a clip; a longer one is cut."""
    return filter_gain(min(n_frames, WHOLE_FRAMES), **filtering_of(settings, fps))


def long_clip_parts(n_frames: int, settings: Motion, fps: float, method: str) -> Parts | None:
    """Return how a clip is cut; None where it is magnified as a whole."""
    if n_frames <= WHOLE_FRAMES or not METHODS[method].stream:
        return None
    if settings.reference_frame:
        raise ConfigError(
            f"magnify.reference_frame: {settings.reference_frame} needs the whole clip, and "
            f"{n_frames} frames are magnified in parts (more than {WHOLE_FRAMES}); choose 0"
        )
    return parts_of(settings.temporal_filter, fps, settings.passband_hz, most=WHOLE_FRAMES)


def magnified_parts(
    images: h5py.Dataset | np.ndarray,
    parts: Parts,
    *,
    fps: float,
    settings: Motion,
    method: str,
    device: str = "cpu",
) -> Iterator[np.ndarray]:
    """Magnify a long clip, (T, y, x, 3) uint8; yield up to 32 frames at a time, in order."""
    start, n_frames = _colours(images[0], device), len(images)
    options = options_of(settings, fps, method) | {"method": method, "parts": parts}
    options |= {"n_frames": n_frames, "alphas": [settings.alpha]}
    frames = (image for row in range(0, n_frames, BLOCK) for image in images[row : row + BLOCK])

    def added(image: np.ndarray, magnified: torch.Tensor) -> np.ndarray:
        colours = _colours(image, device)
        change = (magnified - luma(colours))[..., None]
        return _to_pixels((start if METHODS[method].control else colours) + change)

    lumas = magnified_luma(frames, lambda image: luma(_colours(image, device))[0], **options)
    done = (added(image, grey) for image, (grey,) in lumas)
    while block := list(islice(done, BLOCK)):
        yield np.concatenate(block)


def _to_pixels(clip: torch.Tensor) -> np.ndarray:
    """Round values in 0..1 to 8 bits; the tensor is used up."""
    return clip.clamp_(0, 1).mul_(255).round_().to(torch.uint8).cpu().numpy()


def _colours(image: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy(image).to(device).float()[None] / 255
