"""No face, several faces, one that leaves, one at the border: one face a clip, or an error."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from microexpr import cache
from microexpr.demo.identity import Identity
from microexpr.demo.render import render

SECTION = "Faces"
FRAMES = 6


@pytest.fixture(scope="module")
def faces():
    """Two persons, 240x320 px each, and nobody."""
    size = (320, 240)
    drawn = [render(Identity.of(seed=3, subject=s)).round().astype(np.uint8) for s in (1, 2)]
    small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in drawn]
    return small[0], small[1], np.full_like(small[0], 90)


def scaled(image, factor):
    """Return the same picture with a face of another size in it."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, factor)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def crop_of(tmp_path, images, **settings):
    """Write a cache of frames; give the arguments that crop it."""
    path = tmp_path / "frames.h5"
    numbers = np.arange(len(images))
    with (
        cache.create(path, "frames", cache.Provenance(), compression="none") as out,
        out.clip("s1_a", fps=100.0) as clip,
    ):
        clip.append(np.stack(images), frame=numbers, time=numbers / 100)
    config = json.dumps({"crop": {"size_px": 64, **settings}})
    files = ("--frames", path, "--faces", tmp_path / "faces.h5")
    return ["stage", "crop", *files, "--config", config]


def cropped(tmp_path):
    with cache.open_cache(tmp_path / "faces.h5", "faces") as found:
        clip = found["s1_a"]
        return clip["box"], clip["detected"].tolist(), clip.attributes


def test_nobody(tmp_path, fails, faces):
    arguments = crop_of(tmp_path, [faces[2]] * FRAMES)
    fails(SECTION, "no face", *arguments, says="clip s1_a: no face in frames 0-4")


def test_who_leaves_too_early(tmp_path, fails, faces):
    arguments = crop_of(tmp_path, [faces[0]] * 2 + [faces[2]] * 4)
    says = "clip s1_a: a face in 2 of 6 frames, crop.min_detected asks for 50%"
    fails(
        SECTION,
        "a face that leaves the picture, detected in less than crop.min_detected of the frames",
        *arguments,
        says=says,
    )


def test_who_leaves_is_recorded(tmp_path, command, faces, fault_row):
    assert command(*crop_of(tmp_path, [faces[0]] * 4 + [faces[2]] * 2))[0] == 0
    assert cropped(tmp_path)[1] == [1, 1, 1, 1, 0, 0]
    fault_row(
        SECTION,
        "a face that leaves the picture",
        "none: `detected` records the frames in which it is detected",
        0,
    )


@pytest.mark.parametrize("order", ["one is always larger", "the larger one changes"])
def test_one_of_two_is_followed(tmp_path, command, faces, caplog, order):
    """The largest face of each frame would be now the one, now the other."""
    sizes = [1.0] * FRAMES if order.startswith("one") else [1.0, 0.8] * (FRAMES // 2)
    images = [np.hstack([scaled(faces[0], s), scaled(faces[1], 0.9)]) for s in sizes]
    with caplog.at_level("INFO"):
        assert command(*crop_of(tmp_path, images))[0] == 0
    assert "clip s1_a: 2 faces in its first frames; the one of " in caplog.text
    box, detected, attributes = cropped(tmp_path)
    middles = box[:, 0] + box[:, 2] / 2
    assert np.ptp(middles) < 20  # one person throughout; the other is 320 px away
    assert detected == [1] * FRAMES
    assert attributes["other_faces"] == 1


def test_when_the_followed_one_leaves_the_other_is_not_taken(tmp_path, command, faces, fault_row):
    both = np.hstack([faces[0], scaled(faces[1], 0.6)])
    alone = np.hstack([faces[2], scaled(faces[1], 0.6)])
    assert command(*crop_of(tmp_path, [both] * 4 + [alone] * 2))[0] == 0
    box, detected, _ = cropped(tmp_path)
    assert detected == [1, 1, 1, 1, 0, 0]
    assert np.isnan(box[4:]).all()
    message = (
        "clip s1_a: 2 faces in its first frames; the one of ... px at x ..., y ... is cropped "
        "throughout (the largest, most central and longest in sight)"
    )
    fault_row(SECTION, "several faces", message, 0)


def test_a_face_at_the_border(tmp_path, command, faces, caplog, fault_row):
    image = np.ascontiguousarray(faces[0][:, 100:])
    with caplog.at_level("INFO"):
        assert command(*crop_of(tmp_path, [image] * FRAMES, margin=0.6))[0] == 0
    share = cropped(tmp_path)[2]["outside_share"]
    assert share > 0.05
    message = f"clip s1_a: {100 * share:.0f} % of the crop lies outside the frame"
    assert f"{message} (a face at the border) and repeats its edge" in caplog.text
    shown = "clip s1_a: ... % of the crop lies outside the frame (a face at the border) and repeats"
    fault_row(SECTION, "a face at the border", f"{shown} its edge", 0)


def test_a_single_bystander_in_one_frame_changes_nothing(tmp_path, command, faces):
    quiet = np.hstack([faces[0], faces[2]])
    crowd = np.hstack([faces[0], scaled(faces[1], 1.1)])
    transforms = []
    for images in ([quiet] * FRAMES, [quiet, crowd, *[quiet] * (FRAMES - 2)]):
        assert command(*crop_of(tmp_path, images))[0] == 0
        transforms.append(cropped(tmp_path)[2]["transform"])
    np.testing.assert_allclose(*transforms, atol=0.5)
