"""One of several faces, frame by frame; the detector is a list of what it finds."""

from __future__ import annotations

import numpy as np

from microexpr.face.detection import Detection, FollowedFace, WatchedFace

FRAME = np.zeros((480, 640, 3), np.uint8)
NEAR = (200.0, 150.0, 200.0, 240.0)
FAR = (20.0, 20.0, 60.0, 80.0)


class Detector:
    """Gives the boxes of one frame after the other."""

    def __init__(self, *frames):
        self.frames = iter(frames)

    def detect_all(self, rgb):
        assert rgb.shape == FRAME.shape
        return [face(box) for box in next(self.frames)]


def face(box) -> Detection:
    return Detection(np.array(box), np.zeros((5, 2)), 0.9)


def moved(box, dx: float = 0.0, grown: float = 1.0):
    x, y, width, height = box
    return (x + dx, y, width * grown, height * grown)


def watched(*frames, patience: int = 2) -> list:
    found = WatchedFace(Detector(*frames), patience)
    return [None if (f := found.detect(FRAME)) is None else tuple(f.box) for _ in frames]


def test_the_face_of_the_first_frames_is_followed_though_another_grows_larger():
    first = [[FAR, NEAR], [FAR], [FAR, moved(NEAR, 5)]]
    rest = [[moved(NEAR, 8), moved(FAR, 0, 5)], [moved(FAR, 0, 6)], [moved(NEAR, 12)]]
    followed = FollowedFace(Detector(*first, *rest), np.stack([FRAME] * 3))
    assert [tuple(d.box) for d in followed.found] == [NEAR, moved(NEAR, 5)]
    assert followed.others == 1
    found = [followed.detect(FRAME) for _ in rest]
    assert [f and tuple(f.box) for f in found] == [moved(NEAR, 8), None, moved(NEAR, 12)]


def test_a_watched_face_keeps_its_place_though_another_grows_larger():
    large = moved(FAR, 0, 5)
    assert watched([FAR, NEAR], [large, moved(NEAR, 4)], [large], [large, moved(NEAR, 9)]) == [
        NEAR,
        moved(NEAR, 4),
        None,
        moved(NEAR, 9),
    ]


def test_another_face_takes_the_place_of_one_that_has_left():
    assert watched([NEAR, FAR], [FAR], [FAR], [FAR], [NEAR, FAR]) == [NEAR, None, None, FAR, FAR]


def test_nobody_is_watched_before_somebody_comes():
    assert watched([], [], [], [], [FAR]) == [None, None, None, None, FAR]
