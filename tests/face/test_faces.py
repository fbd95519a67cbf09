"""The crop: one similarity a clip, eyes level, the face where it should be; no face, no crop."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from microexpr import cache
from microexpr.config import Config
from microexpr.demo.identity import Identity, landmarks_px
from microexpr.demo.render import render
from microexpr.errors import DataError
from microexpr.face.detection import Detection, FaceDetector
from microexpr.face.transform import JitterMeter, face_transform, whole_frame_transform
from running import run_stage


@pytest.fixture(scope="module")
def person():
    return Identity.of(seed=3, subject=1)


@pytest.fixture(scope="module")
def portrait(person):
    return render(person).round().astype(np.uint8)


def rotate(image: np.ndarray, degrees: float) -> np.ndarray:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def detector() -> FaceDetector:
    return FaceDetector(min_score=0.7, width_px=320)


def test_detection_is_where_the_face_was_drawn(person, portrait):
    found = detector().detect(portrait)
    eyes = landmarks_px(person)[:2]
    between = np.linalg.norm(eyes[1] - eyes[0])
    assert np.linalg.norm(found.landmarks[:2] - eyes, axis=1).max() < 0.2 * between


def test_detection_hardly_depends_on_the_working_size(portrait):
    small = detector().detect(portrait)
    large = FaceDetector(min_score=0.7, width_px=640).detect(portrait)
    np.testing.assert_allclose(small.box, large.box, atol=0.08 * large.box[2])


@pytest.mark.parametrize("degrees", [-12, 0, 12])
def test_eyes_lie_level_in_the_crop(portrait, degrees):
    found = detector().detect(rotate(portrait, degrees))
    transform = face_transform([found], size_px=224, margin=0.15, level_eyes=True)
    right, left = transform.points(found.landmarks[:2])
    assert abs(left[1] - right[1]) < 1e-3
    assert left[0] > right[0]


def test_box_and_margin_give_the_scale(portrait):
    found = detector().detect(portrait)
    for margin in (0.0, 0.5):
        transform = face_transform([found], size_px=100, margin=margin, level_eyes=False)
        assert transform.scale == pytest.approx(100 / (found.box[2:].max() * (1 + margin)))
        middle = transform.points(found.box[None, :2] + found.box[None, 2:] / 2)
        np.testing.assert_allclose(middle, [[49.5, 49.5]], atol=1e-3)


def test_one_wild_detection_does_not_move_the_crop():
    points = np.array([[40, 50], [80, 50], [60, 70], [45, 90], [75, 90]], np.float32)
    good = [Detection(np.array([20, 20, 80, 90], np.float32), points, 0.9)] * 4
    wild = Detection(np.array([300, 200, 20, 20], np.float32), points + 200, 0.8)
    options = {"size_px": 224, "margin": 0.15, "level_eyes": True}
    np.testing.assert_allclose(
        face_transform([*good, wild], **options).matrix, face_transform(good, **options).matrix
    )


def test_the_same_transform_serves_all_frames(portrait):
    transform = face_transform(
        [detector().detect(portrait)], size_px=64, margin=0.15, level_eyes=True
    )
    crops = transform.apply(np.stack([portrait] * 3))
    assert (crops == crops[0]).all()


def test_shrinking_does_not_alias():
    checks = np.indices((400, 400)).sum(0) % 2 * 255
    image = np.repeat(checks[..., None], 3, 2).astype(np.uint8)
    small = whole_frame_transform(400, 400, 50).apply(image[None])[0]
    assert small[5:-5, 5:-5].std() < 3
    assert abs(small[5:-5, 5:-5].mean() - 127.5) < 3


@pytest.mark.parametrize("shape", [(170, 139), (139, 170), (224, 224), (60, 60)])
def test_a_whole_frame_keeps_its_shape(shape):
    transform = whole_frame_transform(*shape, 224)
    corners = transform.points(np.array([[0, 0], [shape[1] - 1, shape[0] - 1]], float))
    assert corners.min() >= -1
    assert corners.max() <= 225
    assert np.ptp(corners, axis=0).max() == pytest.approx(224 * (1 - 1 / max(shape)), abs=0.01)
    np.testing.assert_allclose(corners.mean(0), 111.5)


def test_jitter_is_what_the_crop_moves(portrait):
    base = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)[100:324, 200:424].astype(np.float32)
    steps = np.array([0.5, -0.5, 0.5, -0.5])
    frames = [base]
    for position in np.cumsum(steps):
        matrix = np.array([[1, 0, position], [0, 1, 0]])
        frames.append(cv2.warpAffine(base, matrix, (224, 224), flags=cv2.INTER_CUBIC))
    meter = JitterMeter()
    meter.add(np.repeat(np.stack(frames)[..., None], 3, 3).clip(0, 255).astype(np.uint8))
    assert meter.rms_px == pytest.approx(0.5, abs=0.05)


def frames_cache(path, clips):
    with cache.create(path, "frames", cache.Provenance(), compression="none") as out:
        for name, images in clips.items():
            with out.clip(name, fps=100.0) as clip:
                clip.append(images, frame=np.arange(len(images)), time=np.arange(len(images)) / 100)
    return path


def test_stage_records_what_it_saw(tmp_path, portrait):
    images = np.stack([portrait] * 4 + [np.zeros_like(portrait)])
    source = frames_cache(tmp_path / "frames.h5", {"a": images})
    run_stage("crop", Config(), frames=source, faces=tmp_path / "faces.h5")
    with cache.open_cache(tmp_path / "faces.h5", "faces") as faces:
        clip = faces["a"]
        assert clip.data.shape == (5, 224, 224, 3)
        assert clip["detected"].tolist() == [1, 1, 1, 1, 0]
        assert np.isnan(clip["box"][4]).all()
        assert clip.attributes["detected_share"] == pytest.approx(0.8)
        assert len(clip.attributes["transform"]) == 6
        right_eye, left_eye = np.array(clip.attributes["landmarks_px"]).reshape(5, 2)[:2]
        assert abs(right_eye[1] - left_eye[1]) < 1
        assert clip.attributes["fps"] == 100.0


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("none", "clip a: no face in frames 0-4"), ("leaves", "clip a: a face in 5 of 12 frames")],
)
def test_stage_fails_without_a_face_and_leaves_nothing(tmp_path, portrait, pattern, message):
    blank = np.full_like(portrait, 90)
    images = np.stack([blank] * 12 if pattern == "none" else [portrait] * 5 + [blank] * 7)
    source = frames_cache(tmp_path / "frames.h5", {"a": images})
    with pytest.raises(DataError, match=message):
        run_stage("crop", Config(), frames=source, faces=tmp_path / "faces.h5")
    assert not list(tmp_path.glob("*faces*"))


def test_every_clip_without_a_face_is_named(tmp_path, portrait):
    blank = np.full_like(portrait, 90)
    clips = {
        "good": np.stack([portrait] * 5),
        "nobody": np.stack([blank] * 5),
        "leaves": np.stack([portrait] * 3 + [blank] * 7),
        "006_1_2": np.stack([blank] * 6),
    }
    source = frames_cache(tmp_path / "frames.h5", clips)
    with pytest.raises(DataError) as caught:
        run_stage("crop", Config(), frames=source, faces=tmp_path / "faces.h5")
    nobody, leaves, third = caught.value.messages
    assert "clip nobody: no face in frames 0-4" in nobody
    assert "crop.min_score 0.7" in nobody
    assert nobody.endswith("; to leave the clip out: data.leave_out: [nobody]")
    assert "clip leaves: a face in 3 of 10 frames, crop.min_detected asks for 50%; " in leaves
    assert third.endswith("data.leave_out: ['006_1_2']")
    assert not list(tmp_path.glob("*faces*"))


def test_cropped_releases_skip_detection(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 170, 139, 3), np.uint8)
    config = Config.parse({"crop": {"detector": "none"}})
    source = frames_cache(tmp_path / "f.h5", {"a": images})
    run_stage("crop", config, frames=source, faces=tmp_path / "faces.h5")
    with cache.open_cache(tmp_path / "faces.h5", "faces") as faces:
        assert faces["a"].data.shape == (3, 224, 224, 3)
        assert "landmarks_px" not in faces["a"].attributes
        assert faces["a"]["detected"].tolist() == [1, 1, 1]
