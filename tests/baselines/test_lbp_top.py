"""LBP-TOP: the fast form against the definition, pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from microexpr.baselines.lbp_top import LABELS, block_counts, coarser, histograms, uniform_labels
from microexpr.errors import DataError


def literal_code(clip: np.ndarray, at: tuple[int, int, int], axes: tuple[int, int]) -> int:
    """Compare eight points on a circle of radius 1 with the centre, interpolating bilinearly."""
    code, centre = 0, float(clip[at])
    for p in range(8):
        down, right = -math.sin(2 * math.pi * p / 8), math.cos(2 * math.pi * p / 8)
        value = 0.0
        for a in (-1, 0, 1):
            for b in (-1, 0, 1):
                weight = max(0, 1 - abs(down - a)) * max(0, 1 - abs(right - b))
                where = list(at)
                where[axes[0]] += a
                where[axes[1]] += b
                value += weight * float(clip[tuple(where)])
        code |= int(value >= centre - 1e-6) << p
    return code


def literal_counts(clip: np.ndarray, grid: tuple[int, int, int]) -> np.ndarray:
    counts = np.zeros((*grid, 3, LABELS), int)
    labels = uniform_labels()
    inner = [size - 2 for size in clip.shape]
    for at in np.ndindex(*inner):
        block = tuple(i * g // n for i, g, n in zip(at, grid, inner, strict=True))
        centre = tuple(i + 1 for i in at)
        for plane, axes in enumerate(((1, 2), (0, 2), (0, 1))):
            counts[block][plane, labels[literal_code(clip, centre, axes)]] += 1
    return counts


@pytest.mark.parametrize("grid", [(1, 1, 1), (2, 3, 2), (1, 5, 4)])
def test_equals_the_definition(grid):
    clip = np.random.default_rng(1).integers(0, 40, (7, 11, 10))
    clip[:, 4:8, 3:7] = 17  # equal values: the neighbour counts as not smaller
    np.testing.assert_array_equal(block_counts(clip, grid), literal_counts(clip, grid))


def test_there_are_58_uniform_patterns_and_one_label_for_the_rest():
    labels = uniform_labels()
    assert np.bincount(labels).tolist() == [1] * 58 + [256 - 58]
    assert labels[0] == 0
    assert labels[0b00111000] != LABELS - 1
    assert labels[0b01010000] == LABELS - 1


def test_a_brighter_or_stretched_clip_has_the_same_codes():
    clip = np.random.default_rng(2).integers(0, 100, (6, 12, 12))
    np.testing.assert_array_equal(
        block_counts(clip, (1, 2, 2)), block_counts(2 * clip + 30, (1, 2, 2))
    )


def test_a_still_clip_has_one_pattern_along_time_only():
    frame = np.random.default_rng(3).integers(0, 256, (14, 14))
    still = block_counts(np.repeat(frame[None], 5, axis=0), (1, 1, 1))[0, 0, 0]
    assert (still[0] > 0).sum() > 20
    moving = block_counts(np.stack([np.roll(frame, i, axis=1) for i in range(5)]), (1, 1, 1))
    assert (moving[0, 0, 0, 1] > 0).sum() > (still[1] > 0).sum()


def test_histograms_sum_to_one_and_grids_nest():
    clip = np.random.default_rng(4).integers(0, 256, (5, 37, 29))
    fine = block_counts(clip, (1, 8, 8))
    np.testing.assert_array_equal(coarser(fine), block_counts(clip, (1, 4, 4)))
    np.testing.assert_array_equal(coarser(coarser(coarser(fine))), block_counts(clip, (1, 1, 1)))
    assert histograms(fine).sum(axis=-1) == pytest.approx(1)


@pytest.mark.parametrize("shape", [(3, 20, 20), (10, 9, 20)])
def test_a_clip_smaller_than_the_grid_is_refused(shape):
    with pytest.raises(DataError, match="too small for LBP-TOP in 2x8x8 blocks"):
        block_counts(np.zeros(shape), (2, 8, 8))
