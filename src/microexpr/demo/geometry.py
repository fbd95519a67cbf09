"""The canonical frame of a face, and the two shapes that everything is drawn with.

Canonical coordinates: origin midway between the pupils, unit = distance between the pupils, x to
the right of the picture, y down, rotated with the head. Pixel coordinates: the centre of the upper
left pixel is (0, 0).
"""

from __future__ import annotations

import numpy as np

from microexpr.demo.identity import Identity, Placement

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
    """Return the five points that YuNet reports, in its order, pixels, (5, 2).

    Eye on the left of the picture, eye on the right, tip of the nose, mouth corner on the left,
    mouth corner on the right; for the still, that is without any motion.
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
