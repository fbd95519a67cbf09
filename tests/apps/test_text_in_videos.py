"""The annotated video shows names in any script, or says which font the machine lacks."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from microexpr.apps.predict.annotated_video import _text
from microexpr.errors import MicroexprWarning

WIDTH = 60


def drawn(text: str) -> np.ndarray:
    panel = np.zeros((30, 200, 3), np.uint8)
    _text(panel[:, :WIDTH], text, 8, 22, (255, 128, 0))
    assert not panel[:, WIDTH:].any()
    return panel


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ü", "Ö"), ("страх", "грусть"), ("έκπληξη", "θυμός"), ("a", "b"), ("é", "?")],
)
def test_two_names_never_look_the_same(one, other):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the font of figures has all these
        pictures = [drawn(name) for name in (one, other)]
    assert all(picture[..., 0].any() and not picture[..., 2].any() for picture in pictures)
    assert (pictures[0] != pictures[1]).any()


def test_signs_that_no_font_has_are_named():
    with pytest.warns(MicroexprWarning, match="no font of this machine has \U000ffffd; install"):
        drawn("\U000ffffd")
