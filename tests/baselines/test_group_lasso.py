"""Group lasso in kernels: it falls, it ends at the optimum, and it finds the blocks that matter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from microexpr.baselines.lbp_top import fit_group_lasso


def example(
    blocks: int = 12, informative: tuple[int, ...] = (3, 7), clips: int = 60, seed: int = 0
):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(blocks, 2 * clips, 4))
    classes = np.arange(2 * clips) % 3
    for block in informative:
        features[block, :, :3] += 1.5 * np.eye(3)[classes]
    features -= features[:, :clips].mean(axis=1, keepdims=True)
    kernels = features[:, :clips] @ features[:, :clips].transpose(0, 2, 1)
    tests = features[:, clips:] @ features[:, :clips].transpose(0, 2, 1)
    targets = np.eye(3)[classes]
    return features, kernels, tests, targets


def test_the_objective_never_rises():
    _, kernels, _, targets = example()
    objectives = fit_group_lasso(kernels, targets[:60] - 1 / 3, alpha=3.0).objectives
    assert len(objectives) > 3
    assert (np.diff(objectives) <= 1e-9).all()


def test_informative_blocks_get_the_weight_and_unseen_clips_are_told_apart():
    _, kernels, tests, targets = example()
    model = fit_group_lasso(kernels, targets[:60] - 1 / 3, alpha=30.0)
    assert model.weights.sum() == pytest.approx(1)
    assert set(np.argsort(model.weights)[-2:]) == {3, 7}
    assert model.weights[[3, 7]].sum() > 0.8
    right = model.scores(tests).argmax(axis=1) == targets[60:].argmax(axis=1)
    assert right.mean() > 0.85


def test_a_single_target_reaches_the_optimum_of_the_group_lasso():
    features, kernels, _, targets = example(blocks=3, informative=(1,), clips=20)
    wanted, x, alpha = targets[:20, 0] - 1 / 3, features[:, :20], 5.0

    def objective(flat: np.ndarray) -> float:
        w = flat.reshape(3, 4)
        lost = ((wanted - np.einsum("bij,bj->i", x, w)) ** 2).sum()
        return lost + alpha * np.sqrt((w**2).sum(axis=1) + 1e-12).sum() ** 2

    best = min(
        minimize(objective, start).fun for start in np.random.default_rng(0).normal(size=(4, 12))
    )
    found = fit_group_lasso(kernels, wanted[:, None], alpha=alpha, iterations=500).objectives[-1]
    assert found == pytest.approx(best, rel=2e-2)
    assert found >= best - 1e-6


def test_weights_of_clips_count_as_repetitions():
    _, kernels, _, targets = example(clips=12)
    twice = np.r_[np.arange(12), np.arange(6)]
    repeated = fit_group_lasso(kernels[:, twice][:, :, twice], targets[twice] - 1 / 3, alpha=2.0)
    weighted = fit_group_lasso(
        kernels, targets[:12] - 1 / 3, alpha=2.0, sample_weight=np.r_[np.full(6, 2.0), np.ones(6)]
    )
    np.testing.assert_allclose(repeated.weights, weighted.weights, atol=1e-6)


def test_kernels_without_content_end_quietly():
    model = fit_group_lasso(np.zeros((2, 6, 6)), np.eye(3)[np.arange(6) % 3] - 1 / 3, alpha=1.0)
    assert np.isfinite(model.weights).all()
