"""Decoding: every frame, in order, with its number and time; nothing wrong goes unsaid."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from microexpr.datasets import decoder
from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError


def images_clip(folder: Path, counters: list[int], **changes) -> Clip:
    """Describe a folder of images; its values are what an honest manifest says."""
    values = dict(
        clip_id="s1_ne_01", subject="s1", label="negative", kind="images", source=folder.name,
        frames=len(counters), first=counters[0], last=counters[-1], fps=100.0,
    )  # fmt: skip
    return Clip(**(values | changes))


def video_clip(path: Path, **changes) -> Clip:
    values = dict(
        clip_id="v", subject="s1", label="negative", kind="video", source=path.name,
        frames=0, first=0, last=0, fps=0.0,
    )  # fmt: skip
    return Clip(**(values | changes))


def write_images(folder: Path, counters: list[int], suffix: str = ".png", size=(12, 16)) -> None:
    """Write frames whose pixels tell their counter."""
    folder.mkdir()
    for counter in counters:
        image = np.full((*size, 3), counter % 256, np.uint8)
        image[:, :, 2] = 255 - counter % 256  # red, in OpenCV's order
        cv2.imwrite(str(folder / f"image{counter}{suffix}"), image)


def write_video(path: Path, frames: int, fps: float = 25.0, size=(64, 48)) -> None:
    """Write grey frames that become brighter by 4 levels a frame."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, size)
    for number in range(frames):
        writer.write(np.full((size[1], size[0], 3), 4 * number + 8, np.uint8))
    writer.release()


def collect(root: Path, clip: Clip) -> decoder.Frames:
    parts = list(decoder.decode(root, clip))
    return decoder.Frames(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("rgb", "number", "time"))
    )


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_images_come_in_numeric_order_as_rgb(tmp_path, suffix):
    counters = [99998, 99999, 100000, 100001]
    write_images(tmp_path / "a", counters, suffix)
    frames = collect(tmp_path, images_clip(tmp_path / "a", counters))
    assert frames.number.tolist() == counters
    np.testing.assert_allclose(frames.time, [0, 0.01, 0.02, 0.03])
    expected = [[255 - c % 256, c % 256, c % 256] for c in counters]
    assert frames.rgb[:, 0, 0].tolist() == expected


def test_a_missing_frame_is_a_gap_in_time_and_interpolated(tmp_path):
    write_images(tmp_path / "a", [10, 11, 13])
    frames = collect(tmp_path, images_clip(tmp_path / "a", [10, 11, 13]))
    np.testing.assert_allclose(frames.time, [0, 0.01, 0.02, 0.03])
    assert frames.number.tolist() == [10, 11, 12, 13]
    assert frames.rgb[:, 0, 0, 1].tolist() == [10, 11, 12, 13]


def test_only_the_annotated_range_is_decoded(tmp_path):
    write_images(tmp_path / "a", [*range(5, 10), 11, *range(13, 40)])
    clip = images_clip(tmp_path / "a", [8, 9, 11, 13, 14], onset=8, apex=10, offset=14)
    frames = collect(tmp_path, clip)
    assert frames.number.tolist() == [8, 9, 10, 11, 12, 13, 14]
    np.testing.assert_allclose(frames.time, np.arange(7) / 100)
    assert frames.rgb[:, 0, 0, 1].tolist() == [8, 9, 10, 11, 12, 13, 14]


def test_images_outside_the_range_may_be_broken(tmp_path):
    write_images(tmp_path / "a", [1, 2, 3])
    (tmp_path / "a/image4.png").write_bytes(b"no image")
    assert len(collect(tmp_path, images_clip(tmp_path / "a", [1, 2, 3])).rgb) == 3


def test_grey_and_16_bit_images_become_8_bit_rgb(tmp_path):
    (tmp_path / "a").mkdir()
    cv2.imwrite(str(tmp_path / "a/i1.png"), np.full((4, 5), 7, np.uint8))
    cv2.imwrite(str(tmp_path / "a/i2.png"), np.full((4, 5, 3), 7 * 257, np.uint16))
    frames = collect(tmp_path, images_clip(tmp_path / "a", [1, 2]))
    assert frames.rgb.dtype == np.uint8
    assert np.unique(frames.rgb).tolist() == [7]


def test_chunks_are_bounded_and_complete(tmp_path):
    counters = list(range(100, 100 + 2 * decoder.CHUNK + 3))
    write_images(tmp_path / "a", counters)
    parts = list(decoder.decode(tmp_path, images_clip(tmp_path / "a", counters)))
    assert [len(p.rgb) for p in parts] == [decoder.CHUNK, decoder.CHUNK, 3]


def test_video_frames_are_counted_as_they_come(tmp_path):
    write_video(tmp_path / "v.mp4", 40)
    frames = collect(tmp_path, video_clip(tmp_path / "v.mp4"))
    assert frames.number.tolist() == list(range(40))
    np.testing.assert_allclose(frames.time, np.arange(40) / 25, atol=1e-3)
    levels = frames.rgb.reshape(40, -1).mean(1)
    np.testing.assert_allclose(levels, 4 * np.arange(40) + 8, atol=5)  # the codec's loss
    assert (np.diff(levels) > 2).all()
    assert decoder.clip_axis(tmp_path, video_clip(tmp_path / "v.mp4")).fps == 25


def test_a_range_of_a_video_is_cut_out(tmp_path):
    write_video(tmp_path / "v.mp4", 40)
    frames = collect(tmp_path, video_clip(tmp_path / "v.mp4", first=10, last=19))
    assert frames.number.tolist() == list(range(10, 20))
    np.testing.assert_allclose(frames.time, np.arange(10) / 25, atol=1e-3)
    levels = frames.rgb.reshape(10, -1).mean(1)
    np.testing.assert_allclose(levels, 4 * np.arange(10, 20) + 8, atol=5)
    with pytest.raises(DataError, match="clip v: .* has 40 frames, the clip ends at frame 45"):
        collect(tmp_path, video_clip(tmp_path / "v.mp4", first=30, last=45))


def test_a_given_frame_rate_wins_over_the_container(tmp_path):
    write_video(tmp_path / "v.mp4", 5)
    frames = collect(tmp_path, video_clip(tmp_path / "v.mp4", fps=200.0))
    np.testing.assert_allclose(frames.time, np.arange(5) / 200)


def test_names_with_spaces_and_umlauts(tmp_path):
    folder = tmp_path / "Äpfel & Birnen"
    write_images(folder, [1, 2])
    assert len(collect(tmp_path, images_clip(folder, [1, 2])).rgb) == 2


def _spoil(path: Path) -> None:
    path.write_bytes(b"not an image")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: _spoil(f / "image2.png"), "clip s1_ne_01: frame 2: .*image2.png cannot be"),
        (lambda f: (f / "image2.png").write_bytes(b""), "frame 2: .* cannot be decoded"),
        (lambda f: (f / "image2.png").unlink(), "holds 2 images 1-3, the manifest says 3"),
        (lambda f: (f / "image3.png").unlink(), "holds 2 images 1-2, the manifest says 3"),
        (lambda f: [p.unlink() for p in f.iterdir()], "holds no image 1-3"),
        (
            lambda f: cv2.imwrite(str(f / "image2.png"), np.zeros((5, 5, 3), np.uint8)),
            "frame 2 is 5x5 px, the frames before are 16x12",
        ),
    ],
)
def test_bad_images_are_named(tmp_path, spoil, message):
    write_images(tmp_path / "a", [1, 2, 3])
    spoil(tmp_path / "a")
    with pytest.raises(DataError, match=message):
        collect(tmp_path, images_clip(tmp_path / "a", [1, 2, 3]))


def test_missing_and_broken_videos_are_named(tmp_path):
    with pytest.raises(DataError, match=r"clip v: .*gone.mp4 does not exist \(data.root\)"):
        collect(tmp_path, video_clip(tmp_path / "gone.mp4"))
    (tmp_path / "bad.mp4").write_bytes(b"no video at all")
    with pytest.raises(DataError, match="clip v: .*bad.mp4 cannot be opened as a video"):
        collect(tmp_path, video_clip(tmp_path / "bad.mp4"))


def test_real_video(shared_video):
    path = shared_video("single_face.mp4")
    frames = collect(path.parent, video_clip(path))
    assert frames.rgb.shape == (72, 360, 640, 3)
    fps = decoder.clip_axis(path.parent, video_clip(path)).fps
    assert fps == pytest.approx(30, rel=1e-3)
    np.testing.assert_allclose(frames.time, np.arange(72) / fps)
