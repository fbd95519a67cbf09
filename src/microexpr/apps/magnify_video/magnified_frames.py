"""Frames in, magnified frames out: with the whole clip in memory, or a few seconds of it.

:func:`magnify_whole` and :func:`magnify_stream` take an iterator of frames and yield each original
with its magnified versions: a caller need not know how many frames were held meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from microexpr.apps.magnify_video.region import Region
from microexpr.config import Magnify
from microexpr.errors import ConfigError
from microexpr.magnify import amm, filter_only
from microexpr.magnify.methods import METHODS
from microexpr.magnify.stream import CAUSAL, magnified_luma, parts_of
from microexpr.video.frame import Frame

Progress = Callable[[str, float], None]  # stage, and the share of it that is done
Versions = tuple[Frame, list[Frame]]


@dataclass(frozen=True)
class Task:
    """What is to be done to a clip.

    Parameters
    ----------
    method : str
    alphas : tuple of float
        One magnified version each.
    settings : Magnify
        Temporal filter and pyramids; its ``alpha`` is not used.
    chroma_gain : float
        Share of alpha for the chroma; not for ``pmm``.
    fps, n_frames : float, int
        Capture rate, frames/s, and length.
    region, device : Region, str
        Where motion is magnified.
    """

    method: str
    alphas: tuple[float, ...]
    settings: Magnify
    chroma_gain: float
    fps: float
    n_frames: int
    region: Region
    device: str = "cpu"

    def options(self, **pyramid: Any) -> dict[str, Any]:
        """Return the keyword arguments of the method; `pyramid` overrides its section's keys."""
        return (
            self.settings.own(METHODS[self.method].section)
            | {
                "fps": self.fps,
                "passband_hz": self.settings.passband_hz,
                "temporal_filter": self.settings.temporal_filter,
                "order": self.settings.order,
                "reference_frame": self.settings.reference_frame,
            }
            | pyramid
        )

    @property
    def held_frames(self) -> int:
        """Frames that streaming needs memory for: a window and what it shares with the one before.

        The states of a causal filter take, with its chunk, as much as six chunks.
        """
        settings = self.settings
        part = parts_of(settings.temporal_filter, self.fps, settings.passband_hz).frames
        causal = settings.temporal_filter in CAUSAL
        return min(self.n_frames, part * 6 if causal else part * 3 // 2)

    def check_streamable(self) -> None:
        """Raise ConfigError for what needs the whole clip."""
        reason = ""
        if METHODS[self.method].control or not METHODS[self.method].stream:
            reason = self.method
        elif self.chroma_gain:
            reason = "--chroma-gain"
        elif self.settings.reference_frame:
            reason = f"--reference-frame {self.settings.reference_frame}"
        if reason:
            raise ConfigError(f"--stream: {reason} needs the whole clip")


def silent(stage: str, share: float) -> None:
    """Show no progress."""


def magnify_whole(
    frames: Iterable[Frame], task: Task, progress: Progress = silent
) -> Iterator[Versions]:
    """Magnify a clip that fits in memory.

    Parameters
    ----------
    frames : iterable of Frame
        `task.n_frames` of them, of one size.
    task : Task
    progress : callable
        Called with ``read`` or ``magnify`` and the share of it that is done.

    Yields
    ------
    (Frame, list of Frame)
        The original, and for each alpha a frame of 8 bits.
    """
    region, originals = task.region, list[Frame]()
    clip = torch.empty(task.n_frames, *region.shape)
    for index, frame in enumerate(frames):
        clip[index] = torch.from_numpy(frame.values(region.window))
        originals.append(frame)
        progress("read", (index + 1) / task.n_frames)
    luma = _magnified(clip, task, progress)
    chroma = _magnified_chroma(originals, task) if task.chroma_gain else None
    # A control shows the reference frame's colours; see microexpr.magnify.filter_only.
    still = originals[task.settings.reference_frame] if METHODS[task.method].control else None
    for index, original in enumerate(originals):
        versions = []
        for number in range(len(task.alphas)):
            change = None
            if chroma is not None:
                change = [plane[number][index].numpy() for plane in chroma]
            elif still is not None:
                change = list(_unit(still.chroma[:, *region.half_window]))
            versions.append(compose(original, luma[number][index].numpy(), change, region))
        yield original, versions


def magnify_stream(
    frames: Iterable[Frame], task: Task, progress: Progress = silent
) -> Iterator[Versions]:
    """Magnify in bounded memory, see :mod:`microexpr.magnify.stream`.

    Causal filters give what :func:`magnify_whole` gives. Each alpha has an analysis of its own.
    Parameters and results are those of :func:`magnify_whole`.
    """
    read = 0

    def luma_of(frame: Frame) -> torch.Tensor:
        nonlocal read
        read += 1
        progress("read", read / task.n_frames)
        return torch.from_numpy(frame.values(task.region.window)).to(task.device)

    options = task.options() | {"method": task.method, "alphas": task.alphas}
    del options["reference_frame"]  # the first frame
    for number, (original, lumas) in enumerate(magnified_luma(frames, luma_of, **options), 1):
        progress("magnify", number / task.n_frames)
        yield (
            original,
            [compose(original, values.cpu().numpy(), None, task.region) for values in lumas],
        )


def _magnified(luma: torch.Tensor, task: Task, progress: Progress) -> list[torch.Tensor]:
    """Return the magnified luma for each alpha, on the processor."""
    clip, options = luma.to(task.device), task.options()
    magnify = METHODS.load(task.method, "function")
    if METHODS[task.method].sweep:
        results = magnify(
            clip,
            alpha=list(task.alphas),
            progress=lambda share: progress("magnify", share),
            **options,
        )
    else:
        results = [magnify(clip, alpha=alpha, **options) for alpha in task.alphas]
    return [result.cpu() for result in results]


def _magnified_chroma(frames: list[Frame], task: Task) -> list[list[torch.Tensor]]:
    """Return Cb and Cr for each alpha; linear, with `chroma_gain` times the alpha of luma."""
    codes = np.stack([frame.chroma[:, *task.region.half_window] for frame in frames], axis=1)
    planes = [torch.from_numpy(_unit(plane)).to(task.device) for plane in codes]
    # Of half the size: one level fewer, and the same wavelengths are half as many pixels.
    own = task.settings.own("amm")
    options = task.options(levels=max(1, own["levels"] - 1), lambda_c_px=own["lambda_c_px"] / 2)
    if task.method == "amm":
        alphas = [alpha * task.chroma_gain for alpha in task.alphas]
        return [[r.cpu() for r in amm(plane, alpha=alphas, **options)] for plane in planes]
    results = []
    for plane in planes:
        still = plane[task.settings.reference_frame]
        filtered = [filter_only(plane, alpha=alpha, **options) for alpha in task.alphas]
        results.append([torch.lerp(still, f, task.chroma_gain).cpu() for f in filtered])
    return results


def compose(
    original: Frame, luma: np.ndarray, chroma: list[np.ndarray] | None, region: Region
) -> Frame:
    """Replace the luma of a frame, and its chroma where given, in a region; 8 bits.

    Parameters
    ----------
    original : Frame
    luma : ndarray, shape of the region's window, float32
        8-bit codes over 255; clipped to 0..1 here.
    chroma : list of two ndarrays, optional
        The same for Cb and Cr, in the region's half window.
    region : Region
    """
    codes = original.luma8().copy()
    codes[region.window] = _codes(region.blend(original.values(region.window), luma))
    if chroma is None:
        return replace(original, luma=codes, bits=8)
    planes, half = original.chroma.copy(), region.half_window
    for plane, changed in zip(planes, chroma, strict=True):
        plane[half] = _codes(region.blend(_unit(plane[half]), changed, half=True))
    return replace(original, luma=codes, chroma=planes, bits=8)


def _unit(codes: np.ndarray) -> np.ndarray:
    return codes.astype(np.float32) / np.float32(255)


def _codes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
