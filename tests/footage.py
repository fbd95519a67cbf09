"""Video files made in the tests, whose motion, times and sound are known."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

FPS = 30
TONE_HZ = 440
RATE_HZ = 32000  # of sound


def texture(height: int = 96, width: int = 128, seed: int = 0) -> np.ndarray:
    """Smooth noise around mid-grey, wavelengths above 8 px, cyclic; 8-bit codes as float."""
    rng = np.random.default_rng(seed)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    shape = np.exp(-((radius / 0.09) ** 4)) * (radius > 0)
    spectrum = np.fft.rfft2(rng.normal(size=(height, width))) * shape
    image = np.fft.irfft2(spectrum, s=(height, width))
    return 120 + 25 * image / image.std()


def shifted(image: np.ndarray, shift_px: float) -> np.ndarray:
    """Move to the right by a fraction of a pixel, exactly and cyclically."""
    phase = np.exp(-2j * np.pi * np.fft.rfftfreq(image.shape[1]) * shift_px)
    return np.fft.irfft(np.fft.rfft(image, axis=1) * phase, n=image.shape[1], axis=1)


def shift_px(frame: np.ndarray, image: np.ndarray) -> float:
    """How far a frame shows an image moved to the right: Gauss-Newton, independent of the code."""
    frequency = 2j * np.pi * np.fft.rfftfreq(image.shape[1])
    found = 0.0
    for _ in range(12):
        moved = shifted(image, found)
        slope = -np.fft.irfft(np.fft.rfft(moved, axis=1) * frequency, n=image.shape[1], axis=1)
        found += float(((frame - moved) * slope).sum() / (slope**2).sum())
    return found


def swing(frames: int, amplitude_px: float, *, hz: float = 3.0, fps: float = FPS) -> np.ndarray:
    """Motion that starts at 0: whole periods of a sine."""
    return amplitude_px * np.sin(2 * np.pi * hz * np.arange(frames) / fps)


def moving(image: np.ndarray, motion_px: Sequence[float]) -> list[np.ndarray]:
    """Frames of an image that moves, float."""
    return [shifted(image, shift) for shift in motion_px]


def planes(luma: np.ndarray, pixel_format: str) -> av.VideoFrame:
    """Return a picture of 8-bit luma codes, scaled to the format's depth; chroma is a ramp."""
    layout = av.VideoFormat(pixel_format, luma.shape[1], luma.shape[0])
    picture = av.VideoFrame(luma.shape[1], luma.shape[0], pixel_format)
    for plane, part in zip(picture.planes, layout.components, strict=False):
        kind = np.dtype(np.uint8 if part.bits == 8 else "<u2")
        unit = 1 << (part.bits - 8)
        if part.is_luma:
            codes = luma * unit
        else:
            codes = np.tile(np.linspace(90, 170, part.width) * unit, (part.height, 1))
        lines = np.zeros((plane.buffer_size // plane.line_size, plane.line_size), np.uint8)
        typed = lines.view(kind)
        typed[: codes.shape[0], : codes.shape[1]] = np.rint(codes).clip(0, 256 * unit - 1)
        plane.update(lines.tobytes())
    return picture


def write_video(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    pts: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 600),
    pixel_format: str = "yuv420p",
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    sound: str | None = None,
    sound_s: float = 1.0,
    start_s: int = 0,
    **attributes: object,
) -> Path:
    """Write frames of 8-bit luma codes (float); lossless unless `options` say otherwise."""
    times = [round(k / FPS / time_base) for k in range(len(frames))] if pts is None else pts
    lossless = {"libx264": {"qp": "0"}}.get(codec, {})
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS, time_base=time_base)
        stream.width, stream.height = frames[0].shape[1], frames[0].shape[0]
        stream.pix_fmt = pixel_format
        stream.options = lossless if options is None else options
        for name, value in attributes.items():
            setattr(stream.codec_context, name, value)
        audio = container.add_stream(sound, rate=RATE_HZ, layout="mono") if sound else None
        for luma, time in zip(frames, times, strict=True):
            picture = planes(luma, pixel_format)
            picture.pts, picture.time_base = time + round(start_s / time_base), time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        if audio is not None:
            for packet in _tone(audio, sound_s, start_s):
                container.mux(packet)
    return path


def _tone(stream: av.AudioStream, seconds: float, start_s: int) -> list[av.Packet]:
    time = np.arange(round(RATE_HZ * seconds)) / RATE_HZ
    wave = (8000 * np.sin(2 * np.pi * TONE_HZ * time)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
    frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
    frame.pts = start_s * RATE_HZ
    return [*stream.encode(frame), *stream.encode(None)]


def write_images(folder: Path, frames: Sequence[np.ndarray], *, bits: int = 8, first: int = 1):
    """Write grey values (8-bit scale, float) as numbered PNGs with three equal channels."""
    folder.mkdir(parents=True, exist_ok=True)
    kind, unit = (np.uint8, 1) if bits == 8 else (np.uint16, 257)
    for number, values in enumerate(frames, first):
        grey = np.rint(values * unit).astype(kind)
        cv2.imwrite(str(folder / f"image{number}.png"), np.stack([grey] * 3, axis=2))
    return folder


def luma_of(path: Path) -> np.ndarray:
    """Luma codes of all frames, (T, H, W) uint8, straight from the decoder's first plane."""
    frames = []
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            plane = picture.planes[0]
            lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            frames.append(lines[: picture.height, : picture.width].copy())
    return np.stack(frames)


def times_of(path: Path) -> list[Fraction]:
    """When each frame is shown, s."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [picture.pts * stream.time_base for picture in container.decode(stream)]


def sound_of(path: Path) -> tuple[str, np.ndarray]:
    """Codec and samples of the sound."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        samples = [frame.to_ndarray().astype(float) for frame in container.decode(stream)]
        return stream.codec_context.name, np.concatenate(samples, axis=1)
