"""Clips that do not fit in memory: the engine that holds a few seconds of them at a time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import tee

import torch

from microexpr.apps.magnify_video.engine import Progress, Task, Versions, compose, options
from microexpr.errors import ConfigError
from microexpr.magnify.stream import stream
from microexpr.video.frame import Frame

CAUSAL = ("iir", "reference")
CHUNK_FRAMES = 16  # of causal filters
PERIODS = 2  # of the band's low edge in a window of the others
LEAST_WINDOW = 32


def window_frames(task: Task) -> int:
    """Frames that are worked on at a time."""
    if task.settings.temporal_filter in CAUSAL:
        return CHUNK_FRAMES
    return max(LEAST_WINDOW, math.ceil(PERIODS * task.fps / task.settings.passband_hz[0]))


def held_frames(task: Task) -> int:
    """Frames that memory is needed for: a window and what it shares with the one before.

    The filters' states of a causal engine, with its chunk, take as much as six chunks.
    """
    causal = task.settings.temporal_filter in CAUSAL
    return min(task.n_frames, window_frames(task) * 6 if causal else window_frames(task) * 3 // 2)


def check_streamable(task: Task) -> None:
    """Refuse what needs the whole clip.

    Raises
    ------
    ConfigError
        For ``filter_only``, chroma, or another reference than the first frame.
    """
    reason = ""
    if task.method == "filter_only":
        reason = "filter_only"
    elif task.chroma_gain:
        reason = "--chroma-gain"
    elif task.settings.reference_frame:
        reason = f"--reference-frame {task.settings.reference_frame}"
    if reason:
        raise ConfigError(f"--stream: {reason} needs the whole clip")


def magnify_stream(
    frames: Iterable[Frame], task: Task, progress: Progress = lambda stage, share: None
) -> Iterator[Versions]:
    """Magnify in bounded memory, see :func:`microexpr.magnify.stream`.

    Causal filters give what :func:`.engine.magnify_whole` gives. The others see
    overlapping windows of two periods of the band's low edge. Each alpha has an analysis of its
    own.

    Parameters
    ----------
    frames : iterable of Frame
    task : Task
    progress : callable
        Called with ``read`` and ``magnify`` and the share of it that is done.

    Yields
    ------
    (Frame, list of Frame)
        The original, and for each alpha a frame of 8 bits.
    """
    waiting: deque[Frame] = deque()

    def luma() -> Iterator[torch.Tensor]:
        for number, frame in enumerate(frames, 1):
            waiting.append(frame)
            progress("read", number / task.n_frames)
            yield torch.from_numpy(frame.values(task.region.window)).to(task.device)

    spatial = task.settings.pmm if task.method == "pmm" else task.settings.amm
    chosen = options(task, spatial.model_dump())
    del chosen["reference_frame"]  # the first frame
    window = window_frames(task)
    if task.settings.temporal_filter not in CAUSAL:
        chosen["window_frames"] = window
    streams = [
        stream(branch, method=task.method, alpha=alpha, chunk_frames=CHUNK_FRAMES, **chosen)
        for branch, alpha in zip(tee(luma(), len(task.alphas)), task.alphas, strict=True)
    ]
    for number, values in enumerate(zip(*streams, strict=True), 1):
        original = waiting.popleft()
        progress("magnify", number / task.n_frames)
        yield (
            original,
            [compose(original, value.cpu().numpy(), None, task.region) for value in values],
        )
