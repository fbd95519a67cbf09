"""Checks of clips, and their luma."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from microexpr.errors import ConfigError, DataError

LUMA = (0.299, 0.587, 0.114)  # Y of YIQ (NTSC); adding to Y adds the same to R, G and B
Progress = Callable[[float], None]


def check_clip(clip: torch.Tensor, *, first_frame: int = 0) -> None:
    """Raise DataError unless the clip is float32 or float64, (T, H, W) or (T, H, W, 3), finite.

    `first_frame` is the number of the clip's first frame, for the message.
    """
    if not isinstance(clip, torch.Tensor) or clip.dtype not in (torch.float32, torch.float64):
        kind = clip.dtype if isinstance(clip, torch.Tensor) else type(clip).__name__
        raise DataError(f"a clip must be a float32 or float64 tensor in 0..1, got {kind}")
    if clip.ndim not in (3, 4) or (clip.ndim == 4 and clip.shape[-1] != 3):
        raise DataError(
            f"a clip must have the shape (T, H, W) or (T, H, W, 3), got {tuple(clip.shape)}"
        )
    if 0 in clip.shape:
        raise DataError(f"the clip is empty: shape {tuple(clip.shape)}")
    if min(clip.shape[1:3]) < 8:
        raise DataError(f"frames of {clip.shape[2]}x{clip.shape[1]} px are too small, 8x8 is least")
    low, high = torch.aminmax(clip)
    if not (math.isfinite(float(low)) and math.isfinite(float(high))):
        bad = (~torch.isfinite(clip)).flatten(1).any(dim=1).nonzero().flatten().tolist()
        raise DataError(
            f"frame {first_frame + bad[0]} holds values that are not finite "
            f"({len(bad)} such frames)"
        )


def moved(
    clip: torch.Tensor, device: str | torch.device | None, dtype: torch.dtype | None
) -> torch.Tensor:
    """Return a checked clip on a device and in a precision; None: as it is."""
    check_clip(clip)
    if dtype not in (None, torch.float32, torch.float64):
        raise ConfigError(f"dtype: {dtype} is neither float32 nor float64")
    return clip.to(device=device, dtype=dtype)


def check_alphas(alpha: float | Sequence[float]) -> list[float]:
    """Return the amplification factors as a list; ConfigError unless all are 0 or more."""
    alphas = [float(a) for a in alpha] if isinstance(alpha, Sequence) else [float(alpha)]
    if not alphas:
        raise ConfigError("magnify.alpha: at least one value is needed")
    for value in alphas:
        if not (math.isfinite(value) and value >= 0):
            raise ConfigError(f"magnify.alpha: {value:g} must be 0 or more")
    return alphas


def check_mask(mask: torch.Tensor | None, height: int, width: int) -> None:
    """Raise DataError unless a mask has the frames' size."""
    if mask is not None and tuple(mask.shape) != (height, width):
        raise DataError(f"the mask has the shape {tuple(mask.shape)}, the frames {(height, width)}")


def luma(clip: torch.Tensor) -> torch.Tensor:
    """Return the luma of a clip, shape (T, H, W); a grey clip is its own luma."""
    if clip.ndim == 3:
        return clip
    red, green, blue = LUMA
    result = clip[..., 0] * red
    return result.add_(clip[..., 1], alpha=green).add_(clip[..., 2], alpha=blue)
