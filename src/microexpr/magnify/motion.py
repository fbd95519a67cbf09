"""How much the detail of a clip moves, and how far it may be moved before it breaks."""

import math
import warnings
from typing import NamedTuple

import torch
from torch.nn import functional

from microexpr.errors import MicroexprWarning
from microexpr.magnify.operator import as_tensor
from microexpr.magnify.temporal import Matrix

CELLS = 48  # a side of the frame, whose means tell which frame differs most
POOL_PX = 2  # frames are averaged over such squares: noise falls, motion of detail stays
WINDOW = 9  # pooled px a side over which one displacement is fitted
STRIDE = 4  # pooled px from window to window
LEAST_SIDE = 16  # pooled px below which frames are pooled less
PEAK_QUANTILE = 0.999  # a corner of a mouth is less than a hundredth of the detail in a frame
DAMPING = 0.05  # of the mean squared gradient: flat areas do not move


class BoundWarning(MicroexprWarning):
    """Motion that becomes so large that detail breaks."""


class DetailMotion(NamedTuple):
    """The motion that a filter passes in a clip, and the detail that moves."""

    px: float
    wavelength_px: float  # inf: nothing moves

    def limit_px(self, bound: float, least_px: float) -> float:
        """Return how far the detail can move: `bound` of its wavelength, or of `least_px`."""
        return bound * max(self.wavelength_px, least_px)

    def warn(self, alpha: float, bound: float, least_px: float, advice: str = "") -> None:
        """Warn where ``(1 + alpha) * motion`` exceeds the limit, a share `bound` of the wavelength.

        Bounds are measured (Wu et al. 2012, eq. 14: 1/8, Wadhwa et al. 2013, 3.3: 1/4 and 1/2).
        """
        becomes_px, limit_px = (1 + alpha) * self.px, self.limit_px(bound, least_px)
        if alpha > 0 and becomes_px > limit_px:
            warnings.warn(
                f"magnify.alpha: a motion of {self.px:.2f} px becomes {becomes_px:.1f} px at alpha "
                f"{alpha:g}, {becomes_px / limit_px:.1f} times the bound, {limit_px:.1f} px, "
                f"{bound:g} of the wavelength of the detail that moves: detail will break{advice}",
                BoundWarning,
                stacklevel=5,
            )


def detail_motion(
    grey: torch.Tensor, matrix: Matrix, *, reference_frame: int = 0, pool: int | None = None
) -> DetailMotion:
    """Return the largest motion that the temporal filter passes in a clip (T, H, W).

    Least squares on the gradient constraint (Lucas and Kanade 1981) in windows of about 20 px, in
    the frame in which the filtered clip differs most from the reference; the 99.9th percentile of
    the windows, each weighing as much as its gradients. The wavelength is that of a grating whose
    ratio of gradient to curvature is that of the windows that move at least half as much. `pool`:
    side of the squares, px, over which frames are averaged.
    """
    weights, pool = as_tensor(matrix, grey), pool or pool_of(grey)
    few = weights @ pooled(grey, max(1, min(grey.shape[1:]) // CELLS)).flatten(1)
    # A corner of a mouth counts more than noise.
    frame = int(few.square_().square_().sum(dim=1).argmax())
    filtered = (weights[frame] @ grey.flatten(1)).view(grey.shape[1:])
    difference, small = pooled(filtered, pool), pooled(grey[reference_frame], pool)
    gradient_y, gradient_x = torch.gradient(small)
    squares = [gradient_x * gradient_x, gradient_x * gradient_y, gradient_y * gradient_y]
    second = [*torch.gradient(gradient_x), *torch.gradient(gradient_y)]
    curvature = torch.stack(second).square().sum(dim=0)
    products = [*squares, gradient_x * difference, gradient_y * difference, curvature]
    window = min(WINDOW, *difference.shape)
    means = functional.avg_pool2d(torch.stack(products)[None], window, stride=STRIDE)[0]
    xx, xy, yy, xt, yt, curved = means.flatten(1)
    weight = xx + yy
    if not weight.any():
        return DetailMotion(0.0, math.inf)
    damping = DAMPING * weight.mean()
    xx, yy = xx + damping, yy + damping
    determinant = xx * yy - xy * xy
    x, y = (yy * xt - xy * yt) / determinant, (xx * yt - xy * xt) / determinant
    size, order = torch.hypot(x, y).sort()
    weight, curved = weight[order], curved[order]
    share = weight.cumsum(0) / weight.sum()
    largest = size[int((share < PEAK_QUANTILE).sum().clamp(max=len(size) - 1))]
    moves = size >= largest / 2
    ratio = float((curved[moves].sum() / weight[moves].sum()).sqrt())
    # The difference of a pixel's neighbours is sin(w) for a sine of w per pixel, not w.
    wavelength = 2 * math.pi / max(math.asin(min(ratio, 1.0)), 1e-6)
    return DetailMotion(float(largest) * pool, wavelength * pool)


def pool_of(grey: torch.Tensor) -> int:
    """Return the side, px, of the squares over which frames (..., H, W) are averaged."""
    return max(1, min(POOL_PX, min(grey.shape[-2:]) // LEAST_SIDE))


def pooled(images: torch.Tensor, pool: int) -> torch.Tensor:
    """Return means over squares of `pool` px; the rest at the far edges is not used."""
    rows, columns = (n // pool for n in images.shape[-2:])
    images = images[..., : rows * pool, : columns * pool].unflatten(-2, (rows, pool)).sum(dim=-2)
    parts = images.unflatten(-1, (columns, pool)).unbind(-1)  # faster than a sum of few neighbours
    return sum(parts[1:], start=parts[0]) / pool**2
