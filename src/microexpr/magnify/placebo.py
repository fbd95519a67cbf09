"""Placebos: a still face with a clip's own noise, drift and flicker, magnified as the clip is.

What magnification makes of these is no expression: a classifier must be at chance on it.
"""

import zlib
from typing import Any

import torch
from torch.nn.functional import grid_sample

from microexpr.magnify.amplitude import amm
from microexpr.magnify.clip import luma
from microexpr.magnify.phase import pmm

MAD_TO_SD = 1.4826  # of a normal distribution
ROUNDS = 10  # of weighted least squares


@torch.no_grad()
def still_face(clip: torch.Tensor, reference_frame: int = 0) -> torch.Tensor:
    """Return the reference frame with the drift, flicker and noise of a clip, (T, H, W, 3) float32.

    Drift is one shift of each whole frame, whose direction is drawn (signs of x and y), as an
    expression is a little of it; flicker is one gain; noise is drawn anew, normal and white. The
    same clip gives the same noise.
    """
    still, grey = clip[reference_frame], luma(clip)
    draws = torch.Generator().manual_seed(zlib.crc32(clip.cpu().numpy().tobytes()))
    signs = (torch.randint(0, 2, (2,), generator=draws) * 2 - 1).to(clip.device)
    gain, shift = _whole_frame(grey, reference_frame).split([1, 2], dim=1)
    moved = _shifted(still, shift * signs) * (1 + gain)[..., None, None]
    noise = torch.randn(clip.shape, generator=draws)
    return moved.add_(noise.to(clip.device) * _noise_sd(clip)).clamp_(0, 1)


def _whole_frame(grey: torch.Tensor, reference_frame: int) -> torch.Tensor:
    """Fit gain (less 1) and shift, px right and down, of each frame, (T, 3), robustly (Cauchy)."""
    reference = grey[reference_frame].double()
    down, right = torch.gradient(reference)
    model = torch.stack([reference, -right, -down]).flatten(1).T
    change = (grey.double() - reference).flatten(1)
    found, weights = change.new_zeros(len(grey), 3), torch.ones_like(change)
    for _ in range(ROUNDS):
        normal = torch.einsum("tp,pi,pj->tij", weights, model, model)
        found = torch.linalg.solve(normal, (weights * change) @ model)
        rest = change - found @ model.T
        scale = rest.abs().median(dim=1, keepdim=True).values * MAD_TO_SD + 1e-9
        weights = 1 / (1 + (rest / scale).square())
    return found.float()


def _noise_sd(clip: torch.Tensor) -> torch.Tensor:
    """Return the sd of a clip's noise, (3,): motion is slow, and its second differences small."""
    if len(clip) < 3:
        return torch.zeros(3, device=clip.device)
    second = (clip[2:] - 2 * clip[1:-1] + clip[:-2]).abs().flatten(0, 2)
    return second.median(dim=0).values * (MAD_TO_SD / 6**0.5)


def _shifted(image: torch.Tensor, shift_px: torch.Tensor) -> torch.Tensor:
    """Shift an image (H, W, 3) by each of (T, 2) px, right and down: (T, H, W, 3)."""
    height, width, _ = image.shape
    y, x = (torch.arange(size, device=image.device) + 0.5 for size in (height, width))
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1) - shift_px[:, None, None]
    grid = points * 2 / points.new_tensor((width, height)) - 1
    many = image.permute(2, 0, 1).expand(len(shift_px), -1, -1, -1)
    options: dict[str, Any] = {"mode": "bicubic", "padding_mode": "border", "align_corners": False}
    return grid_sample(many, grid, **options).permute(0, 2, 3, 1)


def placebo_amm(clip: torch.Tensor, alpha: Any, **options: Any) -> Any:
    """Magnify the :func:`still_face` of a clip by amplitude; arguments as :func:`.amm`."""
    return amm(still_face(clip, options.get("reference_frame", 0)), alpha=alpha, **options)


def placebo_pmm(clip: torch.Tensor, alpha: Any, **options: Any) -> Any:
    """Magnify the :func:`still_face` of a clip by phase; arguments as :func:`.pmm`."""
    return pmm(still_face(clip, options.get("reference_frame", 0)), alpha=alpha, **options)
