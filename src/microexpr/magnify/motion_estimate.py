"""How large the motion is, and whether magnifying it stays within the theory's bounds."""

from __future__ import annotations

import math
import warnings

import torch
from torch.nn import functional

from microexpr.errors import MicroexprWarning
from microexpr.magnify.temporal import Matrix

SAMPLES = 32  # px a side that tell which frame differs most
POOL_PX = 2  # frames are averaged over such squares: noise falls, motion of detail stays
WINDOW = 9  # pooled px a side over which one displacement is fitted
STRIDE = 4  # pooled px from window to window
LEAST_SIDE = 16  # pooled px below which frames are pooled less
PEAK_QUANTILE = 0.99
DAMPING = 0.05  # of the mean squared gradient: flat areas do not move


def peak_motion_px(grey: torch.Tensor, matrix: Matrix, *, reference_frame: int = 0) -> float:
    """Return the largest displacement that the temporal filter passes in a grey clip (T, H, W), px.

    Least squares on the gradient constraint (Lucas and Kanade 1981) in windows of about 20 px, in
    the frame in which the filtered clip differs most from the reference; the 99th percentile over
    the windows, each weighing as much as its gradients.
    """
    weights, pool = torch.from_numpy(matrix.copy()).to(grey), _pool(grey)
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
    hann = torch.hann_window(height, periodic=False)[:, None] * torch.hann_window(
        width, periodic=False
    )
    spectrum = torch.fft.rfft2((small - small.mean()) * hann.to(small))
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)).to(small)
    energy, order = (spectrum.abs() * radius).square().flatten(), radius.flatten().argsort()
    total = energy[order].cumsum(0)
    if total[-1] <= 0:
        return math.inf
    middle = order[int((total < total[-1] / 2).sum())]
    return pool / float(radius.flatten()[middle])


def warn_outside_bounds(
    grey: torch.Tensor,
    matrix: Matrix,
    *,
    alpha: float,
    reference_frame: int,
    bound: float,
    wavelength_px: float = 0.0,
) -> None:
    """Warn where ``(1 + alpha) * motion`` exceeds a share of the wavelength of the detail.

    Wu et al. 2012, eq. 14 (`bound` 1/8), and Wadhwa et al. 2013, section 3.3 (a quarter for octave
    bands, half for half-octave bands). `wavelength_px` is a wavelength below which nothing is
    promised anyway.
    """
    if alpha == 0:
        return
    motion = peak_motion_px(grey, matrix, reference_frame=reference_frame)
    wavelength = max(detail_wavelength_px(grey[reference_frame]), wavelength_px)
    excess = (1 + alpha) * motion / (bound * wavelength)
    if excess > 1:
        warnings.warn(
            f"magnify.alpha: a motion of {motion:.2f} px becomes {(1 + alpha) * motion:.1f} px at "
            f"alpha {alpha:g}, {excess:.1f} times the bound of 1/{1 / bound:g} of the detail's "
            f"wavelength, {wavelength:.0f} px: detail will break",
            MicroexprWarning,
            stacklevel=4,
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
