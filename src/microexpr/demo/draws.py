"""NumPy's random numbers without NumPy.

The lengths of the demo's clips are random, and planning has to know them, also in an environment
that holds Snakemake alone. So the few kinds of draws that they need are written out here. A stream
gives the numbers of ``numpy.random.default_rng`` (SeedSequence and PCG64): ``uniform`` and
``integers`` to the bit, ``normal`` to the rounding of its tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache

WORD, LONG, WIDE = (1 << 32) - 1, (1 << 64) - 1, (1 << 128) - 1
MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645  # of PCG64

LAYERS = 256
EDGE = 3.6541528853610088  # where the tail of the ziggurat begins
AREA = EDGE * math.exp(-0.5 * EDGE**2) + math.sqrt(math.pi / 2) * math.erfc(EDGE / math.sqrt(2))
SCALE = 1 << 52


class Draws:
    """One stream of random numbers.

    Parameters
    ----------
    key : sequence of int
        What the stream is for; none is negative.
    """

    def __init__(self, key: Sequence[int]) -> None:
        high, low, first, second = _state(key)
        self._increment = ((first << 64 | second) << 1 | 1) & WIDE
        self._state = self._increment
        self._state = (self._state + (high << 64 | low)) & WIDE
        self._step()
        self._upper: int | None = None

    def uniform(self, low: float, high: float) -> float:
        """Draw evenly from [low, high)."""
        return low + (high - low) * self._share()

    def integers(self, low: int, high: int) -> int:
        """Draw an integer from [low, high), which holds fewer than 2^32: Lemire's method."""
        count = high - low
        while True:
            product = self._word() * count
            if product & WORD >= (1 << 32) % count:
                return low + (product >> 32)

    def normal(self, mean: float, sd: float) -> float:
        """Draw from a normal distribution."""
        return mean + sd * self._normal()

    def _normal(self) -> float:
        """Marsaglia and Tsang's ziggurat."""
        widths, limits, heights = _ziggurat()
        while True:
            bits = self._next()
            layer, sign, rest = bits & 0xFF, bits >> 8 & 1, bits >> 9 & (SCALE - 1)
            x = rest * widths[layer] * (-1 if sign else 1)
            if rest < limits[layer]:
                return x
            if layer == 0:
                return self._tail() * (-1 if rest >> 8 & 1 else 1)
            low, high = heights[layer], heights[layer - 1]
            if low + (high - low) * self._share() < math.exp(-0.5 * x * x):
                return x

    def _tail(self) -> float:
        while True:
            x = -math.log1p(-self._share()) / EDGE
            if -2 * math.log1p(-self._share()) > x * x:
                return EDGE + x

    def _share(self) -> float:
        return (self._next() >> 11) / (1 << 53)

    def _step(self) -> None:
        self._state = (self._state * MULTIPLIER + self._increment) & WIDE

    def _word(self) -> int:
        """Return 32 bits; the upper half of an output is kept for the next time."""
        if self._upper is not None:
            word, self._upper = self._upper, None
            return word
        bits = self._next()
        self._upper = bits >> 32
        return bits & WORD

    def _next(self) -> int:
        """Return 64 bits."""
        self._step()
        folded, turn = (self._state >> 64) ^ (self._state & LONG), self._state >> 122
        return (folded >> turn | folded << (64 - turn)) & LONG


def _state(key: Sequence[int]) -> list[int]:
    """Mix a key into four words of 64 bits, as NumPy's SeedSequence does."""
    words = [word for number in key for word in _words(number)]
    words += [0] * (4 - len(words))
    hashed = _Hash(0x43B0D7E5, 0x931E8875)
    pool = [hashed(word) for word in words[:4]]
    for source in range(4):
        for target in range(4):
            if target != source:
                pool[target] = _mixed(pool[target], hashed(pool[source]))
    for word in words[4:]:
        pool = [_mixed(target, hashed(word)) for target in pool]
    hashed = _Hash(0x8B51F9DD, 0x58F38DED)
    halves = [hashed(word) for word in (*pool, *pool)]
    return [low | high << 32 for low, high in zip(halves[::2], halves[1::2], strict=True)]


def _words(number: int) -> Iterator[int]:
    yield number & WORD
    while number := number >> 32:
        yield number & WORD


class _Hash:
    """A hash of words whose constant changes with each one."""

    def __init__(self, constant: int, multiplier: int) -> None:
        self._constant, self._multiplier = constant, multiplier

    def __call__(self, word: int) -> int:
        word ^= self._constant
        self._constant = self._constant * self._multiplier & WORD
        word = word * self._constant & WORD
        return word ^ word >> 16


def _mixed(first: int, second: int) -> int:
    mixed = (0xCA01F9DD * first - 0x4973F715 * second) & WORD
    return mixed ^ mixed >> 16


@cache
def _ziggurat() -> tuple[list[float], list[float], list[float]]:
    """Return widths (over 2^52), limits and heights of the layers, all of one area."""
    edges = [AREA / math.exp(-0.5 * EDGE**2), EDGE]
    while len(edges) < LAYERS:
        x = edges[-1]
        edges.append(math.sqrt(-2 * math.log(AREA / x + math.exp(-0.5 * x * x))))
    # Layer 0 holds the tail; from 1 on the layers grow wider.
    edges = [edges[0], *reversed(edges[1:])]
    inner = [EDGE, 0.0, *edges[1:-1]]
    widths = [edge / SCALE for edge in edges]
    limits = [SCALE * below / edge for below, edge in zip(inner, edges, strict=True)]
    heights = [1.0, *(math.exp(-0.5 * edge * edge) for edge in edges[1:])]
    return widths, limits, heights
