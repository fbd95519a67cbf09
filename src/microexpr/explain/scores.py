"""From a map to numbers: shares of facial regions, where the peak lies, and what moves there.

The regions are defined here and nowhere else, from five landmarks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from scipy.stats import rankdata

from microexpr.errors import DataError
from microexpr.evaluation.intervals import proportion_interval
from microexpr.face.transform import CropTransform
from microexpr.runtime.files import AnyPath
from microexpr.runtime.names import apart

REGIONS = ("eyes", "brows", "nose", "mouth_corners", "rest")
ALL, MOVING = "all", "moving"  # every class or fold, see `apart`; what moves in drawn faces
CORRELATION = "rank_correlation"
MEASURED = ("measure", "region", "value", "low", "high", "chance")
GROUP = ["method", "model", "block"]
EYE_RIGHT, EYE_LEFT, NOSE, MOUTH_RIGHT, MOUTH_LEFT = range(5)  # rows of the landmarks
MOVING_SHARE = 0.2  # of the crop's pixels, those of the largest displacement, count as moving


# Ellipses: region, landmark, offset of the centre from there, and half axes, in shares of the
# distance between the pupils, in axes that turn with the face.
SHAPES = (
    ("eyes", EYE_RIGHT, 0.0, 0.0, 0.34, 0.18),
    ("eyes", EYE_LEFT, 0.0, 0.0, 0.34, 0.18),
    ("brows", EYE_RIGHT, -0.02, -0.36, 0.46, 0.18),
    ("brows", EYE_LEFT, 0.02, -0.36, 0.46, 0.18),
    ("nose", NOSE, 0.0, -0.12, 0.28, 0.36),
    ("mouth_corners", MOUTH_RIGHT, -0.03, 0.0, 0.27, 0.25),
    ("mouth_corners", MOUTH_LEFT, 0.03, 0.0, 0.27, 0.25),
)


def region_map(landmarks_px: np.ndarray, size_px: int) -> np.ndarray:
    """Return the region of each pixel, indices into REGIONS, (size_px, size_px) int64."""
    points = np.asarray(landmarks_px, dtype=float).reshape(5, 2)
    across = points[EYE_LEFT] - points[EYE_RIGHT]
    unit_px = float(np.hypot(*across))
    if not np.isfinite(points).all() or unit_px < 1:
        raise DataError(f"landmarks {points.round(1).tolist()} are no face")
    cos, sin = across / unit_px
    y, x = np.mgrid[:size_px, :size_px].astype(float)
    nearest = np.ones((size_px, size_px))
    found = np.full((size_px, size_px), REGIONS.index("rest"))
    for region, landmark, dx, dy, half_width, half_height in SHAPES:
        u, v = (x - points[landmark, 0]) / unit_px, (y - points[landmark, 1]) / unit_px
        along, down = cos * u + sin * v - dx, cos * v - sin * u - dy
        distance = (along / half_width) ** 2 + (down / half_height) ** 2
        found[distance < nearest] = REGIONS.index(region)
        nearest = np.minimum(nearest, distance)
    return found


def area_shares(regions: np.ndarray) -> np.ndarray:
    """Return the share of the crop in each region, (5,): that of an even map, or by chance."""
    return np.bincount(regions.ravel(), minlength=len(REGIONS)) / regions.size


def displacement_px(root: AnyPath, clip_id: str, transform: CropTransform) -> np.ndarray:
    """Read the size of a generated clip's displacement at the apex, px of the crop, float32."""
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


def moving_pixels(displacement: np.ndarray, share: float = MOVING_SHARE) -> np.ndarray:
    """Mark the pixels of the largest displacement, bool; exactly `share` of them but for ties."""
    return displacement > np.quantile(displacement, 1 - share)


def on_crop(cam: np.ndarray, size_px: int) -> np.ndarray:
    """Interpolate a map (h, w) to the crop, bilinearly between cell centres; float32, square."""
    return cv2.resize(cam.astype(np.float32), (size_px, size_px), interpolation=cv2.INTER_LINEAR)


def over_frames(cams: np.ndarray) -> np.ndarray:
    """Add up the positive parts of maps (F, h, w): Grad-CAM's ReLU, frame by frame; (h, w)."""
    return np.maximum(cams, 0).sum(axis=0)


def peak(cam: np.ndarray) -> tuple[int, int]:
    """Return row and column of the largest value; the middle one of several that are equal."""
    rows, columns = np.nonzero(cam == cam.max())
    middle = len(rows) // 2
    return int(rows[middle]), int(columns[middle])


def region_scores(cam: np.ndarray, regions: np.ndarray) -> dict[str, float | str]:
    """Return ``share_<region>`` of a map, ``area_<region>`` of an even one, and ``peak``'s region.

    Shares are NaN and the peak is empty where the map, which is not negative, is zero everywhere.
    """
    areas = {f"area_{n}": float(a) for n, a in zip(REGIONS, area_shares(regions), strict=True)}
    total = float(cam.sum())
    if total <= 0:
        return {**{f"share_{name}": np.nan for name in REGIONS}, "peak": "", **areas}
    sums = np.bincount(regions.ravel(), weights=cam.ravel(), minlength=len(REGIONS))
    shares = {f"share_{n}": float(s) / total for n, s in zip(REGIONS, sums, strict=True)}
    return {**shares, "peak": REGIONS[regions[peak(cam)]], **areas}


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Compare two maps (h, w) by Spearman's rank correlation; 0 where one is even."""
    ranks = np.stack([rankdata(first), rankdata(second)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])


@dataclass(frozen=True)
class Truth:
    """What really moves: by clip, `moving_pixels`, and its class."""

    moving: Mapping[str, np.ndarray]
    labels: Mapping[str, str]


def motion_scores(cam: np.ndarray, clip_id: str, truth: Truth) -> dict[str, float]:
    """Compare a clip's map, (size_px, size_px) and not negative, with the pixels that really move.

    ``hit``: 1 where the peak lies on them. ``mass``: share of the map on them. ``area``: their
    share of the crop, which chance gives for both. ``elsewhere``: the hit rate of the same peak on
    what moves in clips of other classes, which a map that only follows the layout of a face would
    reach as well. NaN where the map is zero everywhere.
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


def region_table(clips: pd.DataFrame, *, classes: Sequence[str], level: float) -> pd.DataFrame:
    """Average ``clips.csv`` of all methods, with a column method, over clips.

    One row per method, model, block, class and fold (``all``: every one), measure and region.
    ``share``: mean share of a map in the region; ``peak``: share of clips whose peak lies in it
    (the pointing game of Zhang et al. 2018). Region ``moving`` of generated clips: the pixels that
    really move, and ``peak_other_class``: the same peaks on what moves in clips of other classes.
    ``rank_correlation``, without region, is with the trained network's map of the same clip and
    block. ``chance`` is the region's share of the crop. Intervals, for all folds together only,
    are those of proportions. Maps without a positive value are counted in ``empty`` and left out.
    """
    every = apart(ALL, [*classes, *clips["fold"]])
    rows = [
        dict(zip(GROUP, key, strict=True)) | row
        for key, group in clips.groupby(GROUP, sort=False)
        for row in _rows(group, classes, every, level)
    ]
    return pd.DataFrame(rows)


def every_in(table: pd.DataFrame) -> str:
    """Return how all classes and folds are called in ``regions.csv``: that of its first row is."""
    return str(table["fold"].iloc[0])


def _rows(
    group: pd.DataFrame, classes: Sequence[str], every: str, level: float
) -> Iterator[dict[str, Any]]:
    folds = list(dict.fromkeys(group["fold"]))
    for name in (*classes, every):
        mine = group if name == every else group[group["label"] == name]
        for fold in (every, *folds):
            clips = mine if fold == every else mine[mine["fold"] == fold]
            if len(clips):
                about = {"class": name, "fold": fold}
                # One fold has one subject or few: no interval.
                measures = _measures(clips, level if fold == every else None)
                yield from (about | row for row in measures)


def _measures(clips: pd.DataFrame, level: float | None) -> Iterator[dict[str, Any]]:
    seen = clips[clips["peak"] != ""]
    about = {"clips": len(seen), "subjects": seen["subject"].nunique()}
    about["empty"] = len(clips) - len(seen)
    columns = {
        (measure, region): (
            seen[f"share_{region}"] if measure == "share" else (seen["peak"] == region) * 1.0,
            clips[f"area_{region}"],
        )
        for measure in ("share", "peak")
        for region in REGIONS
    }
    columns[CORRELATION, ""] = seen["like_trained"], pd.Series([np.nan])
    if "hit" in clips:
        moving = {"share": "mass", "peak": "hit", "peak_other_class": "elsewhere"}
        columns |= {(name, MOVING): (seen[c], clips["area"]) for name, c in moving.items()}
    for (measure, region), (values, chance) in columns.items():
        low, high = np.nan, np.nan
        if level is not None:
            least = -1.0 if measure == CORRELATION else 0.0  # of the values; the largest is 1
            shares = (values - least) / (1 - least)
            _, *ends, _, _ = proportion_interval(shares, seen["subject"], level)
            low, high = (least + (1 - least) * end for end in ends)
        value = values.mean() if len(values) else np.nan
        cells = (measure, region, value, low, high, chance.mean())
        yield dict(zip(MEASURED, cells, strict=True)) | about
