"""A face that shakes is held still: the motion of the whole is found, that of the mouth is left."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from footage import write_video
from microexpr.cli import main
from microexpr.demo.identity import Identity, landmarks_px
from microexpr.demo.render import render
from microexpr.face.detection import FaceDetector
from microexpr.face.steady import steady_face

FPS, FRAMES = 30, 60
WHO = Identity.of(1, 1)
SIZE = (640, 480)
MOUTH_PX = 1.0


def hand(frames: int = FRAMES) -> np.ndarray:
    """How a hand moves a camera: drift, tremor of 2 and 5 Hz, a little rotation; (T, 2, 3)."""
    t = np.arange(frames) / FPS
    x = 6 * np.sin(2 * np.pi * 0.4 * t) + 1.5 * np.sin(2 * np.pi * 2 * t) + 0.2 * np.sin(30 * t)
    y = 8 * (1 - np.cos(2 * np.pi * 0.3 * t)) + np.sin(2 * np.pi * 1.7 * t)
    angle = 1.5 * np.sin(2 * np.pi * 0.5 * t)
    moves = [cv2.getRotationMatrix2D((320, 240), a, 1 + 0.0002 * a) for a in angle]
    moves = np.stack(moves) + np.stack([0 * x, 0 * x], axis=1)[:, :, None]
    moves[:, :, 2] += np.stack([x - x[0], y - y[0]], axis=1)
    return moves


def smile(size_px: float) -> list[np.ndarray]:
    """Frames whose mouth corner goes out and back once, uint8 luma."""
    luma = cv2.cvtColor(render(WHO).astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
    corner = landmarks_px(WHO)[-1]
    y, x = np.mgrid[: SIZE[1], : SIZE[0]].astype(np.float32)
    bell = np.exp(-((x - corner[0]) ** 2 + (y - corner[1]) ** 2) / (2 * 12.0**2))
    course = size_px * np.sin(np.pi * np.arange(FRAMES) / FRAMES) ** 2
    move = {"interpolation": cv2.INTER_LANCZOS4, "borderMode": cv2.BORDER_REPLICATE}
    maps = [(x - c * bell).astype(np.float32) for c in course]
    return [cv2.remap(luma, across, y, **move) for across in maps]


def shaken(frames: list[np.ndarray], moves: np.ndarray, noise: float = 1.0) -> list[np.ndarray]:
    rng, how = np.random.default_rng(0), {"flags": cv2.INTER_LANCZOS4}
    how["borderMode"] = cv2.BORDER_REPLICATE
    made = [cv2.warpAffine(f, m, SIZE, **how) for f, m in zip(frames, moves, strict=True)]
    noisy = [frame + noise * rng.normal(size=frame.shape) for frame in made]
    return [frame.round().clip(0, 255).astype(np.uint8) for frame in noisy]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(min_score=0.7, width_px=320)


def test_the_hand_is_found_to_an_eighth_of_a_pixel(detector):
    moves = hand()
    face = steady_face(shaken(smile(MOUTH_PX), moves), fps=FPS, detector=detector)
    assert face.lost == 0
    x, y, wide, high = face.box
    corners = np.array([[a, b, 1] for a in (x, x + wide) for b in (y, y + high)])
    first = np.linalg.inv(np.vstack([moves[0], [0, 0, 1]]))
    true = np.stack([(m @ first) @ corners.T for m in moves])
    error = np.hypot(*np.moveaxis(face.transforms @ corners.T - true, 1, 0))
    assert np.sqrt((error**2).mean()) < 0.125
    assert face.motion_px > 10


def test_a_face_that_stands_does_not_move_with_its_mouth(detector):
    still = np.tile(np.eye(2, 3), (FRAMES, 1, 1))
    face = steady_face(shaken(smile(MOUTH_PX), still), fps=FPS, detector=detector)
    assert face.motion_px < 0.1


def test_no_face_and_a_face_that_vanishes(detector):
    rng = np.random.default_rng(0)
    nothing = [rng.integers(90, 110, SIZE[::-1], np.uint8) for _ in range(8)]
    assert steady_face(nothing, fps=FPS, detector=detector) is None
    frames = shaken(smile(0), hand())
    frames[20:30] = [np.full_like(frames[0], 128)] * 10
    face = steady_face(frames, fps=FPS, detector=detector)
    assert face.lost == 10
    assert np.isfinite(face.transforms).all()


def test_a_hand_held_clip_is_magnified_like_one_on_a_tripod(capsys, caplog, tmp_path):
    """Alpha auto finds the motion of the mouth, not that of the hand, and only it grows."""
    found = {}
    moves = {"hand": hand(), "tripod": np.tile(np.eye(2, 3), (FRAMES, 1, 1))}
    for name, matrices in moves.items():
        path = write_video(tmp_path / f"{name}.mp4", shaken(smile(MOUTH_PX), matrices))
        for way in ("face", "none"):
            out = tmp_path / f"{name}_{way}.mp4"
            command = ["magnify", str(path), str(out), "--stabilise", way, "--json"]
            assert main(command) == 0
            found[name, way] = json.loads(capsys.readouterr().out)
    held, tripod, shaking = found["hand", "face"], found["tripod", "face"], found["hand", "none"]
    assert held["stabilised"]
    assert not shaking["stabilised"]
    assert held["motion"]["in_band_px"] == pytest.approx(tripod["motion"]["in_band_px"], rel=0.3)
    assert shaking["motion"]["in_band_px"] > 3 * held["motion"]["in_band_px"]
    assert held["alpha"] > 2 * shaking["alpha"]
    assert held["motion"]["gain"] == pytest.approx(tripod["motion"]["gain"], rel=0.35)
