"""Laplacian pyramid as one weighted sum (Burt and Adelson 1983; Wu et al. 2012, section 4).

With g_l the Gaussian levels and ``band_l = g_l - up(g_{l+1})``, ``sum_l w_l * band_l`` at full size
is ``sum_l (w_l - w_{l-1}) * up^l(g_l)``: no band is formed, and equal weights cost nothing.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, cast

import cv2
import numpy as np
import torch
from torch.nn import functional

from microexpr.magnify.operator import fresh

Tools = tuple[Callable[..., Any], ...]  # to halve, to double and to add
TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
PEAK_WAVELENGTH_PX = 5.0  # of the finest band; band l peaks at 5 * 2^l px


def fitting_levels(height_px: int, width_px: int, levels: int) -> int:
    """Return the number of band-pass levels, at most `levels`, that leave 2 px per side."""
    return max(1, min(levels, int(min(height_px, width_px) // 2).bit_length()))


def level_weights(levels: int, *, alpha: float, lambda_c_px: float) -> list[float]:
    """Return each level's share of alpha, finest first; the low-pass gets none.

    Wu et al. 2012, eq. 14: ``(1 + alpha) * delta < lambda / 8``. `lambda_c_px` is the shortest
    wavelength that gets all of alpha; it fixes delta, and a shorter one gets
    ``alpha_l = lambda / (8 delta) - 1``, never negative here (that would reverse the motion).
    At alpha = 0 the limit holds; 0 px gives every level all of alpha, and so does an alpha below 0,
    which makes motion smaller.
    """
    if lambda_c_px == 0 or alpha < 0:
        return [1.0] * levels
    wavelengths = [PEAK_WAVELENGTH_PX * 2.0**level for level in range(levels)]
    if alpha == 0:
        return [1.0 if wavelength >= lambda_c_px else 0.0 for wavelength in wavelengths]
    bounds = [(1 + alpha) * wavelength / lambda_c_px - 1 for wavelength in wavelengths]
    return [min(1.0, max(0.0, bound / alpha)) for bound in bounds]


def weighted_sum(images: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
    """Sum the levels of pyramids of images (n, H, W); weights: finest first, low-pass last."""
    steps = [weights[0]] + [b - a for a, b in pairwise(weights)]
    deepest = max((level for level, step in enumerate(steps) if step), default=0)
    result, steps = fresh(images.shape, images), steps[: deepest + 1]
    if images.device.type != "cpu":
        return _sum_up(images, steps, result)
    for image, out in zip(images.numpy(), result.numpy(), strict=True):
        _sum_up(image, steps, out, (cv2.pyrDown, cv2.pyrUp, cv2.scaleAdd))
    return result


def down(images: torch.Tensor) -> torch.Tensor:
    """Blur with the binomial filter and keep every other pixel: ``cv2.pyrDown`` on any device."""
    for _ in range(2):  # along x, then along y as the transposed image's x
        n = images.shape[-1]
        if n > 2:
            wide = functional.pad(images, (2, 2), mode="reflect")
        else:  # too short for it
            wide = images[..., np.pad(np.arange(n), 2, mode="reflect")]
        blurred = sum(tap * wide[..., k : k + n : 2] for k, tap in enumerate(TAPS))
        images = cast(torch.Tensor, blurred).mT
    return images


def up(images: torch.Tensor, *, dstsize: tuple[int, int]) -> torch.Tensor:
    """Enlarge to width and height with the binomial filter: ``cv2.pyrUp`` on any device."""
    for n in dstsize:
        m = images.shape[-1]
        # OpenCV repeats the last sample, mirrors at the first.
        wide = images[..., [min(1, m - 1), *range(m), -1]]
        even = wide[..., :-2] / 8 + wide[..., 1:-1] * 0.75 + wide[..., 2:] / 8
        odd = (wide[..., 1:-1] + wide[..., 2:]) / 2
        images = torch.stack([even, odd], dim=-1).flatten(-2)[..., :n].mT
    return images


def scale_add(
    images: torch.Tensor, scale: float, others: torch.Tensor, out: torch.Tensor
) -> torch.Tensor:
    """Write ``scale * images + others``: ``cv2.scaleAdd`` on any device."""
    return torch.add(others, images, alpha=scale, out=out)


def _sum_up(
    images: Any, steps: Sequence[float], out: Any, tools: Tools = (down, up, scale_add)
) -> Any:
    """Write the sum of Gaussian levels, brought to full size, with a weight each; return it."""
    down, up, scale_add = tools
    gaussians = [images]
    for _ in steps[1:]:
        gaussians.append(down(gaussians[-1]))
    total = gaussians[-1] * steps[-1]
    for level in reversed(range(len(steps) - 1)):
        height, width = gaussians[level].shape[-2:]
        total = up(total, dstsize=(width, height))
        if steps[level]:
            total = scale_add(gaussians[level], steps[level], total, total if level else out)
    if total is not out:
        out[:] = total
    return out
