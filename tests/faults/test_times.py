"""Clips whose frames are not evenly spaced in time: resampled with a notice, or refused by name."""

from __future__ import annotations

import json
from fractions import Fraction

import cv2
import numpy as np
import pytest
from clips import manifest_of

from footage import moving, swing, texture, write_video
from microexpr import cache
from microexpr.cache import open_cache
from microexpr.datasets import manifest

SECTION = "Times"
DROPPED = [k for k in range(40) if not 15 <= k <= 20]
WEBCAM = np.cumsum([0, 34, 136, 33, 40, 100, 33, 33, 34, 67, 33, 33, 34, 33, 29, 40]).tolist()


def video(path, stamps, unit=Fraction(1, 200), codec="ffv1"):
    pictures = moving(texture(48, 64), swing(len(stamps), 1.0))
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    options = {"pixel_format": pixel_format, "codec": codec, "options": {}, "framerate": 1 / unit}
    return write_video(path, pictures, pts=list(stamps), time_base=unit, **options)


def images(folder, counters):
    folder.mkdir()
    for counter in counters:
        cv2.imwrite(str(folder / f"img{counter:03d}.png"), np.full((48, 64), 90 + counter))


def index(root, line, **data):
    """Write a list of one clip; give the arguments that index it."""
    (root / "clips.csv").write_text(f"path,subject,label,clip_id,fps\n{line}\n")
    table = {"kind": "video", "root": str(root), "table": str(root / "clips.csv"), **data}
    settings = json.dumps({"data": table, "windows": {"n": [3]}})
    return ["stage", "index", "--manifest", root / "m.csv", "--config", settings]


def test_dropped_frames(tmp_path, command, fails, fault_row, caplog):
    video(tmp_path / "a.avi", DROPPED, codec="mjpeg")
    for uneven in ("fail", "resample"):
        arguments = index(tmp_path, "a.avi,s1,negative,s1_a,", uneven=uneven)
        if uneven == "fail":
            says = r"clip s1_a: uneven in time: a gap of 30 ms after frame 14 at 0.07 s"
            fails(SECTION, "dropped frames, data.uneven: fail", *arguments, says=says)
    with caplog.at_level("INFO"):
        assert command(*arguments)[0] == 0
    (clip,) = manifest.read(tmp_path / "m.csv")
    assert (clip.fps, clip.frames, clip.resampled) == (200, 34, 40)
    message = (
        "clip s1_a: 34 frames, 5 to 35 ms apart, are resampled to 40 at 200 frames/s, 6 of them "
        "interpolated; longest gap 30 ms (resampled)"
    )
    assert message in caplog.text
    fault_row(SECTION, "dropped frames (empty packets of an AVI file)", message, 0)


def test_missing_numbers_of_images(tmp_path, command, fault_row, caplog):
    images(tmp_path / "clip", [1, 2, 3, 4, 8, 9, 10, 11])
    arguments = index(tmp_path, "clip,s1,negative,s1_a,100", allow=["missing_frames"])
    with caplog.at_level("INFO"):
        assert command(*arguments)[0] == 0
    message = (
        "clip s1_a: 8 frames, 10 to 40 ms apart, are resampled to 11 at 100 frames/s, 3 of them "
        "interpolated; longest gap 30 ms (resampled)"
    )
    assert message in caplog.text
    fault_row(SECTION, "image numbers that are missing, and allowed", message, 0)


@pytest.mark.parametrize("kind", ["video", "images"])
def test_a_long_gap(tmp_path, fails, kind):
    numbers = [*range(5), *range(50, 60)]
    video(tmp_path / "a.mkv", numbers)
    images(tmp_path / "clip", numbers)
    line = {"video": "a.mkv,s1,negative,s1_a,", "images": "clip,s1,negative,s1_a,200"}[kind]
    arguments = index(tmp_path, line, allow=["missing_frames"])
    says = "clip s1_a: a gap of 225 ms after frame 4 at 0.02 s, .* more than 200 ms are not filled"
    fails(SECTION, f"a gap above 0.2 s ({kind})", *arguments, says=says)


def test_a_varying_rate(tmp_path, command, fails, fault_row, caplog):
    video(tmp_path / "a.webm", WEBCAM, unit=Fraction(1, 1000), codec="libvpx-vp9")
    line = "a.webm,s1,negative,s1_a,"
    says = r"clip s1_a: uneven in time: a gap of 10\d(\.\d)? ms after frame 1 at 0.034 s"
    arguments = index(tmp_path, line, uneven="fail")
    fails(SECTION, "a webcam's varying rate, data.uneven: fail", *arguments, says=says)
    with caplog.at_level("INFO"):
        assert command(*index(tmp_path, line))[0] == 0
    (text,) = [line for line in caplog.messages if "are resampled to" in line]
    assert "16 frames, 29 to 136 ms apart" in text
    message = text.partition("the first: ")[2]
    fault_row(SECTION, "a webcam's varying rate", message, 0)


def test_times_that_run_backwards(tmp_path, fails):
    """Two files joined byte by byte, as is usual with MPEG."""
    pictures = moving(texture(48, 64), swing(20, 1.0))
    options = {"codec": "mpeg2video", "options": {}, "time_base": Fraction(1, 30)}
    content = write_video(tmp_path / "a.mpg", pictures, **options).read_bytes()
    (tmp_path / "a.mpg").write_bytes(content + content)
    says = r"clip s1_a: the time stamps run backwards: frame \d+ at .* s comes after frame \d+ at"
    fails(SECTION, "times that run backwards", *manifest_of(tmp_path, "a.mpg"), says=says)


def test_rounded_times(tmp_path, command, fault_row):
    video(tmp_path / "a.mkv", range(40), unit=Fraction(1, 120))
    assert command(*index(tmp_path, "a.mkv,s1,negative,s1_a,"))[0] == 0
    (clip,) = manifest.read(tmp_path / "m.csv")
    assert (clip.fps, clip.resampled) == (120, 0)
    fault_row(SECTION, "times rounded to milliseconds", "none: 120 frames/s, and no gap", 0)


def test_a_cache_with_a_gap(tmp_path, fails):
    times = np.arange(12) / 100
    times[7:] += 0.06
    with (
        cache.create(tmp_path / "faces.h5", "faces", cache.Provenance()) as out,
        out.clip("s1_a", fps=100.0) as clip,
    ):
        boxes = {"detected": np.ones(12), "box": np.zeros((12, 4))}
        pixels = np.full((12, 16, 16, 3), 90, np.uint8)
        clip.append(pixels, frame=np.arange(12), time=times, **boxes)
    paths = ["--faces", tmp_path / "faces.h5", "--magnified", tmp_path / "out.h5"]
    says = "clip s1_a: frame 7 at 0.13 s is not evenly spaced at 100 frames/s"
    arguments = ["stage", "magnify", *paths, "--method", "amm", "--config", "{}"]
    fails(SECTION, "a cache of crops with a gap", *arguments, says=says)


def test_even_times_reach_the_cache(tmp_path, command):
    video(tmp_path / "a.avi", DROPPED, codec="mjpeg")
    assert command(*manifest_of(tmp_path, "a.avi"))[0] == 0
    with open_cache(tmp_path / "s1.h5") as found:
        np.testing.assert_allclose(found["s1_a"]["time"], np.arange(40) / 200)
