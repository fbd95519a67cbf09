"""Facial regions from five landmarks, the only definition of them.

All lengths are shares of the distance between the pupils, in axes that turn with the face: x from
the eye on the left of the picture to the other, y down. So they fit a crop of any size and margin.
Where two shapes overlap the pixel belongs to the one whose centre is nearer in units of its axes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from microexpr.errors import DataError

REGIONS = ("eyes", "brows", "nose", "mouth_corners", "rest")
EYE_RIGHT, EYE_LEFT, NOSE, MOUTH_RIGHT, MOUTH_LEFT = range(5)  # rows of the landmarks


class Shape(NamedTuple):
    """An ellipse: which region, around which landmark, where from there, and its half axes."""

    region: str
    landmark: int
    dx: float
    dy: float
    half_width: float
    half_height: float


SHAPES = (
    Shape("eyes", EYE_RIGHT, 0.0, 0.0, 0.34, 0.18),
    Shape("eyes", EYE_LEFT, 0.0, 0.0, 0.34, 0.18),
    Shape("brows", EYE_RIGHT, -0.02, -0.36, 0.46, 0.18),
    Shape("brows", EYE_LEFT, 0.02, -0.36, 0.46, 0.18),
    Shape("nose", NOSE, 0.0, -0.12, 0.28, 0.36),
    Shape("mouth_corners", MOUTH_RIGHT, -0.03, 0.0, 0.27, 0.25),
    Shape("mouth_corners", MOUTH_LEFT, 0.03, 0.0, 0.27, 0.25),
)


def region_map(landmarks_px: np.ndarray, size_px: int) -> np.ndarray:
    """Say to which region each pixel of a crop belongs.

    Parameters
    ----------
    landmarks_px : ndarray, shape (5, 2)
        Of the detector, px of the crop: eyes, nose tip, mouth corners; in each pair the one on the
        left of the picture first.
    size_px : int
        Side of the crop.

    Returns
    -------
    ndarray, shape (size_px, size_px), int64
        Indices into :data:`REGIONS`.

    Raises
    ------
    DataError
        When the eyes coincide or a landmark is not finite.
    """
    points = np.asarray(landmarks_px, dtype=float).reshape(5, 2)
    across = points[EYE_LEFT] - points[EYE_RIGHT]
    unit_px = float(np.hypot(*across))
    if not np.isfinite(points).all() or unit_px < 1:
        raise DataError(f"landmarks {points.round(1).tolist()} are no face")
    cos, sin = across / unit_px
    y, x = np.mgrid[:size_px, :size_px].astype(float)
    nearest = np.ones((size_px, size_px))
    found = np.full((size_px, size_px), REGIONS.index("rest"))
    for shape in SHAPES:
        u, v = (x - points[shape.landmark, 0]) / unit_px, (y - points[shape.landmark, 1]) / unit_px
        along, down = cos * u + sin * v - shape.dx, cos * v - sin * u - shape.dy
        distance = (along / shape.half_width) ** 2 + (down / shape.half_height) ** 2
        found[distance < nearest] = REGIONS.index(shape.region)
        nearest = np.minimum(nearest, distance)
    return found


def area_shares(regions: np.ndarray) -> np.ndarray:
    """Share of the crop's pixels in each region, (5,): what an even map, or chance, would give."""
    return np.bincount(regions.ravel(), minlength=len(REGIONS)) / regions.size
