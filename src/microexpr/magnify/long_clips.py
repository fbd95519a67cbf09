"""Clips too long to be magnified as a whole: worked on in parts, in bounded memory.

Causal filters carry their state from chunk to chunk and give what the whole clip would give. The
others look ahead: they see overlapping windows, which are blended where they overlap and are not
referred to the clip's first frame, so slow changes below the pass-band's low edge pass a little
differently. Luma alone goes through the filter; its change is added to each colour.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import torch

from microexpr.config import Magnify
from microexpr.errors import ConfigError
from microexpr.magnify.amplitude import AmplitudeMagnifier
from microexpr.magnify.clip import luma
from microexpr.magnify.stream import CAUSAL, LEAST_WINDOW, PERIODS, stream

WHOLE_FRAMES = 512  # up to this length a clip is one piece: 1.6 GB with PMM at 224 px
CHUNK_FRAMES = 16
BLOCK = 32  # frames read and given back at a time
EXPRESSION_S = 0.5  # a longer motion is no micro-expression


@dataclass(frozen=True)
class Parts:
    """How a long clip is cut.

    Parameters
    ----------
    frames : int
        Of a part.
    overlap : int
        Frames shared with the part before; 0 where a filter's state is carried on.
    """

    frames: int
    overlap: int

    def __str__(self) -> str:
        if self.overlap:
            return f"windows of {self.frames} frames, {self.overlap} shared with the one before"
        return f"chunks of {self.frames} frames, the filter's state carried on"


def parts_of(n_frames: int, settings: Magnify, fps: float) -> Parts | None:
    """Tell how a clip is cut; None where it is magnified as a whole.

    Raises
    ------
    ConfigError
        When it is too long for a reference frame other than the first.
    """
    if n_frames <= WHOLE_FRAMES:
        return None
    if settings.reference_frame:
        raise ConfigError(
            f"magnify.reference_frame: {settings.reference_frame} needs the whole clip, and "
            f"{n_frames} frames are magnified in parts (more than {WHOLE_FRAMES}); choose 0"
        )
    if settings.temporal_filter in CAUSAL:
        return Parts(CHUNK_FRAMES, 0)
    window = max(LEAST_WINDOW, math.ceil(PERIODS * fps / settings.passband_hz[0]))
    window = min(window, WHOLE_FRAMES)
    return Parts(window, window // 2)


def expression_frames(n_frames: int, settings: Magnify, fps: float) -> int:
    """Frames of the motion by which a filter is judged: the clip's, or the longest expression's."""
    if n_frames <= WHOLE_FRAMES:
        return n_frames
    return max(2 * settings.order + 1, round(EXPRESSION_S * fps))


def magnify_parts(
    images: h5py.Dataset,
    parts: Parts,
    *,
    method: str,
    settings: Magnify,
    fps: float,
    device: str = "cpu",
) -> Iterator[np.ndarray]:
    """Magnify a clip part by part.

    Parameters
    ----------
    images : Dataset, shape (T, y, x, 3), uint8
        Read in blocks of 32 frames.
    parts : Parts
        From :func:`parts_of`.
    method : {"amm", "pmm", "filter_only"}
        As :func:`microexpr.magnify.amm`, :func:`microexpr.magnify.pmm` and
        :func:`microexpr.magnify.filter_only`.
    settings : Magnify
        Section ``magnify``.
    fps : float
        Frames/s.
    device : str
        ``cpu`` or ``cuda``.

    Yields
    ------
    ndarray, shape (up to 32, y, x, 3), uint8
        As many frames as there are, in order.

    Raises
    ------
    ConfigError, DataError
        As the method on a clip.
    """
    waiting: deque[np.ndarray] = deque()

    def greys() -> Iterator[torch.Tensor]:
        for start in range(0, len(images), BLOCK):
            for image in images[start : start + BLOCK]:
                waiting.append(image)
                yield luma(_colours(image, device))[0]

    start = _colours(images[0], device)
    done = []
    for magnified in stream(greys(), **_options(start, parts, method, settings, fps)):
        colours = _colours(waiting.popleft(), device)
        change = (magnified - luma(colours))[..., None]
        done.append(to_pixels((start if method == "filter_only" else colours) + change))
        if len(done) == BLOCK:
            yield np.concatenate(done)
            done.clear()
    if done:
        yield np.concatenate(done)


def to_pixels(clip: torch.Tensor) -> np.ndarray:
    """Round values in 0..1 to 8 bits; the tensor is used up."""
    return clip.clamp_(0, 1).mul_(255).round_().to(torch.uint8).cpu().numpy()


def _colours(image: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy(image).to(device).float()[None] / 255


def _options(
    start: torch.Tensor, parts: Parts, method: str, settings: Magnify, fps: float
) -> dict[str, Any]:
    options: dict[str, Any] = {
        "fps": fps,
        "passband_hz": settings.passband_hz,
        "temporal_filter": settings.temporal_filter,
        "order": settings.order,
    }
    if parts.overlap:
        options |= {"window_frames": parts.frames, "overlap_frames": parts.overlap}
    else:
        options["chunk_frames"] = parts.frames
    if method == "pmm":
        return options | {"method": "pmm", "alpha": settings.alpha} | settings.pmm.model_dump()
    amm = settings.amm.model_dump()
    if method == "filter_only":
        # The deviation that amm would add, divided by alpha: the same levels at gain 1.
        gains = AmplitudeMagnifier(*start.shape[1:3], **amm).weights(settings.alpha)
        return options | {"method": "amm", "alpha": 1.0, **amm, "level_gains": gains}
    return options | {"method": "amm", "alpha": settings.alpha} | amm
