"""Magnification of clips that do not fit in memory: frames in, frames out, memory bounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, Literal, Protocol

import torch

from microexpr.errors import ConfigError
from microexpr.magnify.amplitude import AmplitudeMagnifier, amm
from microexpr.magnify.clip import check_alphas, check_clip, luma
from microexpr.magnify.operator import ChunkFilter
from microexpr.magnify.phase import pmm
from microexpr.magnify.phase_magnifier import PhaseMagnifier
from microexpr.magnify.temporal import TemporalFilter

CAUSAL = ("iir", "reference")
PERIODS = 2  # of the low edge that a window holds, at least
LEAST_WINDOW = 32


def stream(
    frames: Iterable[torch.Tensor],
    *,
    method: Literal["amm", "pmm"],
    fps: float,
    passband_hz: tuple[float, float],
    alpha: float,
    temporal_filter: TemporalFilter = "iir",
    order: int = 1,
    chunk_frames: int = 16,
    window_frames: int | None = None,
    overlap_frames: int | None = None,
    **options: Any,
) -> Iterator[torch.Tensor]:
    """Magnify frame after frame; as many come out as go in, in order.

    The causal filters (``iir``, ``reference``) work in chunks, keep their state between them and
    give what :func:`amm` or :func:`pmm` give for the whole clip. The others look ahead, so the clip
    is cut into overlapping windows which are magnified one by one and blended linearly where they
    overlap; they are not referred to a reference frame (``anchored=False``).

    Parameters
    ----------
    frames : iterable of Tensor, float32 or float64, shape (H, W) or (H, W, 3)
        In 0..1. The first one is the reference frame.
    method : {'amm', 'pmm'}
    fps, passband_hz, alpha, temporal_filter, order
        As for a clip; one alpha only.
    chunk_frames : int
        Frames that a causal filter takes at a time. More is faster and needs more memory.
    window_frames, overlap_frames : int, optional
        Of the other filters: by default two periods of the passband's low edge, at least 32
        frames, half of them shared with the window before.
    **options
        Of the method: `levels`, `lambda_c_px`, `chroma_gain`, `level_gains`, `mask`, or `levels`,
        `orientations`, `per_octave`, `smoothing_px`, `level_gains`, `mask`.

    Yields
    ------
    Tensor
        Shape, dtype and device of a frame. Not clamped.

    Raises
    ------
    ConfigError, DataError
        As the method on a clip, when the first frame is asked for.
    """
    check_alphas(alpha)
    source = iter(frames)
    filtering = {
        "fps": fps,
        "passband_hz": passband_hz,
        "temporal_filter": temporal_filter,
        "order": order,
    }
    if temporal_filter in CAUSAL:
        if chunk_frames < 1:
            raise ConfigError(f"chunk_frames: {chunk_frames} must be at least 1")

        def pusher(first: torch.Tensor) -> _Pusher:
            kind = {"amm": _AmplitudePusher, "pmm": _PhasePusher}[method]
            return kind(first, alpha, ChunkFilter(like=first[:0], **filtering), options)

        yield from _in_chunks(source, chunk_frames, pusher)
        return
    window = window_frames or max(LEAST_WINDOW, math.ceil(PERIODS * fps / passband_hz[0]))
    overlap = window // 2 if overlap_frames is None else overlap_frames
    if not 0 <= overlap < window:
        raise ConfigError(f"overlap_frames: {overlap} must be below window_frames {window}")
    magnify = partial({"amm": amm, "pmm": pmm}[method], alpha=alpha, anchored=False, **filtering)
    yield from _in_windows(source, window, overlap, partial(magnify, **options))


def _in_windows(
    source: Iterator[torch.Tensor],
    window: int,
    overlap: int,
    magnify: Callable[[torch.Tensor], torch.Tensor],
) -> Iterator[torch.Tensor]:
    """Windows of the same length, the last one too: it reaches further back."""
    clip: torch.Tensor | None = None
    pending: torch.Tensor | None = None
    while fresh := list(islice(source, window if clip is None else window - overlap)):
        n_fresh = len(fresh)
        if clip is not None:
            fresh = [*clip[len(clip) - window + n_fresh :], *fresh]
        clip = torch.stack(fresh)
        fresh.clear()
        result = magnify(clip)
        if pending is not None:
            result = result[-n_fresh - len(pending) :]
            share = torch.arange(1, len(pending) + 1).to(result) / (len(pending) + 1)
            share = share.view(-1, *[1] * (result.ndim - 1))
            result[: len(pending)] = torch.lerp(pending, result[: len(pending)], share)
        ready = max(0, len(result) - overlap)
        yield from result[:ready]
        pending = result[ready:]
    if pending is not None:
        yield from pending


def _in_chunks(
    source: Iterator[torch.Tensor],
    chunk_frames: int,
    pusher: Callable[[torch.Tensor], _Pusher],
) -> Iterator[torch.Tensor]:
    push, done = None, 0
    while fresh := list(islice(source, chunk_frames)):
        chunk = torch.stack(fresh)
        fresh.clear()
        check_clip(chunk, first_frame=done)
        with torch.no_grad():
            push = push or pusher(chunk[:1])
            result = push(chunk)
        yield from result
        done += len(chunk)


class _Pusher(Protocol):
    """Chunk in, chunk out; made for a clip's first frame (1, H, W) or (1, H, W, 3)."""

    def __call__(self, chunk: torch.Tensor) -> torch.Tensor: ...


class _AmplitudePusher:
    def __init__(
        self, first: torch.Tensor, alpha: float, chunks: ChunkFilter, options: dict[str, Any]
    ) -> None:
        self.chunks = chunks
        self.magnifier = AmplitudeMagnifier(*first.shape[1:3], **options)
        self.start = self.magnifier.planes(first)
        self.gains = [alpha * weight for weight in self.magnifier.weights(alpha)]

    def __call__(self, chunk: torch.Tensor) -> torch.Tensor:
        filtered = self.chunks.filtered(self.magnifier.planes(chunk) - self.start)
        return self.magnifier.add(chunk, filtered, self.gains)


class _PhasePusher:
    def __init__(
        self, first: torch.Tensor, alpha: float, chunks: ChunkFilter, options: dict[str, Any]
    ) -> None:
        self.chunks, self.alphas = chunks, [alpha]
        self.magnifier = PhaseMagnifier(luma(first)[0], **options)

    def __call__(self, chunk: torch.Tensor) -> torch.Tensor:
        return self.magnifier.run(chunk, self.chunks, self.alphas)[0]
