"""Coordinates, textures and blending, shared by the functions that draw."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from microexpr.demo.identity import Identity, Placement, Triple

WIDTH_PX, HEIGHT_PX = 640, 480
Array = np.ndarray


def step(distance: Array, softness: float) -> Array:
    """Return a soft step (logistic): 0 for negative `distance`, 1 for positive, 1/2 at 0."""
    return 1 / (1 + np.exp(-np.clip(distance / softness, -40, 40)))


def bump(x: Array, y: Array, centre: tuple[float, float], sd: float | tuple[float, float]) -> Array:
    """Return a Gaussian of height 1 around `centre`; `sd` is one for both axes or x and y."""
    sd_x, sd_y = sd if isinstance(sd, tuple) else (sd, sd)
    return np.exp(-0.5 * (((x - centre[0]) / sd_x) ** 2 + ((y - centre[1]) / sd_y) ** 2))


def canonical_grid(placement: Placement) -> tuple[Array, Array]:
    """Return canonical x and y of every pixel, float32 (480, 640) each."""
    x_px, y_px = np.meshgrid(np.arange(WIDTH_PX), np.arange(HEIGHT_PX))
    u = (x_px - placement.x_px) / placement.iod_px
    v = (y_px - placement.y_px) / placement.iod_px
    cos, sin = np.cos(placement.roll_rad), np.sin(placement.roll_rad)
    return (cos * u + sin * v).astype(np.float32), (cos * v - sin * u).astype(np.float32)


def to_picture_axes(placement: Placement, dx: Array, dy: Array) -> Array:
    """Turn a canonical vector field into picture axes; float32 (2, h, w), x first, same units."""
    cos, sin = np.cos(placement.roll_rad), np.sin(placement.roll_rad)
    return np.stack([cos * dx - sin * dy, sin * dx + cos * dy]).astype(np.float32)


def to_pixels(placement: Placement, points: Array) -> Array:
    """Map canonical points (n, 2) to pixels (n, 2)."""
    turned = to_picture_axes(placement, points[:, 0], points[:, 1]).T.astype(float)
    return np.array([placement.x_px, placement.y_px]) + placement.iod_px * turned


def landmarks_px(who: Identity) -> Array:
    """Return the five points that YuNet reports, in its order, for the face at rest; (5, 2), px.

    Eye on the left of the picture, eye on the right, tip of the nose, mouth corner on the left,
    mouth corner on the right.
    """
    mouth = who.mouth
    points = [
        (-0.5, 0.0),
        (0.5, 0.0),
        (0.0, who.nose.tip_y),
        (-mouth.half_width, mouth.y),
        (mouth.half_width, mouth.y),
    ]
    return to_pixels(who.placement, np.array(points))


WIDEST_Y = 0.3  # where the head is widest: just below the eyes
SKULL = 2.3  # exponent of the outline above that line


@dataclass(frozen=True)
class Canvas:
    """Coordinates of one person's picture; arrays are float32 (480, 640)."""

    who: Identity
    x: Array  # canonical
    y: Array
    ax: Array  # |x|
    outline: Array  # half width of the head at this height
    rise: Array  # 0 at the widest line, 1 at crown and chin
    unit: float  # side of a pixel in canonical units
    rng: np.random.Generator  # of the textures

    @classmethod
    def of(cls, who: Identity) -> Canvas:
        """Lay out the picture of `who`."""
        x, y = canonical_grid(who.placement)
        head, upper = who.head, y < WIDEST_Y
        rise = np.where(
            upper,
            (WIDEST_Y - y) / (head.crown + WIDEST_Y),
            (y - WIDEST_Y) / (head.chin_y - WIDEST_Y),
        )
        power = np.where(upper, np.float32(SKULL), np.float32(head.jaw))
        outline = head.half_width * (1 - np.clip(rise, 0, 1) ** power) ** (1 / power) + 1e-3
        rng = np.random.default_rng(who.texture_seed)
        return cls(who, x, y, np.abs(x), outline, rise, 1 / who.placement.iod_px, rng)

    def texture(self, sd_px: float, sd_y_px: float = 0.0) -> Array:
        """Return smooth noise of mean about 0 and sd 1, float32; `sd_y_px` 0 means isotropic."""
        white = self.rng.standard_normal(self.x.shape, dtype=np.float32)
        smooth = cv2.GaussianBlur(white, (0, 0), sd_px, sigmaY=sd_y_px or sd_px)
        return smooth / smooth.std()

    def edge(self, distance: Array, width_px: float) -> Array:
        """Return the coverage of a shape from the signed distance to its border (inside > 0)."""
        return step(distance, width_px * self.unit)


def blend(image: Array, weight: Array, colour: Triple | Array) -> Array:
    """Move `image` (h, w, 3) towards `colour` (one or a picture) by `weight` (h, w), 0 to 1."""
    return image + weight[..., None] * (np.asarray(colour, dtype=np.float32) - image)


def scaled(colour: Triple, factor: float | Triple, offset: float = 0.0) -> Array:
    """Return a colour times a factor (one or one per channel) plus an offset, float32 (3,)."""
    product = np.asarray(colour, dtype=np.float32) * np.asarray(factor, dtype=np.float32)
    return product + np.float32(offset)
