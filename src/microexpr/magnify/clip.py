"""Checks of clips, their luma, and the magnification of a whole clip."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch

from microexpr.errors import ConfigError
from microexpr.magnify.arguments import alphas_of, checked, in_kind, in_unit_range
from microexpr.magnify.motion import detail_motion
from microexpr.magnify.operator import ClipFilter
from microexpr.magnify.temporal import filter_matrix, separated

LUMA = (0.299, 0.587, 0.114)  # Y of YIQ (NTSC); adding to Y adds the same to R, G and B
Progress = Callable[[float], None]


def check_mask(mask: torch.Tensor | None, height: int, width: int) -> None:
    """Raise ConfigError unless a mask has the frames' size and real, finite values."""
    if mask is not None and tuple(mask.shape) != (height, width):
        raise ConfigError(f"mask: has the shape {tuple(mask.shape)}, the frames {(height, width)}")
    if mask is not None and (mask.is_complex() or not torch.isfinite(mask).all()):
        raise ConfigError("mask: holds values that are not finite and real")


def luma(clip: torch.Tensor) -> torch.Tensor:
    """Return the luma of a clip, shape (T, H, W); a grey clip is its own luma."""
    if clip.ndim == 3:
        return clip
    red, green, blue = LUMA
    result = clip[..., 0] * red
    return result.add_(clip[..., 1], alpha=green).add_(clip[..., 2], alpha=blue)


class Magnifier(Protocol):
    """What magnifies; made by ``kind(luma, **options)`` from the luma (H, W) of the first frame."""

    bound: float  # share of the wavelength beyond which detail breaks; inf: nothing is magnified
    wavelength_px: float  # shorter ones count as this

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
    source: Any,
    kind: Callable[..., Magnifier],
    alpha: Any,
    still: bool = False,
    *,
    device: Any = None,
    dtype: Any = None,
    progress: Progress | None = None,
    **options: Any,
) -> Any:
    """Check and magnify a whole clip, or add to a still; warn where its detail would break."""
    alphas, several = alphas_of(alpha)
    options = checked({"progress": progress, **options}, magnified, filter_matrix, kind)
    progress = options.pop("progress")
    clip = in_unit_range(source, device=device, dtype=dtype)
    reference_frame = options.get("reference_frame", 0)
    filtering, rest = separated(options)
    matrix = filter_matrix(len(clip), **filtering)
    magnifier: Any = kind(luma(clip[reference_frame : reference_frame + 1])[0], **rest)
    bounded, advice = (getattr(magnifier, name, "") for name in ("bounded", "advice"))
    if bounded or math.isfinite(magnifier.bound):
        motion = detail_motion(luma(clip), matrix, reference_frame=reference_frame)
        if bounded:
            magnifier.motion_px = motion.px
        else:
            motion.warn(max(alphas), magnifier.bound, magnifier.wavelength_px, advice)
    base: dict[str, Any] = {"base": clip[reference_frame].expand_as(clip)} if still else {}
    found = magnifier.run(clip, ClipFilter(matrix, clip), alphas, progress, **base)
    results = [in_kind(result, source) for result in found]
    return results if several else results[0]
