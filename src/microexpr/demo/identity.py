"""A person: about forty numbers drawn from a seed, and the coordinates of the person's picture.

Lengths are in units of the distance between the pupils (canonical: origin midway between the
pupils, x right, y down), colours are RGB, 0 to 255. No number comes from a photograph.
"""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from microexpr.demo.plan import Stream, generator

Array = np.ndarray
Triple = tuple[float, float, float]
Draw = Callable[[np.random.Generator], float | Triple]
WIDTH_PX, HEIGHT_PX = 640, 480
HAIR = ((28, 22, 20), (52, 36, 26), (92, 64, 42), (140, 104, 62))
HAIR_SHARES = (0.4, 0.3, 0.2, 0.1)
IRIS = ((70, 44, 26), (96, 68, 40), (96, 112, 84), (92, 118, 146))
LIGHT_SKIN = np.array((236.0, 196.0, 174.0))
DARK_SKIN = np.array((118.0, 78.0, 58.0))
TIP_ABOVE_WINGS = 0.04  # of the nose


def _normal(mean: float, sd: float) -> Draw:
    return lambda rng: mean + rng.normal() * sd


def _triple(values: Array | tuple[int, ...]) -> Triple:
    first, second, third = (float(value) for value in values)
    return first, second, third


# The parts of a person: the range of each number, or how it is drawn, in this order.
PARTS: dict[str, dict[str, tuple[float, float] | Draw]] = {
    "placement": {  # of the face in the picture: distance and midpoint of the pupils, roll
        "iod_px": (66, 76),
        "x_px": _normal(320, 6),
        "y_px": _normal(205, 6),
        "roll_rad": _normal(0, 0.02),
    },
    "head": {
        "half_width": (0.98, 1.12),
        "jaw": (1.7, 2.5),  # exponent of the lower half: larger is squarer
        "chin_y": (1.54, 1.72),
        "crown": (1.4, 1.55),
    },
    "hair": {  # short
        "colour": lambda rng: _triple(HAIR[rng.choice(len(HAIR), p=HAIR_SHARES)]),
        "hairline_y": (-0.92, -0.74),
        "parting_x": (-0.5, 0.5),
        "sideburns": (0.0, 0.9),  # their lower end
    },
    "eyes": {  # the opening of the lids, its slant
        "half_width": (0.225, 0.26),
        "height": (0.072, 0.1),
        "tilt": (-0.02, 0.03),
        "iris": lambda rng: _triple(IRIS[rng.integers(len(IRIS))]),
    },
    "brows": {
        "y": (-0.33, -0.27),
        "thickness": (0.028, 0.05),
        "arch": (0.02, 0.07),
        "density": (0.6, 0.95),
    },
    "nose": {"wing_y": (0.53, 0.62), "half_width": (0.17, 0.23)},
    "mouth": {
        "y": (0.88, 0.98),  # of the line between the lips
        "half_width": (0.37, 0.45),
        "upper": (0.065, 0.1),  # thickness of the lips
        "lower": (0.095, 0.135),
        "redness": (0.45, 0.8),
    },
    "skin": {},  # see _skin
    "setting": {  # direction of the lamp (x, y, z), share of ambient light
        "light": lambda rng: (rng.uniform(-0.6, 0.6), rng.uniform(-0.75, -0.3), 1.0),
        "ambient": (0.42, 0.58),
        "background": lambda rng: _triple(
            0.3 * rng.uniform(70, 170, 3) + 0.7 * rng.uniform(70, 170)
        ),
        "cloth": lambda rng: _triple(rng.uniform(25, 190, 3)),
    },
}


def _skin(rng: np.random.Generator) -> dict[str, float | Triple]:
    """Draw a colour, and the strength of beard, freckles, blemishes and red cheeks."""
    melanin = rng.uniform() ** 1.2
    colour = ((1 - melanin) * LIGHT_SKIN + melanin * DARK_SKIN) * rng.uniform(0.92, 1.04)
    bearded, freckled = rng.uniform(size=2) < (0.35, 0.5)
    return {
        "colour": _triple(colour),
        "beard": rng.uniform(0, 0.45) * bool(bearded),
        "freckles": rng.uniform() * bool(freckled and melanin < 0.5),
        "blemish": rng.uniform(0.5, 1.3),
        "cheek": rng.uniform(0.3, 1.0),
    }


class Identity(SimpleNamespace):
    """A person: the parts of :data:`PARTS`, such as ``head.jaw``, and ``texture_seed``."""

    @classmethod
    def of(cls, seed: int, subject: int) -> "Identity":
        """Draw subject number `subject` (from 1) of the set with seed `seed`."""
        rng = generator(seed, subject, 0, Stream.IDENTITY)
        texture_seed, parts = int(rng.integers(1 << 31)), {}
        for part, numbers in PARTS.items():
            drawn = {
                name: rng.uniform(*how) if isinstance(how, tuple) else how(rng)
                for name, how in numbers.items()
            }
            parts[part] = SimpleNamespace(**(drawn or _skin(rng)))
        return cls(**parts, texture_seed=texture_seed)


def step(distance: Array, softness: float) -> Array:
    """Return a soft step (logistic): 0 for negative `distance`, 1 for positive, 1/2 at 0."""
    return 1 / (1 + np.exp(-np.clip(distance / softness, -40, 40)))


def bump(x: Array, y: Array, centre: tuple[float, float], sd: float | tuple[float, float]) -> Array:
    """Return a Gaussian of height 1 around `centre`; `sd` is one for both axes or x and y."""
    sd_x, sd_y = sd if isinstance(sd, tuple) else (sd, sd)
    return np.exp(-0.5 * (((x - centre[0]) / sd_x) ** 2 + ((y - centre[1]) / sd_y) ** 2))


def canonical_grid(placement: SimpleNamespace) -> tuple[Array, Array]:
    """Return canonical x and y of every pixel, float32 (480, 640) each."""
    x_px, y_px = np.meshgrid(np.arange(WIDTH_PX), np.arange(HEIGHT_PX))
    u = (x_px - placement.x_px) / placement.iod_px
    v = (y_px - placement.y_px) / placement.iod_px
    cos, sin = np.cos(placement.roll_rad), np.sin(placement.roll_rad)
    return (cos * u + sin * v).astype(np.float32), (cos * v - sin * u).astype(np.float32)


def to_picture_axes(placement: SimpleNamespace, dx: Array, dy: Array) -> Array:
    """Turn a canonical vector field into picture axes; float32 (2, h, w), x first, same units."""
    cos, sin = np.cos(placement.roll_rad), np.sin(placement.roll_rad)
    return np.stack([cos * dx - sin * dy, sin * dx + cos * dy]).astype(np.float32)


def to_pixels(placement: SimpleNamespace, points: Array) -> Array:
    """Map canonical points (n, 2) to pixels (n, 2)."""
    turned = to_picture_axes(placement, points[:, 0], points[:, 1]).T.astype(float)
    return np.array([placement.x_px, placement.y_px]) + placement.iod_px * turned


def landmarks_px(who: Identity) -> Array:
    """Return the points that YuNet reports, in its order, for the face at rest; (5, 2), px."""
    width, y = who.mouth.half_width, who.mouth.y
    eyes, tip = [(-0.5, 0.0), (0.5, 0.0)], (0.0, who.nose.wing_y - TIP_ABOVE_WINGS)
    return to_pixels(who.placement, np.array([*eyes, tip, (-width, y), (width, y)]))
