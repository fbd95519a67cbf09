"""Pieces cover a video of any length, in order, with one transform each."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from microexpr.apps.predict.pieces import Cutter, Piece, stretches
from microexpr.config import Crop
from microexpr.face.detection import Detection

WHOLE = Crop(detector="none", size_px=32)
FACES = Crop(size_px=32, min_detected=0.5, first_frames=3)
FACE = Detection(
    np.array([8, 8, 16, 16], np.float32),
    np.array([[12, 14], [20, 14], [16, 18], [13, 21], [19, 21]], np.float32),
    0.9,
)


def cut(
    frames: int, length: int, step: int, settings: Crop = WHOLE, seen: str | None = None
) -> list[Piece]:
    """Cut frames whose grey level is their number; `seen` has a 1 for each frame with a face."""
    cutter = Cutter("clip", settings, length=length, step=step)
    found = []
    for number in range(frames):
        face = FACE if seen and seen[number] == "1" else None
        rgb = np.full((32, 32, 3), number % 256, np.uint8)
        found.append(cutter.add(rgb, 100 + number, number / 50, face))
    found.append(cutter.finish())
    return [piece for piece in found if piece is not None]


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 70), st.integers(2, 25), st.data())
def test_every_frame_is_covered_and_nothing_twice_over(frames, length, data):
    step = data.draw(st.integers(1, length))
    pieces = cut(frames, length, step)
    starts = [piece.first for piece in pieces]
    assert starts == [k * step for k in range(len(pieces))]
    assert [piece.index for piece in pieces] == list(range(len(pieces)))
    ends = [piece.first + len(piece) for piece in pieces]
    assert {i for a, b in zip(starts, ends, strict=True) for i in range(a, b)} == set(range(frames))
    assert all(len(piece) == length for piece in pieces[:-1])
    assert ends == sorted(set(ends)), "a piece that the one before holds"


def test_a_piece_holds_its_own_frames():
    for piece in cut(50, 12, 5):
        wanted = np.arange(piece.first, piece.first + len(piece))
        np.testing.assert_array_equal(piece.number, 100 + wanted)
        np.testing.assert_allclose(piece.time, wanted / 50)
        np.testing.assert_array_equal(np.stack(piece.crops)[:, 16, 16, 0], wanted)


def test_a_clip_no_longer_than_a_piece_is_one():
    (piece,) = cut(12, 12, 6)
    assert len(piece) == 12


def test_frames_without_a_face_are_named():
    (piece,) = cut(12, 12, 6, FACES, "111001111011")
    assert stretches(piece.number, ~piece.detected) == [(103, 104), (109, 109)]
    assert not piece.problem
    assert len(piece.crops) == 12


def test_a_piece_without_a_face_at_its_start_says_so():
    first, second = cut(12, 6, 6, FACES, "111111000111")
    assert not first.problem
    assert second.problem.startswith("no face in frames 106-108")
    assert not second.crops


def test_a_piece_with_few_faces_says_so():
    (piece,) = cut(10, 10, 5, FACES, "1100000000")
    assert piece.problem.startswith("a face in 2 of frames 100-109")


def test_a_piece_shorter_than_the_first_frames_is_cropped():
    (piece,) = cut(2, 10, 5, FACES, "01")
    assert not piece.problem
    assert len(piece.crops) == 2
