"""Writing: times, colours and sound of the source; codes that compression hardly touches."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from footage import (
    FPS,
    RATE_HZ,
    luma_of,
    moving,
    sound_of,
    swing,
    texture,
    times_of,
    write_video,
)
from microexpr.errors import MicroexprWarning
from microexpr.video.frame import Colour, Frame
from microexpr.video.rate import time_axis
from microexpr.video.writer import VideoWriter

BASE = Fraction(1, FPS)


def frames_of(images: list[np.ndarray], pts: list[int], bits: int = 8) -> list[Frame]:
    height, width = images[0].shape
    chroma = np.full((2, -(-height // 2), -(-width // 2)), 128, np.uint8)
    kind, unit = (np.uint8, 1) if bits == 8 else (np.uint16, 1 << (bits - 8))
    return [
        Frame(np.rint(image * unit).astype(kind), chroma, bits, t)
        for image, t in zip(images, pts, strict=True)
    ]


def write(path, frames, *, base=Fraction(1, 600), fps=None, **options):
    axis = time_axis([f.pts for f in frames], base, capture_fps=fps)
    height, width = frames[0].luma.shape
    colour = options.pop("colour", Colour())
    size = {"width": width, "height": height, "rate": axis.shown_rate, "time_base": base}
    with VideoWriter(path, **size, colour=colour, **options) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.mark.parametrize(
    ("base", "pts"),
    [
        (Fraction(1, 600), [20 * k for k in range(12)]),
        (Fraction(1001, 30000), list(range(12))),
        (Fraction(1, 1000), [0, 33, 67, 100, 133, 167, 200, 233, 267, 300, 333, 367]),
        (Fraction(1, 90000), [3000 * k + 4500 for k in range(12)]),  # not from 0
        (Fraction(1, 15360), [0, 512, 1024, 1500, 2048, 3000, 3500, 4000, 4100, 5000, 6000, 6500]),
    ],
)
def test_frames_are_shown_when_they_should(tmp_path, base, pts):
    frames = frames_of(moving(texture(), swing(12, 1.0)), pts)
    path = write(tmp_path / "v.mp4", frames, base=base, fps=30.0)
    assert times_of(path) == pytest.approx([t * base for t in pts], abs=1e-6)


def test_the_last_frame_lasts_as_long_as_the_others(tmp_path):
    path = write(
        tmp_path / "v.mp4", frames_of(moving(texture(), swing(15, 1.0)), list(range(0, 300, 20)))
    )
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration * stream.time_base == pytest.approx(15 / FPS, abs=1e-4)


def test_codes_survive_compression(tmp_path):
    images = moving(texture(), swing(15, 1.0))
    path = write(tmp_path / "v.mp4", frames_of(images, list(range(0, 300, 20))))
    error = luma_of(path) - np.rint(images)
    assert 10 * np.log10(255**2 / (error**2).mean()) > 46


def test_10_bits_are_rounded_to_8(tmp_path):
    image = np.full((64, 64), 100.5)
    frames = frames_of([image] * 4, [0, 20, 40, 60], bits=10)
    assert abs(luma_of(write(tmp_path / "v.mp4", frames)).mean() - 101) < 0.2


def test_odd_sizes_get_the_last_line_twice(tmp_path):
    image = texture(64, 96)[:63, :95]
    path = write(tmp_path / "v.mp4", frames_of([image] * 4, [0, 20, 40, 60]))
    luma = luma_of(path).astype(float)
    assert luma.shape == (4, 64, 96)
    assert np.abs(luma[:, :63, :95] - image).max() < 8
    assert np.abs(luma[:, 63, :] - luma[:, 62, :]).mean() < 2


def test_colours_keep_their_meaning(tmp_path):
    colour = Colour(matrix=1, primaries=1, transfer=1, full_range=True)
    frames = frames_of([texture()] * 4, [0, 20, 40, 60])
    path = write(tmp_path / "v.mp4", frames, colour=colour, pixel_aspect=Fraction(4, 3))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert context.colorspace == context.color_primaries == context.color_trc == 1
        assert context.color_range == 2
        assert stream.sample_aspect_ratio == Fraction(4, 3)
        assert context.pix_fmt in ("yuv420p", "yuvj420p")


@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "pcm_s16le"])
def test_sound_is_copied(tmp_path, codec):
    images = moving(texture(), swing(30, 1.0))
    name = "s.mov" if codec == "pcm_s16le" else "s.mp4"
    source = write_video(tmp_path / name, images, sound=codec)
    path = write(tmp_path / "v.mp4", frames_of(images, list(range(0, 600, 20))), sound=source)
    (before, heard), (after, copied) = sound_of(source), sound_of(path)
    assert before == after
    np.testing.assert_array_equal(heard, copied)


def test_sound_that_mp4_cannot_hold_is_encoded_again(tmp_path):
    images = moving(texture(), swing(30, 1.0))
    source = write_video(
        tmp_path / "s.avi", images, sound="adpcm_ms", time_base=BASE, pts=range(30)
    )
    with pytest.warns(MicroexprWarning, match="adpcm_ms does not fit MP4, encoded as aac"):
        path = write(tmp_path / "v.mp4", frames_of(images, list(range(0, 600, 20))), sound=source)
    codec, samples = sound_of(path)
    assert codec == "aac"
    assert samples.shape[1] / RATE_HZ == pytest.approx(1, abs=0.4)
    spectrum = np.abs(np.fft.rfft(samples[0]))
    assert np.fft.rfftfreq(samples.shape[1], 1 / RATE_HZ)[spectrum.argmax()] == pytest.approx(
        440, abs=5
    )


def test_sound_starts_with_the_picture(tmp_path):
    images = moving(texture(), swing(30, 1.0))
    source = write_video(tmp_path / "s.ts", images, sound="aac", start_s=3)
    with av.open(str(source)) as container:
        start = container.start_time / av.time_base
        lag = container.streams.audio[0].start_time * container.streams.audio[0].time_base - start
    assert start > 2
    path = write(tmp_path / "v.mp4", frames_of(images, list(range(0, 600, 20))), sound=source)
    with av.open(str(path)) as container:
        sound = container.streams.audio[0]
        assert float(sound.start_time * sound.time_base) == pytest.approx(float(lag), abs=0.03)


def test_nothing_is_left_open_after_an_error(tmp_path):
    frames = frames_of([texture()] * 2, [0, 20])
    size = {"width": 128, "height": 96, "rate": Fraction(30), "time_base": Fraction(1, 600)}
    with (
        pytest.raises(RuntimeError, match="stop"),
        VideoWriter(tmp_path / "v.mp4", **size, colour=Colour()) as writer,
    ):
        writer.write(frames[0])
        raise RuntimeError("stop")
