from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from synthetic import displacement_px, moved, texture

from microexpr.errors import ConfigError, DataError
from microexpr.magnify import amm, pmm
from microexpr.magnify.stream import Parts, stream

METHODS = {"amm": amm, "pmm": pmm}
SMIC = {"fps": 100.0, "passband_hz": (0.5, 10.0)}
SMALL = {"amm": {"levels": 3}, "pmm": {"orientations": 4, "levels": 3}}


def noise_clip(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("chunk_frames", [1, 7, 16, 100])
@pytest.mark.parametrize(
    ("temporal_filter", "order"),
    [("iir", 1), ("iir", 3), ("lowpass_difference", 1), ("reference", 1)],
)
def test_causal_filters_equal_the_whole_clip(
    method: str, chunk_frames: int, temporal_filter: str, order: int
) -> None:
    clip = 0.5 + 0.1 * noise_clip(45, 32, 40)
    options = {"alpha": 5.0, "temporal_filter": temporal_filter, "order": order, **SMIC}
    whole = METHODS[method](clip, **options, **SMALL[method])
    parts = stream(clip, method=method, parts=Parts(chunk_frames, 0), **options, **SMALL[method])
    assert (torch.stack(list(parts)) - whole).abs().max() < 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_colour_streams_too(method: str) -> None:
    clip = 0.5 + 0.1 * noise_clip(20, 32, 40, 3)
    options = {"alpha": 5.0, "temporal_filter": "iir", **SMIC, **SMALL[method]}
    if method == "amm":
        options["chroma_gain"] = 0.5
    whole = METHODS[method](clip, **options)
    parts = torch.stack(list(stream(iter(clip), method=method, parts=Parts(8, 0), **options)))
    assert (parts - whole).abs().max() < 1e-5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("temporal_filter", ["ideal", "butterworth"])
@pytest.mark.parametrize("n_frames", [5, 40, 41, 60, 95, 120])
def test_windows_keep_the_number_of_frames(
    method: str, temporal_filter: str, n_frames: int
) -> None:
    clip = noise_clip(n_frames, 32, 40)
    parts = stream(
        clip,
        method=method,
        alpha=0.0,
        temporal_filter=temporal_filter,
        parts=Parts(40, 20),
        fps=100.0,
        passband_hz=(5.0, 20.0),
        **SMALL[method],
    )
    result = torch.stack(list(parts))
    assert result.shape == clip.shape
    assert (result - clip).abs().max() < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_windows_agree_with_the_whole_clip(method: str) -> None:
    """A steady vibration over 3 windows; zero-phase filters see the same in each."""
    image, t = texture(48, 64), np.arange(150) / 100
    clip = moved(image, 0.05 * np.sin(2 * np.pi * 6.25 * t))
    options = {
        "alpha": 8.0,
        "temporal_filter": "ideal",
        "fps": 100.0,
        "passband_hz": (4.0, 9.0),
    }
    parts = torch.stack(list(stream(clip, method=method, parts=Parts(64, 32), **options)))
    whole = METHODS[method](clip, anchored=False, **options)
    a, b = displacement_px(parts, image), displacement_px(whole, image)
    inner = slice(10, 140)
    assert np.corrcoef(a[inner], b[inner])[0, 1] > 0.99
    assert np.std(a[inner] - b[inner]) < 0.15 * np.std(b)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("temporal_filter", "most"), [("iir", 16 + 2), ("ideal", 32 + 16 + 2)])
def test_frames_are_let_go(method: str, temporal_filter: str, most: int) -> None:
    """Input frames alive at a time: a chunk, or a window and the step to the next one."""
    alive: set[int] = set()
    peak = 0

    def camera() -> Iterator[torch.Tensor]:
        nonlocal peak
        for number in range(200):
            frame = torch.full((32, 32), 0.5)
            alive.add(number)
            weakref.finalize(frame, alive.discard, number)
            peak = max(peak, len(alive))
            yield frame

    parts = stream(
        camera(),
        method=method,
        alpha=5.0,
        temporal_filter=temporal_filter,
        parts=Parts(16, 0) if temporal_filter == "iir" else Parts(32, 16),
        fps=100.0,
        passband_hz=(3.0, 10.0),
        **SMALL[method],
    )
    assert sum(1 for _ in parts) == 200
    assert peak <= most


def test_frames_come_out_before_the_clip_ends() -> None:
    def endless() -> Iterator[torch.Tensor]:
        while True:
            yield torch.full((32, 32), 0.5)

    parts = stream(endless(), method="pmm", alpha=5.0, parts=Parts(4, 0), **SMIC, **SMALL["pmm"])
    assert torch.stack([next(parts) for _ in range(12)]).shape == (12, 32, 32)


def test_errors_name_the_frame_and_the_key() -> None:
    clip = noise_clip(40, 32, 32)
    clip[21, 0, 0] = float("nan")
    with pytest.raises(DataError, match="frame 21"):
        list(stream(clip, method="amm", alpha=1.0, parts=Parts(8, 0), **SMIC))
    with pytest.raises(ConfigError, match="the overlap must lie between 0 and 39"):
        list(
            stream(
                clip,
                method="amm",
                alpha=1.0,
                temporal_filter="ideal",
                parts=Parts(40, 40),
                **SMIC,
            )
        )
    with pytest.raises(ConfigError, match="magnify.alpha must be at least -1, got -2"):
        list(stream(clip, method="amm", alpha=-2.0, **SMIC))
    with pytest.raises(ConfigError, match="passband_hz: 80"):
        list(stream(clip, method="pmm", alpha=2.0, fps=100.0, passband_hz=(1.0, 80.0)))
    with pytest.raises(ConfigError, match="chunks of 0 frames"):
        list(stream(clip, method="amm", alpha=1.0, parts=Parts(0, 0), **SMIC))
    assert list(stream([], method="pmm", alpha=2.0, **SMIC)) == []
