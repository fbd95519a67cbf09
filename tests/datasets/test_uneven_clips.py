"""Gaps and varying rates, from the files to the filters: resampled with a notice, or refused."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from footage import write_video
from microexpr import cache
from microexpr.cache import open_cache
from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.datasets.decoder import clip_axis
from microexpr.errors import CacheError, DataError
from microexpr.magnify.stream import magnified_pixels
from running import decode, run_stage

SIZE = (48, 64)
DROPPED = [k for k in range(40) if not 15 <= k <= 20]  # what capture programs leave out
# Steps of a webcam, ms.
WEBCAM = [34, 136, 33, 40, 100, 33, 33, 34, 67, 100, 136, 33, 33, 34, 33, 67, 33, 29, 40, 33]


def picture(level: float) -> np.ndarray:
    """Return a picture whose level tells the time at which it was taken."""
    ramp = np.linspace(0, 8, SIZE[1])
    return np.tile(40 + 4 * level + ramp, (SIZE[0], 1))


def video(path: Path, numbers, *, unit=Fraction(1, 200), codec="mjpeg", sound=None, **more) -> Path:
    formats = {"mjpeg": "yuvj420p", "ffv1": "gray"}
    return write_video(
        path,
        [picture(40 * float(n * unit) * 5) for n in numbers],
        pts=list(numbers),
        time_base=unit,
        pixel_format=formats.get(codec, "yuv420p"),
        codec=codec,
        options=more.pop("options", {}),
        sound=sound,
        sound_s=0.2,
        **more,
    )


def images(folder: Path, counters) -> None:
    folder.mkdir()
    for counter in counters:
        level = 10 + 4 * np.sin(counter / 3)
        cv2.imwrite(str(folder / f"img{counter:03d}.png"), np.rint(picture(level)))


def index(root: Path, table: str, **data) -> tuple[list[manifest.Clip], list[dict[str, str]]]:
    """Index a list of clips; give the manifest, and the report."""
    (root / "clips.csv").write_text(table)
    data = {"kind": "video", "root": str(root), "table": str(root / "clips.csv"), **data}
    config = Config.parse({"data": data, "windows": {"n": [4]}})
    try:
        run_stage("index", config, manifest=root / "manifest.csv")
    finally:
        rows = list(csv.DictReader((root / "manifest_report.csv").open(newline="")))
    rows = [row for row in rows if row["problem"] != "long_clips"]
    return manifest.read(root / "manifest.csv"), rows


def face_and_magnified(root: Path, subject="s1", method="filter_only", **settings):
    """Decode, crop and magnify a subject's clips; give the paths of faces and magnified crops."""
    paths = {name: root / f"{name}_{subject}.h5" for name in ("frames", "faces", "magnified")}
    config = Config.parse({"crop": {"detector": "none", "size_px": 32}, "magnify": settings})
    decode(root, [subject], paths["frames"])
    run_stage("crop", config, frames=paths["frames"], faces=paths["faces"])
    given = {"faces": paths["faces"], "magnified": paths["magnified"], "method": method}
    run_stage("magnify", config, **given)
    return paths["faces"], paths["magnified"]


BAND = {"passband_hz": [2.0, 20.0], "temporal_filter": "ideal"}


@pytest.mark.parametrize("sound", [None, "pcm_s16le"])
@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.avi", "mjpeg"), ("a.avi", "ffv1"), ("a.avi", "libx264"), ("a.mkv", "ffv1")],
)
def test_dropped_frames_are_a_gap_with_and_without_sound(tmp_path, caplog, name, codec, sound):
    b_frames = {"bf": "2", "b-adapt": "0", "qp": "1"} if name == "a.mkv" else {"bf": "0", "qp": "1"}
    video(
        tmp_path / name,
        DROPPED,
        codec=codec,
        sound=sound,
        options=b_frames if codec == "libx264" else {},
    )
    (clip,), (row,) = index(tmp_path, f"path,subject,label,apex\n{name},s1,negative,\n")
    assert (clip.fps, clip.frames, clip.resampled, clip.length) == (200.0, 34, 40, 40)
    assert (row["problem"], row["action"], row["clip_id"]) == ("resampled", "corrected", "s1_a")
    assert "34 frames, 5 to 35 ms apart, are resampled to 40 at 200 frames/s" in row["detail"]
    assert row["detail"].endswith("6 of them interpolated; longest gap 30 ms")
    faces, magnified = face_and_magnified(tmp_path, **BAND)
    for path in (tmp_path / "frames_s1.h5", faces, magnified):
        with open_cache(path) as found:
            times, numbers = found["s1_a"]["time"], found["s1_a"]["frame"]
            attributes = found["s1_a"].attributes
        np.testing.assert_allclose(times, np.arange(40) / 200)
        assert numbers[[0, 14, 15, 20, 21, 39]].tolist() == [0, 14, 14, 15, 15, 33]
        about = ("fps", "source_frames", "interpolated_frames", "longest_gap_ms")
        assert [attributes[key] for key in about] == pytest.approx([200, 34, 6, 30])
    with open_cache(tmp_path / "frames_s1.h5") as found:
        levels = found["s1_a"].data[:].mean((1, 2, 3))
    np.testing.assert_allclose(np.diff(levels), np.diff(levels).mean(), atol=1.5)
    assert "clip s1_a: 34 frames, 5 to 35 ms apart, are resampled" in caplog.text


FORMATS = [
    *[("a.ts", "libx264"), ("a.flv", "libx264"), ("a.mp4", "libx264"), ("a.mkv", "libx264")],
    *[("a.webm", "libvpx"), ("a.mov", "mjpeg"), ("a.asf", "mpeg4"), ("a.nut", "ffv1")],
]


@pytest.mark.parametrize("rate", [25, Fraction(30000, 1001)])
@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_every_container_tells_its_gaps(tmp_path, name, codec, rate):
    options = {"libx264": {"bf": "2", "b-adapt": "0"}, "libvpx": {"auto-alt-ref": "1"}}
    whole = dict(clip_id="a", subject="s1", label="x", kind="video", source=name)
    clip = manifest.Clip(**whole, frames=0, first=0, last=0, fps=0)
    for numbers in (range(40), DROPPED):
        path = tmp_path / name
        video(path, numbers, unit=1 / Fraction(rate), codec=codec, options=options.get(codec, {}))
        axis = clip_axis(tmp_path, clip)
        assert axis.fps == pytest.approx(float(rate), rel=2e-4)
        assert axis.even == (len(numbers) == 40)
        assert (len(axis), axis.missing) == (40, 40 - len(numbers))
        if not axis.even:
            assert axis.gap() == (14, pytest.approx(6 / rate, abs=1.1e-3))


@pytest.mark.parametrize("rate", [120, 240, 60, 30, 100, 200])
def test_the_rate_of_rounded_stamps_reaches_the_filter(tmp_path, rate):
    video(tmp_path / "a.mkv", range(40), unit=Fraction(1, rate), codec="ffv1")
    video(tmp_path / "b.webm", range(90), unit=Fraction(1, rate), codec="libvpx-vp9")
    clips, rows = index(tmp_path, "path,subject,label\na.mkv,s1,negative\nb.webm,s1,negative\n")
    assert [clip.fps for clip in clips] == pytest.approx([rate, rate], rel=1e-3)
    assert not rows
    decode(tmp_path, ["s1"], tmp_path / "s1.h5")
    with open_cache(tmp_path / "s1.h5") as found:
        for clip in found:
            assert clip.attributes["fps"] == pytest.approx(rate, rel=1e-3)
            assert "source_frames" not in clip.attributes
            assert clip["frame"].tolist() == list(range(len(clip)))


def test_b_frames_in_avi_raise_no_alarm(tmp_path):
    options = {"bf": "3", "b-adapt": "0", "qp": "20"}
    frames = [np.roll(picture(k) + 30 * (np.arange(64) % 7), 3 * k, 1) for k in range(24)]
    write_video(tmp_path / "a.avi", frames, options=options, time_base=Fraction(1, 30))
    (clip,), rows = index(tmp_path, "path,subject,label\na.avi,s1,negative\n")
    assert (clip.fps, clip.frames, clip.resampled) == (30.0, 24, 0)
    assert not rows


@pytest.mark.parametrize("start_s", [0.2, 3600])
def test_a_late_start_changes_nothing(tmp_path, start_s):
    numbers = [k + round(start_s * 200) for k in DROPPED]
    video(tmp_path / "a.mkv", numbers, codec="ffv1")
    (clip,), _ = index(tmp_path, "path,subject,label\na.mkv,s1,negative\n")
    assert (clip.fps, clip.frames, clip.resampled) == (200.0, 34, 40)


def test_a_webcam_is_resampled_at_its_commonest_rate(tmp_path):
    stamps = np.cumsum([0, *WEBCAM]).tolist()
    video(tmp_path / "a.webm", stamps, unit=Fraction(1, 1000), codec="libvpx-vp9")
    (clip,), (row,) = index(tmp_path, "path,subject,label\na.webm,s1,negative\n")
    assert clip.fps == pytest.approx(30, rel=0.02)
    assert row["problem"] == "resampled" and "29 to 136 ms apart" in row["detail"]
    decode(tmp_path, ["s1"], tmp_path / "s1.h5")
    with open_cache(tmp_path / "s1.h5") as found:
        assert len(found["s1_a"]) == clip.resampled == clip.length
        np.testing.assert_allclose(np.diff(found["s1_a"]["time"]), 1 / clip.fps)


def test_stamps_that_occur_twice(tmp_path):
    """A program that writes a frame again at the same time."""
    video(tmp_path / "plain.mkv", range(30), codec="ffv1")
    twice = tmp_path / "a.mkv"
    with av.open(str(tmp_path / "plain.mkv")) as source, av.open(str(twice), "w") as copy:
        new = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is None:
                continue
            packet.stream, packet.duration = new, 5
            if packet.pts == 50:
                packet.pts = packet.dts = 45
            copy.mux(packet)
    (clip,), (row,) = index(tmp_path, "path,subject,label\na.mkv,s1,negative\n")
    assert (clip.frames, clip.resampled, row["problem"]) == (30, 30, "resampled")
    with pytest.raises(DataError, match="frames 9 and 10 are both at 0.045 s"):
        index(tmp_path, "path,subject,label\na.mkv,s1,negative\n", uneven="fail")


def test_a_gap_of_counters_moves_what_the_filter_sees(tmp_path):
    """Twenty-four images with and without a gap used to give the same magnified bytes."""
    there = [*range(1, 13), *range(24, 36)]
    images(tmp_path / "gap", there)
    images(tmp_path / "none", range(1, 25))
    for k, counter in enumerate(there, 1):  # the same pictures
        content = (tmp_path / f"gap/img{counter:03d}.png").read_bytes()
        (tmp_path / f"none/img{k:03d}.png").write_bytes(content)
    table = "path,subject,label,fps,onset,apex,offset\n"
    table += "gap,s1,negative,200,1,18,35\nnone,s1,negative,200,,,\n"
    clips, rows = index(tmp_path, table, allow=["missing_frames"])
    assert [clip.resampled for clip in clips] == [35, 0]
    assert [row["problem"] for row in rows] == ["missing_frames", "resampled"]
    faces, magnified = face_and_magnified(tmp_path, method="amm", **BAND)
    with open_cache(faces) as before, open_cache(magnified) as after:
        gap, none = after["s1_gap"].data[:], after["s1_none"].data[:]
        assert len(gap) == 35 and len(none) == 24
        assert not np.array_equal(gap[np.array(there) - 1], none)
        assert after["s1_gap"].attributes["apex"] == 17  # a frame that was dropped
        assert after["s1_gap"]["frame"].tolist() == list(range(1, 36))
        settings = Config.parse({"magnify": BAND}).magnify
        given = before["s1_gap"].data[:]
    expected = magnified_pixels(given, fps=200.0, settings=settings, method="amm")
    np.testing.assert_array_equal(gap, expected)
    filled = given[11:24].astype(float).mean((1, 2, 3))  # linear in time
    np.testing.assert_allclose(filled, np.linspace(filled[0], filled[-1], 13), atol=0.51)


TABLES = {
    "video": "path,subject,label\na.avi,s1,negative\n",
    "images": "path,subject,label,fps\nimg,s1,negative,200\n",
}


@pytest.mark.parametrize("kind", TABLES)
def test_uneven_clips_are_refused_where_they_shall_be(tmp_path, kind):
    video(tmp_path / "a.avi", DROPPED)
    images(tmp_path / "img", DROPPED)
    name = {"video": "s1_a", "images": "s1_img"}[kind]
    given = {"uneven": "fail", "allow": ["missing_frames"]}
    with pytest.raises(DataError) as caught:
        index(tmp_path, TABLES[kind], **given)
    message = caught.value.messages[0]
    found = "uneven in time: a gap of 30 ms after frame 14 at 0.07 s, in a clip of 200 frames/s"
    assert message.startswith(f"clip {name}: {found} (data.uneven: resample would resample it)")
    assert "to drop such clips: data.allow: [uneven_times]; " in message
    assert f"data.leave_out: [{name}]" in message
    images(tmp_path / "whole", range(20))
    table = f"path,subject,label,fps\nwhole,s2,negative,200\n{TABLES[kind].splitlines()[1]}"
    table += ",200\n" * (kind == "video")
    clips, _ = index(tmp_path, table, uneven="fail", allow=["missing_frames", "uneven_times"])
    assert [clip.clip_id for clip in clips] == ["s2_whole"]


@pytest.mark.parametrize("uneven", ["resample", "fail"])
@pytest.mark.parametrize("kind", TABLES)
def test_long_gaps_are_never_filled_in(tmp_path, kind, uneven):
    numbers = [*range(15), *range(65, 90)]
    video(tmp_path / "a.avi", numbers)
    images(tmp_path / "img", numbers)
    with pytest.raises(DataError, match="a gap of 250 ms after frame 14 at 0.07 s.*more than 200"):
        index(tmp_path, TABLES[kind], allow=["missing_frames"], uneven=uneven)
    # The frames on one side of the gap are a clip.
    span = ",15,39" if kind == "video" else ",65,89"
    line = TABLES[kind].splitlines()[1]
    table = f"{TABLES[kind].splitlines()[0]},onset,offset\n{line}{span}\n"
    (clip,), rows = index(tmp_path, table, uneven=uneven)
    assert (clip.frames, clip.resampled, rows) == (25, 0, [])


def test_a_manifest_of_another_hand_is_checked_when_it_is_decoded(tmp_path):
    images(tmp_path / "img", [*range(15), *range(65, 90)])
    clip = dict(clip_id="c", subject="s1", label="x", kind="images", source="img", fps=200.0)
    manifest.write(tmp_path / "manifest.csv", [manifest.Clip(**clip, frames=40, first=0, last=89)])
    with pytest.raises(DataError, match="clip c: a gap of 250 ms after frame 14 at 0.07 s"):
        decode(tmp_path, ["s1"], tmp_path / "s1.h5")


def test_dropped_frames_stay_a_gap_where_the_rate_is_given(tmp_path):
    video(tmp_path / "a.avi", DROPPED, unit=Fraction(1, 25))  # plays at 25, was taken at 200
    (clip,), (row,) = index(tmp_path, "path,subject,label,fps\na.avi,s1,negative,200\n")
    assert (clip.fps, clip.times, clip.frames, clip.resampled) == (200.0, "fps", 34, 40)
    assert "longest gap 30 ms" in row["detail"]
    decode(tmp_path, ["s1"], tmp_path / "s1.h5")
    with open_cache(tmp_path / "s1.h5") as found:
        np.testing.assert_allclose(found["s1_a"]["time"], np.arange(40) / 200)


@pytest.mark.parametrize("method", ["filter_only", "amm", "pmm"])
def test_each_clip_is_filtered_at_its_own_rate(tmp_path, method):
    """DFME has 200, 300 and 500 frames/s in one table."""
    rates = [199.5, 200, 300, 500]
    rng = np.random.default_rng(0)
    frames = rng.integers(90, 160, (40, 32, 32, 3), np.uint8)
    frames = np.stack([cv2.GaussianBlur(frame, (0, 0), 4) for frame in frames])
    table = "path,subject,label,fps\n"
    for name, rate in zip("abcd", rates, strict=True):
        (tmp_path / name).mkdir()
        for k, frame in enumerate(frames):
            cv2.imwrite(str(tmp_path / f"{name}/{k:05d}.png"), frame)
        table += f"{name},s1,negative,{rate}\n"
    clips, _ = index(tmp_path, table)
    assert [clip.fps for clip in clips] == rates
    _, magnified = face_and_magnified(tmp_path, method=method, **BAND)
    settings = Config.parse({"magnify": BAND}).magnify
    seen = set()
    with open_cache(tmp_path / "faces_s1.h5") as faces, open_cache(magnified) as found:
        for clip, face, rate in zip(found, faces, rates, strict=True):
            assert clip.attributes["fps"] == rate
            own = magnified_pixels(face.data[:], fps=rate, settings=settings, method=method)
            np.testing.assert_array_equal(clip.data[:], own)
            np.testing.assert_allclose(clip["time"], np.arange(40) / rate)
            seen.add(own.tobytes())
    assert len(seen) >= 3


def test_magnify_takes_no_gap_for_none(tmp_path, image_cache):
    """A cache that was made otherwise."""
    faces = image_cache("faces", clips=1, frames=12)
    with open_cache(faces) as found:
        pixels, about = found["s0_ne_01"].data[:], found["s0_ne_01"].attributes
    made = cache.Provenance()
    with (
        cache.create(tmp_path / "gap.h5", "faces", made) as out,
        out.clip("c", fps=about["fps"]) as clip,
    ):
        times = np.arange(12) / 100
        times[7:] += 0.06
        clip.append(
            pixels, frame=np.arange(12), time=times, detected=np.ones(12), box=np.zeros((12, 4))
        )
    config = Config.parse({"magnify": {"passband_hz": [5.0, 20.0]}})
    paths = {"faces": tmp_path / "gap.h5", "magnified": tmp_path / "m.h5"}
    with pytest.raises(CacheError, match=r"frame 7 at 0.13 s is not evenly spaced at 100"):
        run_stage("magnify", config, **paths, method="filter_only")
    assert not (tmp_path / "m.h5").exists()


def test_even_clips_keep_every_byte(tmp_path):
    images(tmp_path / "img", range(3, 30))
    (clip,), rows = index(tmp_path, "path,subject,label,fps\nimg,s1,negative,29.97\n")
    assert (clip.fps, clip.resampled, rows) == (29.97, 0, [])
    decode(tmp_path, ["s1"], tmp_path / "s1.h5")
    with open_cache(tmp_path / "s1.h5") as found:
        for k, frame in enumerate(found["s1_img"].data):
            stored = cv2.imread(str(tmp_path / f"img/img{k + 3:03d}.png"))
            np.testing.assert_array_equal(frame, stored)
        times = found["s1_img"]["time"]
        assert times.tolist() == [k / 29.97 for k in range(27)]
        assert found["s1_img"].attributes["fps"] == 29.97
