"""Magnification of clips that do not fit in memory: frames in, frames out, memory bounded.

Causal filters carry their state from chunk to chunk. The others look ahead: they see overlapping
windows that are not referred to the clip's first frame, so slow changes below the passband's low
edge pass a little differently.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice, tee
from typing import Any, NamedTuple, TypeVar

import torch

from microexpr.errors import ConfigError
from microexpr.magnify.clip import Magnifier, check_alphas, check_clip, luma, magnified
from microexpr.magnify.methods import METHODS
from microexpr.magnify.operator import ChunkFilter
from microexpr.magnify.temporal import CAUSAL, Filtering, TemporalFilter

CHUNK_FRAMES = 16  # of causal filters
PERIODS = 2  # of the passband's low edge in a window of the others
LEAST_WINDOW = 32
ItemT = TypeVar("ItemT")


class Parts(NamedTuple):
    """How a long clip is cut."""

    frames: int
    overlap: int
    """Frames shared with the part before; 0 where a filter's state is carried on."""

    def __str__(self) -> str:
        if self.overlap:
            return f"windows of {self.frames} frames, {self.overlap} shared with the one before"
        return f"chunks of {self.frames} frames, the filter's state carried on"


def parts_of(
    temporal_filter: str, fps: float, passband_hz: tuple[float, float], *, most: int | None = None
) -> Parts:
    """Return how a clip is cut for a filter; a window has at most `most` frames."""
    if temporal_filter in CAUSAL:
        return Parts(CHUNK_FRAMES, 0)
    window = max(LEAST_WINDOW, math.ceil(PERIODS * fps / passband_hz[0]))
    window = window if most is None else min(window, most)
    return Parts(window, window // 2)


def magnified_luma(
    items: Iterable[ItemT],
    luma_of: Callable[[ItemT], torch.Tensor],
    *,
    alphas: Sequence[float],
    **options: Any,
) -> Iterator[tuple[ItemT, list[torch.Tensor]]]:
    """Magnify the luma of a stream of frames of any kind; options as of :func:`stream`.

    Each item is held until its luma, (H, W) float32 in 0..1, which `luma_of` returns, is magnified.
    Yields it with a result for each alpha, which has an analysis of its own.
    """
    waiting: deque[ItemT] = deque()

    def lumas() -> Iterator[torch.Tensor]:
        for item in items:
            waiting.append(item)
            yield luma_of(item)

    streams = [
        stream(branch, alpha=alpha, **options)
        for branch, alpha in zip(tee(lumas(), len(alphas)), alphas, strict=True)
    ]
    for results in zip(*streams, strict=True):
        yield waiting.popleft(), list(results)


def stream(
    frames: Iterable[torch.Tensor],
    *,
    method: str,
    fps: float,
    passband_hz: tuple[float, float],
    alpha: float,
    temporal_filter: TemporalFilter = "iir",
    order: int = 1,
    parts: Parts | None = None,
    **options: Any,
) -> Iterator[torch.Tensor]:
    """Magnify frames (H, W) or (H, W, 3) of 0..1, one by one; as many come out as go in.

    Causal filters (``iir``, ``lowpass_difference``, ``reference``) work in chunks and give what
    :func:`.amm` or :func:`.pmm` give for the whole clip. With the others, overlapping windows are
    magnified one by one (``anchored=False``) and blended linearly. The reference frame is the
    first. Options and errors are those of the method, whose row has a ``stream``, on a clip;
    `parts` are by default those of :func:`parts_of`: larger chunks are faster and need more memory.
    """
    check_alphas(alpha)
    filtering: Filtering = {"fps": fps, "passband_hz": passband_hz}
    filtering |= {"temporal_filter": temporal_filter, "order": order}
    parts = parts or parts_of(temporal_filter, fps, passband_hz)
    if not 0 <= parts.overlap < parts.frames:
        raise ConfigError(f"{parts}: the overlap must lie between 0 and {parts.frames - 1} frames")
    kind, source = METHODS.load(method, "stream"), iter(frames)
    if temporal_filter in CAUSAL:
        started = partial(kind, **options)
        yield from _in_chunks(source, parts.frames, started, alpha=alpha, filtering=filtering)
    else:
        options |= {**filtering, "anchored": False}
        magnify = partial(magnified, kind=kind, alpha=alpha, **options)
        yield from _in_windows(source, parts, magnify)


def _in_windows(
    source: Iterator[torch.Tensor], parts: Parts, magnify: Callable[..., list[torch.Tensor]]
) -> Iterator[torch.Tensor]:
    """Magnify windows of the same length, the last one too: it reaches further back."""
    window, overlap = parts
    clip: torch.Tensor | None = None
    pending: torch.Tensor | None = None
    while fresh := list(islice(source, window if clip is None else window - overlap)):
        n_fresh = len(fresh)
        if clip is not None:
            fresh = [*clip[len(clip) - window + n_fresh :], *fresh]
        clip = torch.stack(fresh)
        fresh.clear()
        (result,) = magnify(clip)
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


@torch.no_grad()
def _in_chunks(
    source: Iterator[torch.Tensor],
    n_frames: int,
    kind: Callable[[torch.Tensor], Magnifier],
    *,
    alpha: float,
    filtering: Filtering,
) -> Iterator[torch.Tensor]:
    """Magnify chunk after chunk against the first frame."""
    magnifier, done = None, 0
    while fresh := list(islice(source, n_frames)):
        chunk = torch.stack(fresh)
        fresh.clear()
        check_clip(chunk, first_frame=done)
        if magnifier is None:
            operator = ChunkFilter(filtering, like=chunk[:0])
            magnifier = kind(luma(chunk[:1])[0])
        (result,) = magnifier.run(chunk, operator, [alpha])
        yield from result
        done += len(chunk)
