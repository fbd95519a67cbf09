"""From a map to numbers: shares of regions, where the peak lies, and what moves there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import rankdata

from microexpr.errors import DataError
from microexpr.explain.regions import REGIONS, area_shares
from microexpr.face.transform import CropTransform

MOVING = 0.2  # share of the crop's pixels that count as moving: those of the largest displacement


def displacement_px(
    root: str | os.PathLike[str], clip_id: str, transform: CropTransform
) -> np.ndarray:
    """Read the size of the expression's displacement at the apex.

    Parameters
    ----------
    root : path-like
        Folder of the generated data set.
    clip_id : str
        Which clip.
    transform : CropTransform
        Of the clip.

    Returns
    -------
    ndarray, shape (size_px, size_px), float32
        Px of the crop, before any magnification; 0 outside the part of the picture that moves.

    Raises
    ------
    DataError
        When the clip has no truth.
    """
    path = Path(root) / "truth" / f"{clip_id}.npz"
    try:
        with np.load(path) as truth:
            field = truth["displacement"].astype(np.float32)
            x, y, width, height = (int(value) for value in truth["roi"])
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"clip {clip_id}: no displacement to read at {path} ({error})") from None
    inside = transform.matrix.copy()
    inside[:, 2] += transform.matrix[:, :2] @ (x, y)  # the field starts at this pixel
    size = np.hypot(*field).reshape(height, width)
    side = (transform.size_px, transform.size_px)
    return cv2.warpAffine(size, inside, side, flags=cv2.INTER_LINEAR) * transform.scale


def moving_pixels(displacement: np.ndarray, share: float = MOVING) -> np.ndarray:
    """Mark the pixels of the largest displacement, bool; exactly `share` of them but for ties."""
    return displacement > np.quantile(displacement, 1 - share)


def on_crop(cam: np.ndarray, size_px: int) -> np.ndarray:
    """Interpolate a map (h, w) to the crop, bilinearly between cell centres; float32, square."""
    return cv2.resize(cam.astype(np.float32), (size_px, size_px), interpolation=cv2.INTER_LINEAR)


def over_frames(cams: np.ndarray) -> np.ndarray:
    """Add up the positive parts of maps (F, h, w): Grad-CAM's ReLU, frame by frame; (h, w)."""
    return np.maximum(cams, 0).sum(axis=0)


def peak(cam: np.ndarray) -> tuple[int, int]:
    """Row and column of the largest value; the middle one of several that are equal."""
    rows, columns = np.nonzero(cam == cam.max())
    middle = len(rows) // 2
    return int(rows[middle]), int(columns[middle])


def region_scores(cam: np.ndarray, regions: np.ndarray) -> dict[str, float | str]:
    """Share of the map in each region, and the region of its peak (Zhang et al. 2018).

    Parameters
    ----------
    cam : ndarray, shape (size_px, size_px)
        Not negative.
    regions : ndarray, shape (size_px, size_px), int64
        From :func:`microexpr.explain.regions.region_map`.

    Returns
    -------
    dict
        ``share_<region>`` and ``peak``; nan and empty where the map is zero everywhere. Also
        ``area_<region>``: what an even map would give.
    """
    areas = {f"area_{n}": float(a) for n, a in zip(REGIONS, area_shares(regions), strict=True)}
    total = float(cam.sum())
    if total <= 0:
        return {**{f"share_{name}": np.nan for name in REGIONS}, "peak": "", **areas}
    sums = np.bincount(regions.ravel(), weights=cam.ravel(), minlength=len(REGIONS))
    shares = {f"share_{n}": float(s) / total for n, s in zip(REGIONS, sums, strict=True)}
    return {**shares, "peak": REGIONS[regions[peak(cam)]], **areas}


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Compare two maps (h, w) by Spearman's rank correlation, as Adebayo et al. (2018) do.

    Returns
    -------
    float
        -1 to 1; 0 where one of them is even: it agrees with nothing.
    """
    ranks = np.stack([rankdata(first), rankdata(second)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])


@dataclass(frozen=True)
class Truth:
    """What really moves.

    Parameters
    ----------
    moving : mapping of str to ndarray, shape (size_px, size_px), bool
        By clip: from :func:`microexpr.explain.scores.moving_pixels`.
    labels : mapping of str to str
        Class of each clip.
    """

    moving: Mapping[str, np.ndarray]
    labels: Mapping[str, str]


def motion_scores(cam: np.ndarray, clip_id: str, truth: Truth) -> dict[str, float]:
    """Compare a map with the pixels that really move.

    Parameters
    ----------
    cam : ndarray, shape (size_px, size_px)
        Not negative.
    clip_id : str
        Whose map it is.
    truth : Truth
        Of all clips.

    Returns
    -------
    dict of str to float
        ``hit``: 1 where the peak lies on moving pixels. ``mass``: share of the map on them.
        ``area``: their share of the crop, which chance gives for both. ``elsewhere``: the hit rate
        of the same peak on what moves in clips of other classes, which a map that only follows
        the layout of a face would reach as well. nan where the map is zero everywhere.
    """
    mine = truth.moving[clip_id]
    area, total = float(mine.mean()), float(cam.sum())
    if total <= 0:
        return {"hit": np.nan, "mass": np.nan, "elsewhere": np.nan, "area": area}
    at, label = peak(cam), truth.labels[clip_id]
    others = [mask[at] for name, mask in truth.moving.items() if truth.labels[name] != label]
    return {
        "hit": float(mine[at]),
        "mass": float(cam[mine].sum()) / total,
        "elsewhere": float(np.mean(others)) if others else np.nan,
        "area": area,
    }
