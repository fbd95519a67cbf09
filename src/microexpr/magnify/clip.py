"""Checks of clips, their luma, and the magnification of a whole clip."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch

from microexpr.errors import ConfigError, DataError
from microexpr.magnify.motion import detail_motion
from microexpr.magnify.operator import ClipFilter
from microexpr.magnify.temporal import split

LUMA = (0.299, 0.587, 0.114)  # Y of YIQ (NTSC); adding to Y adds the same to R, G and B
Progress = Callable[[float], None]


def check_clip(clip: torch.Tensor, *, first_frame: int = 0) -> None:
    """Raise DataError unless a clip is float32 or float64, (T, H, W) or (T, H, W, 3), finite."""
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
    if not all(math.isfinite(bound) for bound in torch.aminmax(clip)):
        bad = (~torch.isfinite(clip)).flatten(1).any(dim=1).nonzero().flatten().tolist()
        raise DataError(
            f"frame {first_frame + bad[0]} holds values that are not finite "
            f"({len(bad)} such frames)"
        )


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


class Magnifier(Protocol):
    """What magnifies frames; made by ``kind(luma, **options)`` from the luma (H, W) of the first.

    Detail breaks where its motion becomes larger than a share `bound` of its wavelength, which
    counts as `wavelength_px` at least. An infinite bound: nothing is magnified.
    """

    bound: float
    wavelength_px: float

    def run(
        self,
        clip: torch.Tensor,
        operator: ClipFilter,
        alphas: Sequence[float],
        progress: Progress | None = None,
    ) -> list[torch.Tensor]:
        """Return frames, (T, H, W) or (T, H, W, 3), magnified for each alpha."""
        ...


@torch.no_grad()
def magnified(
    clip: torch.Tensor,
    kind: Callable[..., Magnifier],
    alpha: float | Sequence[float],
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> list[torch.Tensor]:
    """Check and magnify a whole clip, and warn where its motion exceeds the bound of detail."""
    alphas = check_alphas(alpha)
    check_clip(clip)
    if dtype not in (None, torch.float32, torch.float64):
        raise ConfigError(f"dtype: {dtype} is neither float32 nor float64")
    source, clip = clip, clip.to(device=device, dtype=dtype)
    reference_frame = options.get("reference_frame", 0)
    matrix, rest = split(len(clip), options)
    magnifier = kind(luma(clip[reference_frame : reference_frame + 1])[0], **rest)
    if math.isfinite(magnifier.bound):
        motion = detail_motion(luma(clip), matrix, reference_frame=reference_frame)
        motion.warn(max(alphas), magnifier.bound, magnifier.wavelength_px)
    results = magnifier.run(clip, ClipFilter(matrix, clip), alphas, progress)
    return [result.to(source) for result in results]
