"""The random numbers of the plan are NumPy's: the demo's clips are those of any other NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microexpr.demo.draws import EDGE, Draws

KEYS = st.lists(st.integers(0, 2**70), min_size=1, max_size=6)


@given(key=KEYS, low=st.integers(-(10**9), 10**9), count=st.integers(2, 2**32 - 2))
@settings(max_examples=300, deadline=None)
def test_numbers_are_those_of_numpy(key: list[int], low: int, count: int) -> None:
    ours, theirs = Draws(key), np.random.default_rng(key)
    for _ in range(3):
        assert ours.integers(low, low + count) == theirs.integers(low, low + count)
        assert ours.uniform(-0.3, 7) == theirs.uniform(-0.3, 7)
        assert ours.normal(3.4, 0.3) == pytest.approx(theirs.normal(3.4, 0.3), rel=1e-13)


def test_normal_numbers_are_those_of_numpy_in_every_part_of_the_curve() -> None:
    ours, theirs = Draws([2021]), np.random.default_rng(2021)
    drawn = [ours.normal(0, 1) for _ in range(100_000)]
    np.testing.assert_allclose(drawn, theirs.normal(0, 1, len(drawn)), rtol=1e-12)
    # Both tails, which few clips reach, were among them.
    assert min(drawn) < -EDGE
    assert max(drawn) > EDGE
