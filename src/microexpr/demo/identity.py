"""One person: some forty numbers drawn from a seed.

Lengths are in units of the distance between the pupils (the canonical frame of
:mod:`microexpr.demo.geometry`: origin midway between the pupils, x right, y down), colours are RGB,
0 to 255. No number comes from a photograph.
"""

from __future__ import annotations

from dataclasses import dataclass
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


Triple = tuple[float, float, float]

HAIR = ((28, 22, 20), (52, 36, 26), (92, 64, 42), (140, 104, 62))
HAIR_SHARES = (0.4, 0.3, 0.2, 0.1)
IRIS = ((70, 44, 26), (96, 68, 40), (96, 112, 84), (92, 118, 146))
LIGHT_SKIN = np.array((236.0, 196.0, 174.0))
DARK_SKIN = np.array((118.0, 78.0, 58.0))
TIP_ABOVE_WINGS = 0.04


def _triple(values: np.ndarray | tuple[int, ...]) -> Triple:
    first, second, third = (float(value) for value in values)
    return first, second, third


@dataclass(frozen=True)
class Placement:
    """Where the face lies in the picture: distance and midpoint of the pupils, roll."""

    iod_px: float
    x_px: float
    y_px: float
    roll_rad: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Placement:
        """Draw a position and a roll."""
        return cls(
            iod_px=rng.uniform(66, 76),
            x_px=320 + rng.normal() * 6,
            y_px=205 + rng.normal() * 6,
            roll_rad=rng.normal() * 0.02,
        )


@dataclass(frozen=True)
class Head:
    """Outline of the head. `jaw` is the exponent of its lower half: larger is squarer."""

    half_width: float
    jaw: float
    chin_y: float
    crown: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Head:
        """Draw an outline."""
        return cls(
            half_width=rng.uniform(0.98, 1.12),
            jaw=rng.uniform(1.7, 2.5),
            chin_y=rng.uniform(1.54, 1.72),
            crown=rng.uniform(1.4, 1.55),
        )


@dataclass(frozen=True)
class Hair:
    """Short hair: colour, height of the hairline, place of the parting, end of the sideburns."""

    colour: Triple
    hairline_y: float
    parting_x: float
    sideburns: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Hair:
        """Draw a haircut."""
        return cls(
            colour=_triple(HAIR[rng.choice(len(HAIR), p=HAIR_SHARES)]),
            hairline_y=rng.uniform(-0.92, -0.74),
            parting_x=rng.uniform(-0.5, 0.5),
            sideburns=rng.uniform(0.0, 0.9),
        )


@dataclass(frozen=True)
class Eyes:
    """Opening of the lids, their slant, colour of the iris."""

    half_width: float
    height: float
    tilt: float
    iris: Triple

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Eyes:
        """Draw a pair of eyes."""
        return cls(
            half_width=rng.uniform(0.225, 0.26),
            height=rng.uniform(0.072, 0.1),
            tilt=rng.uniform(-0.02, 0.03),
            iris=_triple(IRIS[rng.integers(len(IRIS))]),
        )


@dataclass(frozen=True)
class Brows:
    """Height, thickness, arch and density of the eyebrows."""

    y: float
    thickness: float
    arch: float
    density: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Brows:
        """Draw a pair of brows."""
        return cls(
            y=rng.uniform(-0.33, -0.27),
            thickness=rng.uniform(0.028, 0.05),
            arch=rng.uniform(0.02, 0.07),
            density=rng.uniform(0.6, 0.95),
        )


@dataclass(frozen=True)
class Nose:
    """Height of the wings, and half width; the tip lies a little above the wings."""

    wing_y: float
    half_width: float

    @property
    def tip_y(self) -> float:
        """Height of the tip."""
        return self.wing_y - TIP_ABOVE_WINGS

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Nose:
        """Draw a nose."""
        return cls(wing_y=rng.uniform(0.53, 0.62), half_width=rng.uniform(0.17, 0.23))


@dataclass(frozen=True)
class Mouth:
    """Height of the line between the lips, half width, thickness of both lips, redness."""

    y: float
    half_width: float
    upper: float
    lower: float
    redness: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Mouth:
        """Draw a mouth."""
        return cls(
            y=rng.uniform(0.88, 0.98),
            half_width=rng.uniform(0.37, 0.45),
            upper=rng.uniform(0.065, 0.1),
            lower=rng.uniform(0.095, 0.135),
            redness=rng.uniform(0.45, 0.8),
        )


@dataclass(frozen=True)
class Skin:
    """Colour, and how much there is of beard, freckles, blemishes and red cheeks."""

    colour: Triple
    beard: float
    freckles: float
    blemish: float
    cheek: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Skin:
        """Draw a complexion."""
        melanin = rng.uniform() ** 1.2
        colour = ((1 - melanin) * LIGHT_SKIN + melanin * DARK_SKIN) * rng.uniform(0.92, 1.04)
        bearded, freckled = rng.uniform(size=2) < (0.35, 0.5)
        return cls(
            colour=_triple(colour),
            beard=rng.uniform(0, 0.45) * bool(bearded),
            freckles=rng.uniform() * bool(freckled and melanin < 0.5),
            blemish=rng.uniform(0.5, 1.3),
            cheek=rng.uniform(0.3, 1.0),
        )


@dataclass(frozen=True)
class Setting:
    """Light (towards the lamp: x, y, z), share of ambient light, background, clothing."""

    light: Triple
    ambient: float
    background: Triple
    cloth: Triple

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Setting:
        """Draw light and surroundings."""
        return cls(
            light=(rng.uniform(-0.6, 0.6), rng.uniform(-0.75, -0.3), 1.0),
            ambient=rng.uniform(0.42, 0.58),
            background=_triple(0.3 * rng.uniform(70, 170, 3) + 0.7 * rng.uniform(70, 170)),
            cloth=_triple(rng.uniform(25, 190, 3)),
        )


@dataclass(frozen=True)
class Identity:
    """A person, as needed to draw the face and to place its action units."""

    placement: Placement
    head: Head
    hair: Hair
    eyes: Eyes
    brows: Brows
    nose: Nose
    mouth: Mouth
    skin: Skin
    setting: Setting
    texture_seed: int

    @classmethod
    def of(cls, seed: int, subject: int) -> Identity:
        """Draw subject number `subject` (from 1) of the set with seed `seed`."""
        rng = generator(seed, subject, 0, Stream.IDENTITY)
        parts = (Placement, Head, Hair, Eyes, Brows, Nose, Mouth, Skin, Setting)
        return cls(*(part.draw(rng) for part in parts), texture_seed=int(rng.integers(1 << 31)))
