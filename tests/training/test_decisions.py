"""Clip decisions on logits whose results are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from microexpr.training.model import decide

# Probabilities of three windows; class 0 has most votes, class 1 the highest mean.
SHARES = np.array([[0.5, 0.4, 0.1], [0.45, 0.35, 0.2], [0.05, 0.9, 0.05]])
ENDS = np.array([13, 14, 12])


def test_mean_softmax_averages_probabilities_not_logits():
    shares, predicted = decide(np.log(SHARES), ENDS, "mean_softmax")
    assert shares == pytest.approx(SHARES.mean(0))
    assert predicted == 1
    # One certain window against two hesitant ones: the mean of the logits would say 1.
    logits = np.array([[0.0, 50.0], [2.0, 0.0], [2.0, 0.0]])
    assert decide(logits, ENDS, "mean_softmax")[1] == 0


def test_majority_counts_votes():
    shares, predicted = decide(np.log(SHARES), ENDS, "majority")
    assert shares == pytest.approx([2 / 3, 1 / 3, 0])
    assert predicted == 0


def test_equal_votes_go_to_the_higher_mean_probability():
    shares, predicted = decide(np.log(SHARES[[0, 2]]), ENDS[:2], "majority")
    assert shares == pytest.approx([0.5, 0.5, 0])
    assert predicted == 1


def test_last_window_is_the_one_that_ends_last():
    shares, predicted = decide(np.log(SHARES), ENDS, "last_window")
    assert shares == pytest.approx(SHARES[1])
    assert predicted == 0
    # Of two that end together the first listed counts: the one of the smaller step.
    assert decide(np.log(SHARES), np.array([9, 14, 14]), "last_window")[1] == 0


def test_whole_clip_is_its_only_sequence():
    shares, predicted = decide(np.log(SHARES[2:]), ENDS[2:], "whole_clip")
    assert shares == pytest.approx(SHARES[2])
    assert predicted == 1


def test_large_logits_do_not_overflow():
    logits = np.array([[1000.0, 0.0, -1000.0]], np.float32)
    assert decide(logits, ENDS[:1], "mean_softmax")[0].tolist() == [1.0, 0.0, 0.0]
