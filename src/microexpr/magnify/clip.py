"""Checks of clips, their luma, and how large their motion is beside the bounds of theory."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch.nn import functional

from microexpr.errors import ConfigError, DataError, MicroexprWarning
from microexpr.magnify.operator import ClipFilter, as_tensor
from microexpr.magnify.temporal import Matrix, split

LUMA = (0.299, 0.587, 0.114)  # Y of YIQ (NTSC); adding to Y adds the same to R, G and B
Progress = Callable[[float], None]
SAMPLES = 32  # px a side that tell which frame differs most
POOL_PX = 2  # frames are averaged over such squares: noise falls, motion of detail stays
WINDOW = 9  # pooled px a side over which one displacement is fitted
STRIDE = 4  # pooled px from window to window
LEAST_SIDE = 16  # pooled px below which frames are pooled less
PEAK_QUANTILE = 0.99
DAMPING = 0.05  # of the mean squared gradient: flat areas do not move


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

    Motion comes out right up to a share `bound` of the wavelength of the frames' detail, which
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
    """Check and magnify a whole clip, and warn where its motion exceeds the bounds of theory."""
    alphas = check_alphas(alpha)
    check_clip(clip)
    if dtype not in (None, torch.float32, torch.float64):
        raise ConfigError(f"dtype: {dtype} is neither float32 nor float64")
    source, clip = clip, clip.to(device=device, dtype=dtype)
    reference_frame = options.get("reference_frame", 0)
    matrix, rest = split(len(clip), options)
    magnifier = kind(luma(clip[reference_frame : reference_frame + 1])[0], **rest)
    _warn_outside_bounds(luma(clip), matrix, magnifier, max(alphas), reference_frame)
    results = magnifier.run(clip, ClipFilter(matrix, clip), alphas, progress)
    return [result.to(source) for result in results]


def peak_motion_px(grey: torch.Tensor, matrix: Matrix, *, reference_frame: int = 0) -> float:
    """Return the largest displacement that the temporal filter passes in a grey clip (T, H, W), px.

    Least squares on the gradient constraint (Lucas and Kanade 1981) in windows of about 20 px, in
    the frame in which the filtered clip differs most from the reference; the 99th percentile over
    the windows, each weighing as much as its gradients.
    """
    weights, pool = as_tensor(matrix, grey), _pool(grey)
    step = max(1, min(grey.shape[1:]) // SAMPLES)
    few = weights @ grey[:, ::step, ::step].flatten(1)
    frame = int(few.square().sum(dim=1).argmax())
    filtered = (weights[frame] @ grey.flatten(1)).view(grey.shape[1:])
    difference, still = _pooled(filtered, pool), _pooled(grey[reference_frame], pool)
    gradient_y, gradient_x = torch.gradient(still)
    squares = [gradient_x * gradient_x, gradient_x * gradient_y, gradient_y * gradient_y]
    products = torch.stack([*squares, gradient_x * difference, gradient_y * difference])
    window = min(WINDOW, *still.shape)
    xx, xy, yy, xt, yt = functional.avg_pool2d(products[None], window, stride=STRIDE)[0]
    weight = (xx + yy).flatten()
    if not weight.any():
        return 0.0
    damping = DAMPING * weight.mean()
    determinant = (xx + damping) * (yy + damping) - xy * xy
    x = ((yy + damping) * xt - xy * yt) / determinant
    y = ((xx + damping) * yt - xy * xt) / determinant
    size, order = torch.hypot(x, y).flatten().sort()
    share = weight[order].cumsum(0) / weight.sum()
    return float(size[int((share < PEAK_QUANTILE).sum().clamp(max=len(size) - 1))]) * pool


def detail_wavelength_px(frame: torch.Tensor) -> float:
    """Return the wavelength that halves a frame's gradient energy, px; at least 2 pooled px."""
    pool = _pool(frame)
    small = _pooled(frame, pool)
    height, width = small.shape
    rows, columns = (torch.hann_window(n, periodic=False) for n in small.shape)
    hann = rows[:, None] * columns
    spectrum = torch.fft.rfft2((small - small.mean()) * hann.to(small))
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)).to(small)
    energy, order = (spectrum.abs() * radius).square().flatten(), radius.flatten().argsort()
    total = energy[order].cumsum(0)
    if total[-1] <= 0:
        return math.inf
    middle = order[int((total < total[-1] / 2).sum())]
    return pool / float(radius.flatten()[middle])


def _warn_outside_bounds(
    grey: torch.Tensor, matrix: Matrix, magnifier: Magnifier, alpha: float, reference_frame: int
) -> None:
    """Warn where ``(1 + alpha) * motion`` exceeds the bound of :class:`Magnifier`.

    Wu et al. 2012, eq. 14 (1/8); Wadhwa et al. 2013, section 3.3 (1/4; half-octave bands: 1/2).
    """
    bound = magnifier.bound
    if alpha == 0 or math.isinf(bound):
        return
    motion = peak_motion_px(grey, matrix, reference_frame=reference_frame)
    wavelength = max(detail_wavelength_px(grey[reference_frame]), magnifier.wavelength_px)
    excess = (1 + alpha) * motion / (bound * wavelength)
    if excess > 1:
        warnings.warn(
            f"magnify.alpha: a motion of {motion:.2f} px becomes {(1 + alpha) * motion:.1f} px at "
            f"alpha {alpha:g}, {excess:.1f} times the bound of 1/{1 / bound:g} of the detail's "
            f"wavelength, {wavelength:.0f} px: detail will break",
            MicroexprWarning,
            stacklevel=5,
        )


def _pooled(images: torch.Tensor, pool: int) -> torch.Tensor:
    """Return means over squares of `pool` px; the rest at the far edges is not used."""
    for axis in (-2, -1):
        n = images.shape[axis] // pool
        parts = images.narrow(axis, 0, n * pool).unflatten(axis, (n, pool)).unbind(axis)
        images = sum(parts[1:], start=parts[0]) / pool
    return images


def _pool(grey: torch.Tensor) -> int:
    return max(1, min(POOL_PX, min(grey.shape[-2:]) // LEAST_SIDE))
