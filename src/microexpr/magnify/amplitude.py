"""Amplitude-based (linear, Eulerian) motion magnification, Wu et al. 2012.

``out = x + alpha * S(M x)`` with M the temporal filter and S the weighted sum of a Laplacian
pyramid's levels (Burt and Adelson 1983). They commute: with ``M = L R`` of rank r, S runs on the r
components ``R x``. With g_l the Gaussian levels and ``band_l = g_l - up(g_{l+1})``, ``sum_l w_l *
band_l`` at full size is ``sum_l (w_l - w_{l-1}) * up^l(g_l)``: no band is formed, and equal weights
cost nothing. The ideal filter of the authors' code passes half of the spectrum: its alpha is twice
the one here.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any, cast, overload

import cv2
import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from microexpr.errors import ConfigError
from microexpr.magnify.arguments import ArrayT
from microexpr.magnify.clip import Progress, check_mask, luma, magnified
from microexpr.magnify.operator import ClipFilter, blocks, fresh

BLOCK_VALUES = 1 << 19  # changes of colours are made in blocks of this size
Tools = tuple[Callable[..., Any], ...]  # to halve, to double and to add
TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
PEAK_WAVELENGTH_PX = 5.0  # of the finest band; band l peaks at 5 * 2^l px


class AmplitudeMagnifier:
    """Laplacian pyramid, colours and mask for frames of one size; options as of :func:`amm`."""

    control, bound = False, 1 / 4
    advice = "; the result can be worse than the clip itself, unless magnify.amm.bounded is true"

    def __init__(
        self,
        first: torch.Tensor,
        *,
        levels: Annotated[int, Field(ge=1)] = 6,
        lambda_c_px: Annotated[float, Field(ge=0)] = 16.0,
        bounded: bool = False,
        level_gains: Sequence[float] | None = None,
        chroma_gain: float = 0.0,
        mask: torch.Tensor | None = None,
    ) -> None:
        self.height, self.width = first.shape
        self.levels = fitting_levels(self.height, self.width, levels)
        if level_gains is not None and len(level_gains) != self.levels + 1:
            wanted = f"{self.levels} levels and the low-pass residual"
            raise ConfigError(f"level_gains: {len(level_gains)} values for {wanted}")
        check_mask(mask, self.height, self.width)
        self.wavelength_px, self.level_gains = lambda_c_px, level_gains
        self.bounded, self.motion_px = bounded, math.nan  # of the clip, where it is measured
        self.chroma_gain, self.mask = chroma_gain, mask

    def weights(self, alpha: float) -> list[float]:
        """Return the share of alpha of each level, finest first, and of the low-pass residual."""
        if self.level_gains is not None:
            return [float(gain) for gain in self.level_gains]
        lambda_c_px = self.wavelength_px
        if self.bounded:  # the shortest wavelength that bears the motion, eq. 14
            if math.isnan(self.motion_px):
                raise ConfigError(
                    "magnify.amm.bounded: true needs the motion of a whole clip; a stream with a "
                    "causal filter does not have it: give magnify.amm.lambda_c_px"
                )
            lambda_c_px = max(lambda_c_px, 8 * (1 + alpha) * self.motion_px)
        return [*level_weights(self.levels, alpha=alpha, lambda_c_px=lambda_c_px), 0.0]

    def run(
        self,
        clip: torch.Tensor,
        operator: ClipFilter,
        alphas: Sequence[float],
        progress: Progress | None = None,
        *,
        base: torch.Tensor | None = None,
    ) -> list[torch.Tensor]:
        """Return ``base + S(M planes)``, (T, H, W) or (T, H, W, 3), for each alpha."""
        base = clip if base is None else base
        maps = operator.maps(self._planes(clip))
        results = [fresh(base.shape, base) for _ in alphas]
        for number, (alpha, result) in enumerate(zip(alphas, results, strict=True)):
            gain = 1.0 if self.control else alpha
            gains = [gain * weight for weight in self.weights(alpha)]
            spatial = weighted_sum(maps.view(-1, self.height, self.width), gains)
            if self.mask is not None:
                spatial *= self.mask.to(spatial)
            spatial = spatial.view(maps.shape)
            if base.ndim == 3:
                operator.add(base.flatten(1), spatial, out=result.flatten(1))
            else:  # to all colours alike, or to each its own
                for rows in blocks(len(base), max(1, BLOCK_VALUES // spatial.shape[1])):
                    change = operator.mixed(spatial, rows)
                    change = change.view(len(change), -1, self.height, self.width).movedim(1, -1)
                    torch.add(base[rows], change, out=result[rows])
            if progress:
                progress((number + 1) / len(alphas))
        return results

    def _planes(self, clip: torch.Tensor) -> torch.Tensor:
        """Return what is filtered, (T, n): the luma, or red, green, blue with less chroma."""
        planes = luma(clip)
        if clip.ndim == 4 and self.chroma_gain:
            planes = torch.lerp(planes[..., None], clip, self.chroma_gain).movedim(-1, 1)
        return planes.reshape(len(clip), -1)


class FilterMagnifier(AmplitudeMagnifier):
    """The control: what is filtered is added without its gain."""

    control, bound = True, math.inf


@overload
def amm(clip: ArrayT, *, alpha: float, **options: Any) -> ArrayT: ...
@overload
def amm(clip: ArrayT, *, alpha: Sequence[float], **options: Any) -> list[ArrayT]: ...
def amm(clip: Any, *, alpha: Any, **options: Any) -> Any:
    """Magnify small motions by amplifying brightness changes.

    Parameters
    ----------
    clip : Tensor or ndarray, shape (T, H, W) or (T, H, W, 3)
        Grey or RGB frames: float32 or float64 in 0..1, uint8 in 0..255, or uint16 in 0..65535; on
        any device. No gradient is computed.
    fps, passband_hz, temporal_filter, order, reference_frame, anchored
        The temporal filter, see :func:`microexpr.magnify.temporal.filter_matrix`.
    alpha : float, or sequence or array of float
        Amplification: motions become ``1 + alpha`` times as large; -1, the least, removes them. A
        sequence gives a list of results from one analysis.
    levels : int, default 6
        Band-pass levels of the Laplacian pyramid; at most as many as fit the frames.
    lambda_c_px : float, default 16
        Shortest wavelength that gets all of alpha, px; 0 gives all wavelengths all of it. See
        :func:`microexpr.magnify.amplitude.level_weights` (Wu et al. 2012, eq. 14).
    bounded : bool, default False
        Take the displacement in that equation from the motion that is measured in the clip, so that
        each level gets no more than it bears: detail does not break at any alpha, and motion in it
        is magnified less. `lambda_c_px` remains the least.
    level_gains : sequence of float, optional
        Share of alpha for each level, finest first, then for the low-pass residual: levels + 1
        values that replace those of `lambda_c_px`. ``[0] * levels + [1]`` magnifies the colour or
        brightness of a Gaussian pyramid's level.
    chroma_gain : float, default 0
        Share of alpha for the chroma (I and Q of YIQ); 0 passes chroma through.
    mask : Tensor or ndarray, shape (H, W), optional
        Factor on what is added, for instance 1 in a region of interest and 0 elsewhere.
    device, dtype : optional
        Where and in which precision (float32 or float64) it is computed; those of the clip by
        default. The result has the clip's own all the same.
    progress : callable, optional
        Called with the share of the work done, 0..1.

    Returns
    -------
    Tensor or ndarray, or list of them
        Container, shape, dtype and device of `clip`. Floats are not clamped and may leave 0..1;
        integers are rounded and clamped once.

    Raises
    ------
    ConfigError, DataError
        Impossible options, named, and unusable clips, with the numbers and the conversion.

    Warns
    -----
    MicroexprWarning
        Where the magnified motion is beyond a quarter of the wavelength that the detail that moves
        or `lambda_c_px` has: the result can be worse than the clip itself. Not with `bounded`.
    """
    return magnified(clip, AmplitudeMagnifier, alpha, **options)


def filter_only(clip: ArrayT, *, alpha: float = 10.0, **options: Any) -> ArrayT:
    """Filter as :func:`amm` does, without its gain: the control method.

    Every frame is the reference frame plus the deviation that `amm` would add, divided by alpha:
    ``out[t] = x[reference_frame] + S(M x)[t]``. Whatever recognition gains over the untouched clip
    is due to the temporal and spatial filtering (less noise), not to magnification. Chroma is that
    of the reference frame, plus `chroma_gain` times its filtered deviation. `alpha` only sets the
    weights of the levels that `lambda_c_px` attenuates. Other options, the result and errors are
    those of :func:`amm`.
    """
    return magnified(clip, FilterMagnifier, alpha, True, **options)


def fitting_levels(height_px: int, width_px: int, levels: int) -> int:
    """Return the number of band-pass levels, at most `levels`, that leave 2 px per side."""
    return max(1, min(levels, int(min(height_px, width_px) // 2).bit_length()))


def level_weights(levels: int, *, alpha: float, lambda_c_px: float) -> list[float]:
    """Return each level's share of alpha, finest first; the low-pass gets none.

    Wu et al. 2012, eq. 14: ``(1 + alpha) * delta < lambda / 8``. `lambda_c_px`, the shortest
    wavelength that gets all of alpha, fixes delta; a shorter one gets ``lambda / (8 delta) - 1``,
    never negative (that would reverse the motion). With 0 px or alpha < 0 all levels get all of it.
    """
    if lambda_c_px == 0 or alpha < 0:
        return [1.0] * levels
    wavelengths = [PEAK_WAVELENGTH_PX * 2.0**level for level in range(levels)]
    if alpha == 0:  # the limit
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
