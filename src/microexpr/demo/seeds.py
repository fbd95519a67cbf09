"""Where every random number of the demo set comes from.

Each draw has its own stream, keyed by subject, clip and purpose. So a clip does not depend on how
many others there are, and a setting that changes one thing (the amplitude, say) leaves the rest as
it was.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What the numbers are for. Values start at 1: a seed sequence ignores trailing zeros."""

    IDENTITY = 1
    TIMING = 2
    ACTION = 3
    NUISANCE = 4
    NOISE = 5
    COUNTER = 6


def generator(seed: int, subject: int, clip: int, stream: Stream) -> np.random.Generator:
    """Return the generator of one purpose.

    Parameters
    ----------
    seed : int
        Seed of the whole set.
    subject : int
        Subject number, from 1.
    clip : int
        Key of the clip within the subject; 0 for what all clips of a subject share.
    stream : Stream
        Purpose.
    """
    return np.random.default_rng([seed, subject, clip, stream])
