"""Frequency responses of the steerable pyramid: rings, lobes, and the boxes that hold them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from microexpr.magnify.bands import Band, fast_length

Mask = NDArray[np.float64]


class Polar(NamedTuple):
    """Frequencies on a grid, cycles per image side; radius in octaves from Nyquist."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    log_radius: Mask
    angle: Mask


class Box(NamedTuple):
    """A band's mask on its box, the box's first frequencies, and which band it is."""

    mask: Mask
    row: int
    column: int
    radial: int
    orientation: int


def frequencies(n: int, octaves: float | None = None) -> NDArray[np.int64]:
    """Return cycles per image side: all, as in a spectrum, or those around zero, in order."""
    if octaves is None:
        return (np.arange(n) + n // 2) % n - n // 2
    reach = math.ceil(n / 2 * 2.0**octaves)
    return np.arange(max(-reach, -(n // 2)), min(reach, (n - 1) // 2) + 1)


def polar(rows: NDArray[np.int64], columns: NDArray[np.int64], size: tuple[int, int]) -> Polar:
    """Return radius and angle of the frequencies of some rows and columns of a spectrum."""
    fy, fx = rows[:, None] * 2 / size[0], columns[None] * 2 / size[1]
    radius = np.maximum(np.hypot(fy, fx), 1e-12)
    return Polar(rows, columns, np.log2(radius), np.arctan2(fy, fx))


def high_pass(log_radius: Mask, corner: float, width: float) -> Mask:
    """Return 1 above a corner (octaves below Nyquist), 0 from `width` octaves below it."""
    return np.abs(np.cos(np.clip(log_radius - corner, -width, 0) * np.pi / (2 * width)))


def low_pass(log_radius: Mask, flanks: Sequence[tuple[float, float]]) -> Mask:
    """Return what the high-passes with these flanks (corner, width) leave."""
    low = np.ones_like(log_radius)
    for flank in flanks:
        low *= np.sqrt(np.maximum(0, 1 - high_pass(log_radius, *flank) ** 2))
    return low


def angular_mask(angle: Mask, k: int, orientations: int) -> Mask:
    """Return one-sided ``cos ** (K - 1)``, scaled so that the squares of all lobes sum to 1.

    The lobe is around positive horizontal frequencies.
    """
    order = orientations - 1
    scale = math.factorial(order) * 2.0**order / math.sqrt(orientations * math.factorial(2 * order))
    centre = np.pi * k / orientations - (np.pi if 2 * k > orientations else 0.0)
    distance = np.mod(np.pi + angle - centre, 2 * np.pi) - np.pi
    inside = (distance > -np.pi / 2 + 1e-9) & (distance < np.pi / 2 + 1e-9)
    return scale * np.where(inside, np.maximum(np.cos(distance), 0.0), 0.0) ** order * inside


def bounding_box(mask: Mask, near: Polar, size: tuple[int, int], radial: int, k: int) -> Box:
    """Return the bounding box of the mask's support, extended to lengths of a fast FFT."""
    by_row, by_column = (np.asarray(mask.any(axis=axis)) for axis in (1, 0))
    row, y, inner_y, height = _side(by_row, near.rows, size[0], contiguous=False)
    column, x, inner_x, width = _side(by_column, near.columns, size[1], contiguous=True)
    box = np.zeros((height, width))
    box[inner_y, inner_x] = mask[y, x]
    return Box(box, row, column, radial, k)


def _side(
    support: NDArray[np.bool_], frequencies: NDArray[np.int64], n: int, *, contiguous: bool
) -> tuple[int, slice, slice, int]:
    """Return a box's first frequency, part of the grid, that part's place in it, and length."""
    used = np.flatnonzero(support)
    first, length = int(frequencies[used[0]]), int(used[-1] - used[0]) + 1
    side = min(n, fast_length(length, contiguous=contiguous))
    row = first - (side - length) // 2
    row = min(max(row, -(n // 2)), (n + 1) // 2 - side)
    inner = slice(first - row, first - row + length)
    return row, slice(used[0], used[-1] + 1), inner, side


def power(boxes: Sequence[Box], size: tuple[int, int]) -> Mask:
    """Sum the squares of all masks, at a frequency and at its opposite."""
    total = np.zeros(size)
    for box in boxes:
        total[_places(box, size)] += box.mask**2
    return total + np.roll(total[::-1, ::-1], (1, 1), (0, 1))


def rescaled(boxes: Sequence[Box], size: tuple[int, int], wanted: Mask) -> list[Box]:
    """Scale masks to the wanted power where they have at least a quarter of it."""
    found = power(boxes, size)
    kept = found > wanted / 4
    factor = np.sqrt(np.where(kept, wanted / np.where(kept, found, 1), 1))
    return [box._replace(mask=box.mask * factor[_places(box, size)]) for box in boxes]


def _places(box: Box, size: tuple[int, ...]) -> tuple[NDArray[np.int64], ...]:
    """Return the index of a box in the layout of a whole spectrum."""
    rows, columns = box.mask.shape
    return np.ix_(
        (box.row + np.arange(rows)) % size[0], (box.column + np.arange(columns)) % size[1]
    )


def as_band(box: Box, octave: float) -> Band:
    """Return the box as tensors."""
    mask = torch.from_numpy(box.mask).float()
    return Band(box.radial, box.orientation, octave, mask, box.row, box.column)
