"""LBP-TOP, and clips resampled in time by the temporal interpolation model (TIM).

LBP-TOP (Zhao and Pietikäinen, TPAMI 2007): local binary patterns on the planes XY, XT and YT, of
P = 8 neighbours at radius R = 1 px or frame, bilinearly interpolated on the diagonals; uniform
patterns, 59 labels a plane. Codes are made of the whole clip and counted by block.

TIM (Zhou, Zhao and Pietikäinen, CVPR 2011) embeds the frames of a clip as a path graph, whose
eigenvectors can be evaluated between the frames. At the frames they are the basis of the discrete
cosine transform: so the map is a matrix (frames out, frames in) that does not depend on the clip.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from microexpr.errors import DataError

LABELS = 59  # 58 patterns with at most two transitions, and one label for all others
PLANES = ((1, 2), (0, 2), (0, 1))  # axes of XY, XT and YT in (T, y, x)
DIAGONAL = np.sqrt(0.5)  # of a neighbour at 45 degrees and radius 1, along either axis
# Neighbour p lies at the angle 2 pi p / 8, counter-clockwise from the second axis of the plane.
STEPS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))


def uniform_labels() -> NDArray[np.uint8]:
    """Return the label of each of the 256 codes: uniform ones in order, then all others."""
    codes = np.arange(256)
    bits = (codes[:, None] >> np.arange(8)) & 1
    uniform = (bits != np.roll(bits, 1, axis=1)).sum(1) <= 2
    return np.where(uniform, np.cumsum(uniform) - 1, LABELS - 1).astype(np.uint8)


def block_counts(clip: NDArray[np.number], grid: tuple[int, int, int]) -> NDArray[np.int64]:
    """Count the labels of XY, XT and YT in each block of a grey clip (T, H, W): (*grid, 3, 59).

    `grid` are the blocks along time, height and width. The outermost frames and pixels have no
    code.
    """
    inner = tuple(size - 2 for size in clip.shape)
    if any(size < blocks for size, blocks in zip(inner, grid, strict=True)):
        raise DataError(
            f"a clip of {'x'.join(map(str, clip.shape))} (frames, height, width) is too small for "
            f"LBP-TOP in {'x'.join(map(str, grid))} blocks"
        )
    values = np.ascontiguousarray(clip, dtype=np.float32)
    t, y, x = (np.arange(size) * blocks // size for size, blocks in zip(inner, grid, strict=True))
    block = (t[:, None, None] * grid[1] + y[:, None]) * grid[2] + x
    labels, size = uniform_labels(), int(np.prod(grid)) * LABELS
    counts = [
        np.bincount((block * LABELS + labels[_codes(values, axes)]).ravel(), minlength=size)
        for axes in PLANES
    ]
    return np.stack(counts, axis=0).reshape(3, *grid, LABELS).transpose(1, 2, 3, 0, 4)


def histograms(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Turn counts (..., 59) into shares: each plane of each block sums to 1."""
    return (counts / counts.sum(axis=-1, keepdims=True)).astype(np.float32)


def coarser(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join blocks two by two in height and width: counts of (t, y / 2, x / 2, 3, 59)."""
    t, y, x, *rest = counts.shape
    return counts.reshape(t, y // 2, 2, x // 2, 2, *rest).sum(axis=(2, 4))


def _codes(values: NDArray[np.float32], axes: tuple[int, int]) -> NDArray[np.uint8]:
    """Compare each inner value with its eight neighbours in a plane.

    Interpolated neighbours are compared by their difference from the centre: where all values are
    equal it is exactly zero, which rounding would not give otherwise.
    """
    differences = {step: _shifted(values, axes, step) - _shifted(values, axes) for step in STEPS}
    codes = np.zeros(differences[STEPS[0]].shape, np.uint8)
    for p, (down, right) in enumerate(STEPS):
        difference = differences[down, right]
        if down and right:
            sides = differences[down, 0] + differences[0, right]
            difference = np.float32(1 - DIAGONAL) * sides + np.float32(DIAGONAL) * difference
        codes |= (difference >= 0).astype(np.uint8) << np.uint8(p)
    return codes


def _shifted(
    values: NDArray[np.float32], axes: tuple[int, int], step: tuple[int, int] = (0, 0)
) -> NDArray[np.float32]:
    """Return the inner part of a clip, shifted by a step along two axes."""
    starts = [1, 1, 1]
    for axis, offset in zip(axes, step, strict=True):
        starts[axis] += offset
    stops = [start + size - 2 for start, size in zip(starts, values.shape, strict=True)]
    return values[tuple(slice(*span) for span in zip(starts, stops, strict=True))]


Floats = NDArray[np.floating]


@lru_cache(maxsize=256)
def tim_matrix(n_frames: int, n_out: int) -> NDArray[np.float64]:
    """Return the matrix from a clip's frames to 2 or more at equal distances; its rows sum to 1."""
    if n_frames < 1 or n_out < 2:
        raise DataError(f"a clip of {n_frames} frames cannot be resampled to {n_out}")
    at_frames, at_out = (
        np.linspace(1 / n_frames, 1, count)[:, None] for count in (n_frames, n_out)
    )
    k = np.arange(1, n_frames)
    phase = np.pi * (n_frames - k) / (2 * n_frames)
    curve_at_frames, curve_at_out = (np.sin(np.pi * k * t + phase) for t in (at_frames, at_out))
    matrix = (1 + 2 * curve_at_out @ curve_at_frames.T) / n_frames
    matrix.setflags(write=False)
    return matrix


def resample(clip: Floats | NDArray[np.uint8], n_out: int) -> NDArray[np.float32]:
    """Resample a clip (T, ...) in time to (n_out, ...) float32; between frames it may overshoot."""
    matrix = tim_matrix(len(clip), n_out).astype(np.float32)
    flat = np.asarray(clip, dtype=np.float32).reshape(len(clip), -1)
    return (matrix @ flat).reshape(n_out, *clip.shape[1:])
