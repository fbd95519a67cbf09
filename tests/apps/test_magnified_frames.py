"""Engines: nothing changes at alpha 0, motion grows by 1 + alpha, streaming agrees."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from footage import FPS, moving, shift_px, shifted, swing, texture, write_video
from microexpr.apps.magnify_video.magnified_frames import (
    Task,
    magnify_stream,
    magnify_whole,
)
from microexpr.apps.magnify_video.region import Region
from microexpr.apps.magnify_video.request import PROGRAM_BYTES
from microexpr.apps.magnify_video.survey import clip_filter
from microexpr.config import Magnify
from microexpr.errors import ConfigError
from microexpr.magnify.stream import CHUNK_FRAMES
from microexpr.video.frame import Frame

IMAGE = texture(96, 128)
MOTION = swing(30, 0.15)
BAND = {"passband_hz": (2.0, 4.0), "temporal_filter": "ideal"}


def clip(images: list[np.ndarray], bits: int = 8) -> list[Frame]:
    height, width = images[0].shape
    rng = np.random.default_rng(0)
    chroma = rng.integers(90, 160, (2, -(-height // 2), -(-width // 2)), np.uint8)
    kind, unit = (np.uint8, 1) if bits == 8 else (np.uint16, 1 << (bits - 8))
    return [
        Frame(np.rint(image * unit).astype(kind), chroma, bits, k) for k, image in enumerate(images)
    ]


def task(method: str, *alphas: float, frames: int = 30, roi=None, **settings) -> Task:
    return Task(
        method=method,
        alphas=alphas,
        settings=Magnify.model_validate(BAND | settings),
        chroma_gain=0.0,
        fps=FPS,
        n_frames=frames,
        region=Region.of(roi, 96, 128, masked=method in ("amm", "pmm")),
    )


@pytest.mark.parametrize("engine", [magnify_whole, magnify_stream])
@pytest.mark.parametrize("method", ["amm", "pmm"])
def test_alpha_0_gives_the_very_codes(engine, method):
    frames = clip(moving(IMAGE, MOTION))
    for original, (version,) in engine(frames, task(method, 0.0)):
        np.testing.assert_array_equal(version.luma, original.luma)
        np.testing.assert_array_equal(version.chroma, original.chroma)


@pytest.mark.parametrize(("method", "bits"), [("amm", 8), ("pmm", 8), ("pmm", 10)])
def test_motion_grows_by_alpha(method, bits):
    wanted = {"amm": 0.06, "pmm": 0.12}[method]
    motion = swing(30, 0.08)
    job = task(method, 2.0, 5.0, amm={"lambda_c_px": 0})
    passed = clip_filter(30, FPS, job.settings) @ motion
    versions = [v for _, v in magnify_whole(clip(moving(IMAGE, motion), bits), job)]
    for number, alpha in enumerate(job.alphas):
        seen = np.array([shift_px(v[number].luma.astype(float), IMAGE) for v in versions])
        assert (seen - motion) @ passed / (passed @ passed) == pytest.approx(alpha, rel=wanted)


def test_the_control_arm_keeps_the_motion_and_freezes_the_rest():
    drift = np.linspace(0, 2, 30)  # outside the band
    frames = clip(moving(IMAGE, drift))
    versions = [
        v[0] for _, v in magnify_whole(frames, task("filter_only", 5.0, amm={"lambda_c_px": 0}))
    ]
    seen = np.array([shift_px(v.luma.astype(float), IMAGE) for v in versions])
    assert np.ptp(seen) < 0.65  # of 2 px


def test_only_the_region_changes():
    frames = clip(moving(IMAGE, 4 * MOTION))
    region = task("pmm", 8.0, roi=(40, 30, 48, 40))
    outside = np.ones((96, 128), bool)
    outside[30:70, 40:88] = False
    for original, (version,) in magnify_whole(frames, region):
        np.testing.assert_array_equal(version.luma[outside], original.luma[outside])
    assert np.abs(version.luma[~outside].astype(int) - original.luma[~outside]).max() > 10


def test_the_region_has_no_visible_rim():
    """Steps across its border, and how they change, are what they are in the original."""
    frames = clip(moving(IMAGE, 2 * MOTION))
    job = task("pmm", 8.0, roi=(40, 24, 64, 48))
    pairs = [(a.luma.astype(float), v.luma.astype(float)) for a, (v,) in magnify_whole(frames, job)]
    before, after = (np.stack(part) for part in zip(*pairs, strict=True))
    rim = {"left": np.s_[:, 26:70, 36:46], "right": np.s_[:, 26:70, 98:108]}
    for name, part in rim.items():
        steps = [np.abs(np.diff(values[part], axis=2)).max() for values in (before, after)]
        bends = [np.diff(values[part], 2, axis=2).std() for values in (before, after)]
        assert steps[1] < 1.15 * steps[0], name
        assert bends[1] < 1.15 * bends[0], name


def test_a_face_that_shakes_is_magnified_as_if_it_stood():
    """A point moves by 0.15 px in an image that shakes by pixels; only this grows."""
    shake = np.stack([2.5 * np.sin(np.arange(30) / 2), 1.5 * np.cos(np.arange(30) / 3)], axis=1)
    still = moving(IMAGE, MOTION)
    held = np.tile(np.eye(2, 3), (30, 1, 1))
    held[:, :, 2] = shake
    how = {"flags": cv2.INTER_LANCZOS4, "borderMode": cv2.BORDER_REFLECT}
    shaken = [cv2.warpAffine(*pair, (128, 96), **how) for pair in zip(still, held, strict=True)]
    job = task("pmm", 8.0, roi=(24, 18, 80, 60))
    steady = replace(job, region=replace(job.region, transforms=held))
    inner = job.region.full
    x, y, wide, high = inner
    wanted = [v.luma for _, (v,) in magnify_whole(clip(still), job)]
    for index, (original, (version,)) in enumerate(magnify_whole(clip(shaken), steady)):
        seen = steady.region.followed(version, index)[y : y + high, x : x + wide].astype(float)
        true = wanted[index][y : y + high, x : x + wide]
        assert np.sqrt(((seen - true) ** 2).mean()) < 2.5
        corner = np.s_[:10, :10]
        np.testing.assert_array_equal(version.luma[corner], original.luma[corner])


def test_chroma_follows_luma_with_its_gain():
    """A colour that pulses by 2 codes in the band pulses by 2 (1 + alpha * gain)."""
    pulse = 2 * np.sin(2 * np.pi * 3 * np.arange(30) / FPS)
    wave = np.add.outer(np.zeros(48), 20 * np.cos(2 * np.pi * np.arange(64) / 32))
    frames = [
        replace(f, chroma=np.rint(128 + wave + p * wave / 20).astype(np.uint8)[None].repeat(2, 0))
        for f, p in zip(clip([IMAGE] * 30), pulse, strict=True)
    ]
    passed = clip_filter(30, FPS, Magnify.model_validate(BAND)) @ pulse
    for gain in (0.5, 1.0):
        coloured = replace(task("amm", 6.0, amm={"lambda_c_px": 0}), chroma_gain=gain)
        versions = [v[0] for _, v in magnify_whole(frames, coloured)]
        change = np.array([v.chroma[0].astype(float) - 128 - wave for v in versions]).reshape(
            30, -1
        )
        size = change @ wave.ravel() / (wave.ravel() @ wave.ravel()) * 20
        added = (size - pulse) @ passed / (passed @ passed)
        assert added == pytest.approx(6 * gain, rel=0.1)
        assert np.abs(versions[3].luma.astype(int) - frames[3].luma).max() <= 1


@pytest.mark.parametrize("method", ["amm", "pmm"])
@pytest.mark.parametrize("temporal_filter", ["iir", "reference"])
def test_streaming_is_exact_for_causal_filters(method, temporal_filter):
    images = moving(IMAGE, swing(45, 0.2, hz=2.0) + np.linspace(0, 1, 45))
    job = task(method, 3.0, 6.0, frames=45, temporal_filter=temporal_filter)
    whole = list(magnify_whole(clip(images), job))
    streamed = list(magnify_stream(iter(clip(images)), job))
    assert len(streamed) == 45
    for (first, many), (second, more) in zip(whole, streamed, strict=True):
        assert first.pts == second.pts
        for a, b in zip(many, more, strict=True):
            assert np.abs(a.luma.astype(int) - b.luma).max() <= 1


def test_streaming_in_windows_magnifies_as_much():
    motion = swing(150, 0.08)
    job = task("pmm", 5.0, frames=150, passband_hz=(2.0, 5.0))
    versions = magnify_stream(iter(clip(moving(IMAGE, motion))), job)
    seen = np.array([shift_px(v[0].luma.astype(float), IMAGE) for _, v in versions])
    assert seen @ motion / (motion @ motion) == pytest.approx(6, rel=0.1)


def test_streaming_holds_a_bounded_number_of_frames():
    job = task("amm", 4.0, frames=200, temporal_filter="iir")
    taken, most = 0, 0

    def source():
        nonlocal taken
        for frame in clip([shifted(IMAGE, 0.01 * k) for k in range(200)]):
            taken += 1
            yield frame

    for given, _ in enumerate(magnify_stream(source(), job), 1):
        most = max(most, taken - given)
    assert most <= CHUNK_FRAMES < job.held_frames < 100


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (task("filter_only", 1.0), "filter_only needs the whole clip"),
        (replace(task("amm", 1.0), chroma_gain=1.0), "--chroma-gain needs"),
        (task("pmm", 1.0, reference_frame=3), "--reference-frame 3 needs"),
    ],
)
def test_what_cannot_be_streamed_is_refused(job, message):
    with pytest.raises(ConfigError, match=message):
        job.check_streamable()


MEASURE = """
import sys, torch
from pathlib import Path
from microexpr.cli import main
from microexpr.magnify import pmm
torch.set_num_threads(1)
pmm(torch.rand(3, 32, 32), fps=30.0, passband_hz=(2.0, 8.0), alpha=1.0)
def peak():
    (line,) = [x for x in Path("/proc/self/status").open() if x.startswith("VmHWM")]
    return 1024 * int(line.split()[1])
before = peak()
main(["magnify", *sys.argv[1:], "--json"])
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_the_estimate_of_memory_holds(tmp_path):
    options = ["--method", "pmm", "--alpha", "2,5"]
    images = moving(texture(480, 640), swing(30, 0.1))
    path = write_video(tmp_path / "v.mp4", images, options={"preset": "ultrafast"})
    command = [sys.executable, "-c", MEASURE, str(path), str(tmp_path / "o.mp4"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *reports, used = done.stdout.splitlines()
    estimate = json.loads(reports[0])["memory_estimate_gb"] * 1e9 - PROGRAM_BYTES
    assert 0.5 * estimate < int(used) < 1.1 * estimate
