"""Regions of the face, shares of maps in them, and what really moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from microexpr.errors import DataError
from microexpr.explain.drawing import contact_sheet, on_frame, overlaid_frames
from microexpr.explain.scores import (
    REGIONS,
    Truth,
    area_shares,
    displacement_px,
    motion_scores,
    moving_pixels,
    peak,
    region_map,
    region_scores,
)
from microexpr.face.transform import CropTransform

FACE = np.array([(78, 90), (146, 90), (112, 128), (86, 164), (138, 164)], float)


def turned(points: np.ndarray, degrees: float, scale: float = 1.0) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((112, 112), degrees, scale)
    return points @ matrix[:, :2].T + matrix[:, 2]


@pytest.mark.parametrize("degrees", [0, 25, -40])
def test_landmarks_lie_in_their_regions(degrees):
    points = turned(FACE, degrees)
    found = region_map(points, 224)
    names = [REGIONS[found[round(y), round(x)]] for x, y in points]
    assert names == ["eyes", "eyes", "nose", "mouth_corners", "mouth_corners"]
    above = points[:2] + 0.36 * (points[:2].mean(0) - points[3:].mean(0)) / 74 * 68
    assert {REGIONS[found[round(y), round(x)]] for x, y in above} == {"brows"}
    assert REGIONS[found[2, 2]] == "rest"


def test_regions_grow_with_the_face():
    small, large = (area_shares(region_map(turned(FACE, 0, k), 224)) for k in (0.6, 1.2))
    assert small.sum() == large.sum() == pytest.approx(1)
    np.testing.assert_allclose(large[:4] / small[:4], 4, rtol=0.05)


def test_a_face_without_width_is_refused():
    with pytest.raises(DataError, match="are no face"):
        region_map(np.zeros((5, 2)), 64)


def test_shares_sum_to_one_and_an_even_map_has_the_regions_areas():
    regions = region_map(FACE, 224)
    rng = np.random.default_rng(0)
    for cam in (rng.random((224, 224)), np.ones((224, 224))):
        scores = region_scores(cam, regions)
        assert sum(scores[f"share_{name}"] for name in REGIONS) == pytest.approx(1)
    for name in REGIONS:
        assert scores[f"share_{name}"] == pytest.approx(scores[f"area_{name}"])


def test_an_empty_map_has_no_share_and_no_peak():
    scores = region_scores(np.zeros((224, 224)), region_map(FACE, 224))
    assert scores["peak"] == ""
    assert np.isnan(scores["share_eyes"])


def spot(x: float, y: float) -> np.ndarray:
    rows, columns = np.mgrid[:224, :224]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 50)


def test_the_peak_is_in_the_region_of_a_planted_spot():
    for (x, y), name in zip(
        FACE, ("eyes", "eyes", "nose", "mouth_corners", "mouth_corners"), strict=True
    ):
        scores = region_scores(spot(x, y), region_map(FACE, 224))
        assert scores["peak"] == name
        assert scores[f"share_{name}"] > 0.9


def test_hits_are_counted_on_the_clips_own_motion():
    moving = {"own": spot(60, 60) > 0.5, "same": spot(9, 9) > 0.5, "other": spot(160, 60) > 0.5}
    truth = Truth(moving, {"own": "a", "same": "a", "other": "b"})
    scores = motion_scores(spot(60, 60), "own", truth)
    assert scores["hit"] == 1
    assert scores["elsewhere"] == 0  # `other` alone: `same` is of its class
    assert scores["area"] < 0.01
    assert scores["mass"] > 0.4
    missed = motion_scores(spot(160, 60), "own", truth)
    assert (missed["hit"], missed["elsewhere"]) == (0, 1)


def test_the_truth_is_taken_to_the_crop(tmp_path):
    # 40 x 30 px move, from pixel (100, 50); the crop halves the frame and starts at (60, 20).
    field = np.zeros((2, 30, 40), np.float16)
    field[0, 10:20, 10:30] = 3
    (tmp_path / "truth").mkdir()
    np.savez(tmp_path / "truth" / "clip.npz", displacement=field, roi=(100, 50, 40, 30))
    transform = CropTransform(np.array([[0.5, 0, -30], [0, 0.5, -10]]), 64)
    size = displacement_px(tmp_path, "clip", transform)
    rows, columns = np.nonzero(size > 0.75)
    assert size.max() == pytest.approx(1.5)
    assert abs(columns.mean() - (120 / 2 - 30)) < 0.6
    assert abs(rows.mean() - (65 / 2 - 10)) < 0.6
    assert moving_pixels(size, 0.01).sum() <= 0.01 * 64 * 64
    with pytest.raises(DataError, match="clip none: no displacement"):
        displacement_px(tmp_path, "none", transform)


def test_an_overlay_lies_where_the_crop_was_cut():
    transform = CropTransform(np.array([[0.5, 0, -30], [0, 0.5, -10]]), 64)
    cam = np.zeros((8, 8))
    cam[2, 5] = 1  # its cell's centre is crop pixel (43.5, 19.5)
    found = on_frame(cam, transform, 200, 240)
    y, x = peak(found)
    assert found.shape == (200, 240)
    assert abs((x - 60) / 2 - 43.5) <= 1
    assert abs((y - 20) / 2 - 19.5) <= 1
    frames = [np.full((200, 240, 3), 90, np.uint8)] * 2
    weak, strong = overlaid_frames(frames, np.stack([cam / 2, cam]), transform)
    assert (weak[0, 0] == 90).all()
    assert np.abs(strong[y, x].astype(int) - 90).sum() > np.abs(weak[y, x].astype(int) - 90).sum()
    assert contact_sheet([weak] * 4).shape == (404, 728, 3)


def test_the_middle_of_equal_peaks_is_taken():
    cam = np.zeros((5, 5))
    cam[1, 1:4] = 1
    assert peak(cam) == (1, 2)
