"""Long clips are magnified in parts: the same result, in memory that does not grow with length."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from microexpr import cache
from microexpr.config import Config, Magnify
from microexpr.errors import ConfigError
from microexpr.magnify import stream
from microexpr.magnify.stream import long_clip_parts, magnified_parts, magnified_pixels
from running import run_stage

FPS = 100.0
SIZE = 64  # px
EXPRESSION = 40  # frames
# Correlation and relative error of the motion. The ideal filter rings: it sees windows' ends more.
TOLERANCE = {"butterworth": (0.995, 0.15), "ideal": (0.94, 0.4)}


def textured(n_frames: int, *, motion_px: float, size: int = SIZE) -> np.ndarray:
    """Repeat an expression's motion of a texture along x, uint8 (T, y, x, 3)."""
    rng = np.random.default_rng(3)
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)
    blur = np.exp(-2 * (3 * np.pi) ** 2 * (fx**2 + fy**2))  # by 3 px
    picture = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(size, size))) * blur, s=(size, size))
    picture *= 0.12 / picture.std()
    turn = np.arange(n_frames) % (2 * EXPRESSION)  # one expression, then rest
    shift = motion_px * np.sin(np.pi * np.minimum(turn, EXPRESSION) / EXPRESSION) ** 2
    phases = np.exp(-2j * np.pi * fx * shift[:, None, None])
    grey = 0.5 + np.fft.irfft(np.fft.rfft(picture, axis=1) * phases, n=size, axis=-1)
    tints = np.array([1.0, 0.9, 0.8])
    return np.rint(255 * (grey[..., None] * tints).clip(0, 1)).astype(np.uint8)


def shifts_px(clip: np.ndarray) -> np.ndarray:
    """Motion along x of each frame against the first, by least squares on its gradient."""
    grey = clip.astype(float).mean(-1)
    gradient = -(np.roll(grey[0], -1, 1) - np.roll(grey[0], 1, 1)) / 2
    return np.tensordot(grey - grey[0], gradient, 2) / (gradient**2).sum()


def both(clip: np.ndarray, method: str, monkeypatch, **settings) -> tuple[np.ndarray, np.ndarray]:
    """Magnify a clip in parts, and as a whole."""
    monkeypatch.setattr(stream, "WHOLE_FRAMES", 100)
    config = Config.parse({"magnify": {"alpha": 5.0, **settings}})
    parts = long_clip_parts(len(clip), config.magnify, FPS, method)
    assert parts is not None
    blocks = list(magnified_parts(clip, parts, method=method, settings=config.magnify, fps=FPS))
    assert {len(block) for block in blocks[:-1]} == {stream.BLOCK}
    whole = magnified_pixels(clip, fps=FPS, settings=config.magnify, method=method)
    return np.concatenate(blocks), whole


@pytest.mark.parametrize("method", ["amm", "pmm", "filter_only"])
@pytest.mark.parametrize("temporal_filter", ["iir", "reference"])
def test_causal_filters_give_what_the_whole_clip_gives(method, temporal_filter, monkeypatch):
    clip = textured(150, motion_px=0.5, size=32)
    found, whole = both(clip, method, monkeypatch, temporal_filter=temporal_filter)
    assert found.shape == whole.shape
    difference = np.abs(found.astype(int) - whole)
    assert difference.max() <= 1  # of 255: values on the edge of rounding
    assert (difference > 0).mean() < 1e-3
    assert np.abs(whole.astype(int) - clip).max() > 5


@pytest.mark.parametrize(("method", "motion_px"), [("amm", 0.3), ("pmm", 0.3), ("filter_only", 2)])
@pytest.mark.parametrize("temporal_filter", TOLERANCE)
def test_windows_move_as_the_whole_clip_does(method, motion_px, temporal_filter, monkeypatch):
    clip = textured(400, motion_px=motion_px)
    settings = {"temporal_filter": temporal_filter, "passband_hz": [1.0, 10.0]}
    found, whole = (shifts_px(c) for c in both(clip, method, monkeypatch, **settings))
    inside = slice(EXPRESSION, -EXPRESSION)  # the clip's own ends are another matter
    found, whole = found[inside] - found[inside].mean(), whole[inside] - whole[inside].mean()
    correlation, error = TOLERANCE[temporal_filter]
    assert np.corrcoef(found, whole)[0, 1] > correlation
    assert np.std(found - whole) < error * np.std(whole)


def test_short_clips_are_magnified_as_a_whole_and_long_ones_say_how_they_are_cut():
    settings = Magnify()
    assert long_clip_parts(stream.WHOLE_FRAMES, settings, FPS, "amm") is None
    assert str(long_clip_parts(513, settings, FPS, "amm")) == (
        "windows of 400 frames, 200 shared with the one before"
    )
    # At 200 frames/s two periods of 0.5 Hz would be 800 frames.
    assert long_clip_parts(9000, settings, 200.0, "amm").frames == stream.WHOLE_FRAMES
    causal = long_clip_parts(9000, Magnify(temporal_filter="iir"), FPS, "amm")
    assert str(causal) == "chunks of 16 frames, the filter's state carried on"
    with pytest.raises(ConfigError, match=r"magnify\.reference_frame: 3 needs the whole clip"):
        long_clip_parts(513, Magnify(reference_frame=3), FPS, "amm")


def test_the_cache_and_the_log_say_how_a_long_clip_was_cut(tmp_path, image_cache, caplog):
    source = image_cache(clips=1, frames=600, size=32)
    caplog.set_level(logging.INFO)
    config = Config.parse({"magnify": {"passband_hz": [2, 10]}})
    run_stage("magnify", config, faces=source, magnified=tmp_path / "amm.h5", method="amm")
    with cache.open_cache(tmp_path / "amm.h5", "magnified") as found:
        (clip,) = found
        assert len(clip) == 600
        assert clip["frame"].tolist() == list(range(1000, 1600))
        about = clip.attributes
    cut = "windows of 100 frames, 50 shared with the one before"
    assert about["in_parts"] == cut
    assert about["temporal_filter"] == "ideal"
    assert about["filter_gain"] == pytest.approx(1, abs=0.05)  # not of one motion of 6 s
    assert f"clip s0_ne_01: 600 frames, {cut}" in caplog.text
    assert "the ideal filter passes 1.00 of the motion, by which" in caplog.text


def peak_growth(run: Callable[[], object]) -> int:
    """Largest resident memory during a call, above that before it."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("needs Linux's /proc")

    def read(key: str) -> int:
        line = next(line for line in status.read_text().splitlines() if line.startswith(key))
        return 1024 * int(line.split()[1])

    Path("/proc/self/clear_refs").write_text("5")
    before = read("VmRSS")
    run()
    return read("VmHWM") - before


def long_data_set(root: Path, n_frames: int) -> Config:
    """Make a clip of SMIC's layout, 160x120 px, whose frames are links to 40 images."""
    folder = root / "data/SMIC_all_raw/HS/s1/micro/negative/s1_ne_01"
    folder.mkdir(parents=True)
    images = []
    for number, frame in enumerate(textured(EXPRESSION, motion_px=1.0, size=160)[:, :120]):
        images.append(root / f"{number}.png")
        cv2.imwrite(str(images[-1]), np.ascontiguousarray(frame))
    for number in range(n_frames):
        (folder / f"image{100000 + number}.png").symlink_to(images[number % EXPRESSION])
    return Config.parse(
        {
            "data": {"kind": "smic", "root": str(root / "data")},
            "crop": {"detector": "none", "size_px": SIZE},
            "magnify": {"passband_hz": [4.0, 10.0]},
        }
    )


def stages(root: Path, config: Config) -> dict[str, Callable[[], None]]:
    """From the clip's images to its features; magnified in windows and in chunks."""
    manifest = root / "manifest.csv"
    run_stage("index", config, manifest=manifest)
    causal = config.changed({"magnify": {"temporal_filter": "iir"}})
    frames, faces, amm, pmm = (root / f"{name}.h5" for name in ("frames", "faces", "amm", "pmm"))
    data = {"manifest": manifest, "root": root / "data", "subjects": ["s1"]}
    in_windows = {"faces": faces, "magnified": amm, "method": "amm"}
    in_chunks = {"faces": faces, "magnified": pmm, "method": "pmm"}
    features = {"images": pmm, "features": root / "features.h5"}
    return {
        "decode": lambda: run_stage("decode", config, frames=frames, **data),
        "crop": lambda: run_stage("crop", config, frames=frames, faces=faces),
        "magnify in windows": lambda: run_stage("magnify", config, **in_windows),
        "magnify in chunks": lambda: run_stage("magnify", causal, **in_chunks),
        "features": lambda: run_stage("features", config, **features),
    }


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_clip(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "WHOLE_FRAMES", 100)
    # The first one loads libraries; the second one fills every buffer.
    lengths = (40, 240, 1040)
    grown: dict[str, list[int]] = {}
    for n_frames in lengths:
        root = tmp_path / str(n_frames)
        root.mkdir()
        for name, run in stages(root, long_data_set(root, n_frames)).items():
            grown.setdefault(name, []).append(peak_growth(run))
    with h5py.File(tmp_path / "1040/features.h5") as file:
        assert len(file["s1_ne_01/feature"]) == 1040
    # 800 frames more are 46 MB decoded, and 39 MB as float32 crops.
    for name, (_, short, long) in grown.items():
        assert long < short + 10e6, (name, grown)
