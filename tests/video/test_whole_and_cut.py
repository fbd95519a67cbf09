"""A file that is cut off is found, whatever else it holds; a whole one is never called cut."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from footage import RATE_HZ, texture
from microexpr.errors import DataError, MicroexprWarning
from microexpr.video.opening import is_cut_off
from microexpr.video.picture import Policy
from microexpr.video.reading import video_pictures
from microexpr.video.sources import video_source

FRAMES, FPS = 40, 30
SHARES = (0.3, 0.55, 0.8, 0.97)
MS = Fraction(1, 1000)
FAST = {"movflags": "faststart"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
# Container, its options, codec of the picture and of the sound.
CONTAINERS: dict[str, tuple[str, dict[str, str], str, str, int]] = {
    "mkv": ("matroska", {}, "libx264", "aac", RATE_HZ),
    "webm": ("webm", {}, "libvpx-vp9", "libopus", 48000),
    "mp4": ("mp4", FAST, "libx264", "aac", RATE_HZ),
    "mp4, index at its end": ("mp4", {}, "libx264", "aac", RATE_HZ),
    "mp4 in fragments": ("mp4", FRAGMENTS, "libx264", "aac", RATE_HZ),
    "mov": ("mov", FAST, "mpeg4", "pcm_s16le", RATE_HZ),
    "avi": ("avi", {}, "mpeg4", "pcm_s16le", RATE_HZ),
    "avi of images": ("avi", {}, "mjpeg", "pcm_s16le", RATE_HZ),
    "mpegts": ("mpegts", {}, "libx264", "aac", RATE_HZ),
    "flv": ("flv", {}, "libx264", "aac", 44100),
    "mpg": ("mpeg", {}, "mpeg2video", "mp2", RATE_HZ),
    "asf": ("asf", {}, "wmv2", "mp2", RATE_HZ),
}
TRACKS = {
    "alone": {},
    "longer sound": {"sound_s": 2.0},
    "shorter sound": {"sound_s": 0.8},
    "late": {"start_s": 5.2},
    "a little late, with sound": {"start_s": 0.2, "sound_s": 2.0},
    "two pictures": {"pictures": 2, "sound_s": 1.0},
    "a cover": {"cover": True},
    "a time code": {"timecode": True, "sound_s": 1.3},
    "subtitles": {"subtitles": True},
    "an attachment": {"attachment": True, "sound_s": 1.0},
    "much metadata": {"metadata": True},
}
MATROSKA, ISO = ("matroska", "webm"), ("mp4", "mov")
HOLDS = {
    "cover": (*MATROSKA, *ISO),
    "timecode": ISO,
    "subtitles": ("matroska", *ISO),
    "attachment": MATROSKA,
    "metadata": (*MATROSKA, *ISO, "avi"),
}


def picture(k: int, pixel_format: str) -> av.VideoFrame:
    rng = np.random.default_rng(k)
    grey = np.roll(texture(96, 128), k, axis=1) + rng.integers(-6, 7, (96, 128))
    rgb = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)


def sound_packets(stream: av.AudioStream, seconds: float, start_s: float) -> list[av.Packet]:
    rate = stream.codec_context.sample_rate
    wave = np.random.default_rng(0).integers(-3000, 3000, round(rate * seconds)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), round(start_s * rate)
    size = stream.codec_context.frame_size or 1024
    form = stream.codec_context.format.name
    cut = av.AudioResampler(format=form, layout="mono", rate=rate, frame_size=size)
    found = [p for part in (*cut.resample(frame), *cut.resample(None)) for p in stream.encode(part)]
    return [*found, *stream.encode(None)]


def video_streams(container, codec: str, count: int) -> list[av.VideoStream]:
    found = []
    for _ in range(count):
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height = 128, 96
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.options = {
            "libx264": {"crf": "18", "g": "12"},
            "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
        }.get(codec, {})
        stream.bit_rate = 0 if codec == "libx264" else 1_500_000
        found.append(stream)
    return found


def packet(stream, content: bytes, start_ms: int, duration_ms: int = 0) -> av.Packet:
    made = av.Packet(content)
    made.stream, made.time_base = stream, MS
    made.pts = made.dts = start_ms
    made.duration = duration_ms
    return made


def other_packets(container, form: str, *, cover: bool, subtitles: bool) -> list[av.Packet]:
    found = []
    jpg = cv2.imencode(".jpg", np.full((60, 80, 3), 99, np.uint8))[1].tobytes()
    if cover and form in MATROSKA:
        container.add_attachment("cover.jpg", "image/jpeg", jpg)
    elif cover:
        stream = container.add_mux_stream("mjpeg", width=80, height=60, time_base=MS)
        stream.disposition = Disposition.attached_pic
        found.append(packet(stream, jpg, 0))
    if subtitles:
        name = "subrip" if form == "matroska" else "mov_text"
        stream = container.add_mux_stream(name, time_base=MS)
        text = b"hello" if form == "matroska" else b"\0\5hello"
        # The last is shown for longer than the picture lasts.
        found += [packet(stream, text, at, last) for at, last in ((0, 500), (600, 300), (1e3, 2e3))]
    return found


def write(
    path: Path,
    name: str,
    *,
    start_s: float = 0.0,
    sound_s: float = 0.0,
    pictures: int = 1,
    cover: bool = False,
    timecode: bool = False,
    subtitles: bool = False,
    attachment: bool = False,
    metadata: bool = False,
) -> Path:
    form, options, codec, sound, rate = CONTAINERS[name]
    with av.open(str(path), "w", format=form, options=options) as container:
        streams = video_streams(container, codec, pictures)
        if timecode:
            streams[0].metadata["timecode"] = "00:00:00:00"
        if metadata:
            container.metadata["title"] = "x" * 3000
        if attachment:
            container.add_attachment("notes.ttf", "application/x-truetype-font", bytes(5000))
        audio = container.add_stream(sound, rate=rate, layout="mono") if sound_s else None
        packets = other_packets(container, form, cover=cover, subtitles=subtitles)
        for k in range(FRAMES):
            for stream in streams:
                frame = picture(k, stream.pix_fmt)
                frame.pts, frame.time_base = k + round(start_s * FPS), Fraction(1, FPS)
                packets += stream.encode(frame)
        for stream in streams:
            packets += stream.encode(None)
        if audio is not None:
            packets += sound_packets(audio, sound_s, start_s)
        for made in sorted(packets, key=lambda p: -1 if p.dts is None else p.dts * p.time_base):
            container.mux(made)
    return path


def names() -> list[tuple[str, str]]:
    found = []
    for name, (form, *_) in CONTAINERS.items():
        for tracks, options in TRACKS.items():
            if all(form in HOLDS[key] for key in HOLDS if key in options) and not (
                form == "flv" and "pictures" in options
            ):
                found.append((name, tracks))
    return found


def read(path: Path, policy: Policy) -> tuple[int, list[str]]:
    """Return how many pictures there are, and what is said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        count = len(list(video_pictures(path, policy)))
    return count, [str(w.message) for w in said if issubclass(w.category, MicroexprWarning)]


@pytest.mark.parametrize(("name", "tracks"), names())
def test_whole_files_are_silent_and_cut_ones_are_found(tmp_path, name, tracks):
    path = write(tmp_path / "whole", name, **TRACKS[tracks])
    content = path.read_bytes()
    assert read(path, "strict") == read(path, "lenient") == (FRAMES, [])
    for share in SHARES:
        size = int(len(content) * share)
        # Nothing tells that a stream goes on behind one of its packets.
        size -= name == "mpegts" and size % 188 == 0
        cut = tmp_path / "cut"
        cut.write_bytes(content[:size])
        if name in ("flv", "mpg") and share >= 0.8 and read(cut, "lenient") == (FRAMES, []):
            continue  # no file states its length: cut between two packets of the longer sound
        with pytest.raises(DataError, match=r"cut off|damaged|cannot be decoded|its header states"):
            read(cut, "strict")
        if name == "mp4, index at its end":
            with suppress(DataError):
                assert read(cut, "lenient")[1]
            continue
        found, said = read(cut, "lenient")
        assert said
        assert 0 < found <= FRAMES


@pytest.mark.parametrize("name", ["mkv", "webm", "mp4"])
def test_times_start_at_zero_however_late_the_file_starts(tmp_path, name):
    path = write(tmp_path / "late", name, start_s=3600.0)
    pictures = list(video_pictures(path, "strict"))
    assert len(pictures) == FRAMES
    source = video_source(path)
    times_s = [float(pts * source.time_base) for pts in source.pts]
    np.testing.assert_allclose(times_s, np.arange(FRAMES) / FPS, atol=1e-3)
    assert pictures[0].stamp * source.time_base == pytest.approx(3600, abs=0.1)


@pytest.mark.parametrize("name", ["mkv", "webm", "mp4", "mpegts", "avi"])
def test_a_clip_before_the_cut_is_whole(tmp_path, name):
    path = write(tmp_path / "v", name, sound_s=2.0)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 4 // 5])
    pictures = video_pictures(path, "strict")
    assert [next(pictures).number for _ in range(10)] == list(range(10))


@pytest.mark.parametrize("announced", [1, 5, 30, 200])
@pytest.mark.parametrize(
    ("form", "codec"), [("flv", "flv"), ("asf", "wmv2"), ("matroska", "mpeg4"), ("webm", "libvpx")]
)
def test_a_header_may_count_a_longer_last_frame(tmp_path, form, codec, announced):
    """It lasts as long as frames of the announced rate; the pictures came faster."""
    path = tmp_path / "v"
    for step in (1, 5, 11, 33, 100):
        with av.open(str(path), "w", format=form) as container:
            stream = container.add_stream(codec, rate=announced, width=128, height=96)
            stream.pix_fmt, stream.codec_context.time_base = "yuv420p", MS
            for k in range(8):
                frame = picture(k, "yuv420p")
                frame.pts, frame.time_base = k * step, MS
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        assert read(path, "strict") == (8, [])


def damaged_fields() -> dict[str, tuple[str, Callable[[bytes], bytes]]]:
    """Return length fields that are wrong, or left open, in files that are whole."""
    return {
        "avi, a length that is too large": (
            "avi",
            lambda c: c[:4] + (10**9).to_bytes(4, "little") + c[8:],
        ),
        "avi, no length, as after a crash": ("avi", lambda c: c[:4] + bytes(4) + c[8:]),
        "mkv, its length left open": (
            "mkv",
            lambda c: c.replace(c[c.index(b"\x18\x53\x80\x67") :][:12],
                                b"\x18\x53\x80\x67\x01" + b"\xff" * 7, 1),
        ),
        "mp4, bytes behind its end": ("mp4", lambda c: c + b"written by some camera" * 99),
        "mp4, zeros behind its end": ("mp4", lambda c: c + bytes(4096)),
        "mp4, the last box without a length": (
            "mp4",
            lambda c: c.replace(c[c.index(b"mdat") - 4 :][:8], bytes(4) + b"mdat", 1),
        ),
        "mkv, bytes behind its end": ("mkv", lambda c: c + bytes(3000)),
    }  # fmt: skip


@pytest.mark.parametrize("what", damaged_fields())
def test_odd_lengths_are_no_cut(tmp_path, what):
    name, change = damaged_fields()[what]
    path = write(tmp_path / "v", name, sound_s=1.0)
    path.write_bytes(change(path.read_bytes()))
    assert len(list(video_pictures(path, "strict"))) == FRAMES


def test_a_gif_may_lack_its_last_byte(tmp_path):
    """As icons of old programs do."""
    pictures = [Image.fromarray(picture(k, "gray").to_ndarray()) for k in range(6)]
    path = tmp_path / "v.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40)
    content = path.read_bytes()
    for whole in (content, content[:-1], content + bytes(99)):
        path.write_bytes(whole)
        assert read(path, "strict") == (6, [])
    for share in SHARES:
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(DataError, match="the file is cut off"):
            read(path, "strict")


def test_a_file_that_ends_in_zeros_is_not_whole(tmp_path):
    """As a download leaves it that took its room first."""
    path = write(tmp_path / "v", "mkv", sound_s=2.0)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes(len(content) - half))
    assert not is_cut_off(path)
    with pytest.raises(DataError, match="before the end that its header states|damaged|cannot be"):
        list(video_pictures(path, "strict"))


def test_the_message_names_frame_and_time(tmp_path):
    path = write(tmp_path / "v", "mkv", sound_s=1.3)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 55 // 100])
    with pytest.raises(DataError, match=r"ends after frame \d+ at \d.\d\d s, the file is cut off"):
        list(video_pictures(path, "strict"))
