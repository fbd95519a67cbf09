"""Frames in, magnified frames out.

:func:`magnify_whole` holds the clip in memory, :func:`.streaming.magnify_stream` a
few seconds of it. Both take an iterator of frames and give, frame by frame, the original with its
magnified versions: a caller never needs to know how many frames were held meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from microexpr.apps.magnify_video.region import Region
from microexpr.config import Magnify
from microexpr.magnify import amm, filter_only, pmm
from microexpr.video.frame import Frame

Progress = Callable[[str, float], None]
Versions = tuple[Frame, list[Frame]]


@dataclass(frozen=True)
class Task:
    """What is to be done to a clip.

    Parameters
    ----------
    method : {'amm', 'pmm', 'filter_only'}
    alphas : tuple of float
        One magnified version each.
    settings : Magnify
        Temporal filter and pyramids; its ``alpha`` is not used.
    chroma_gain : float
        Share of alpha for the chroma; not for ``pmm``.
    fps : float
        Capture rate, frames/s.
    n_frames : int
    region : Region
    device : str
    """

    method: str
    alphas: tuple[float, ...]
    settings: Magnify
    chroma_gain: float
    fps: float
    n_frames: int
    region: Region
    device: str = "cpu"


def magnify_whole(
    frames: Iterable[Frame], task: Task, progress: Progress = lambda stage, share: None
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
    clip = _Clip(frames, task, progress)
    luma = _magnified(clip.luma, task, progress)
    chroma = _magnified_chroma(clip.chroma(task.device), task) if task.chroma_gain else None
    # The control method shows the reference frame's colours; see microexpr.magnify.filter_only.
    still = clip.frames[task.settings.reference_frame] if task.method == "filter_only" else None
    for index, original in enumerate(clip.frames):
        versions = []
        for number in range(len(task.alphas)):
            change = None
            if chroma is not None:
                change = [plane[number][index].numpy() for plane in chroma]
            elif still is not None:
                change = list(_unit(still.chroma[:, *task.region.half_window]))
            versions.append(compose(original, luma[number][index].numpy(), change, task.region))
        yield original, versions


class _Clip:
    """The frames, and the luma of the window as a tensor."""

    def __init__(self, frames: Iterable[Frame], task: Task, progress: Progress) -> None:
        rows, columns = self._window = task.region.window
        self.region = task.region
        self.luma = torch.empty(task.n_frames, rows.stop - rows.start, columns.stop - columns.start)
        self.frames: list[Frame] = []
        for index, frame in enumerate(frames):
            self.luma[index] = torch.from_numpy(frame.values(self._window))
            self.frames.append(frame)
            progress("read", (index + 1) / task.n_frames)

    def chroma(self, device: str) -> list[torch.Tensor]:
        """Cb and Cr of the window, (T, h, w) in 0..1 each."""
        half = self.region.half_window
        planes = np.stack([frame.chroma[:, *half] for frame in self.frames], axis=1)
        return [torch.from_numpy(_unit(plane)).to(device) for plane in planes]


def _unit(codes: np.ndarray) -> np.ndarray:
    return codes.astype(np.float32) / np.float32(255)


def _magnified(luma: torch.Tensor, task: Task, progress: Progress) -> list[torch.Tensor]:
    """Magnified luma for each alpha, on the processor."""
    clip = luma.to(task.device)
    chosen = options(task, task.settings.amm.model_dump())
    if task.method == "pmm":
        results = pmm(
            clip,
            alpha=list(task.alphas),
            progress=lambda share: progress("magnify", share),
            **options(task, task.settings.pmm.model_dump()),
        )
    elif task.method == "amm":
        results = amm(
            clip,
            alpha=list(task.alphas),
            progress=lambda share: progress("magnify", share),
            **chosen,
        )
    else:
        results = [filter_only(clip, alpha=alpha, **chosen) for alpha in task.alphas]
    return [result.cpu() for result in results]


def _magnified_chroma(planes: list[torch.Tensor], task: Task) -> list[list[torch.Tensor]]:
    """Magnified Cb and Cr, for each alpha; linear, with `chroma_gain` times the alpha of luma."""
    spatial = task.settings.amm.model_dump()
    # Of half the size: one level fewer, and the same wavelengths are half as many pixels.
    spatial["levels"] = max(1, spatial["levels"] - 1)
    spatial["lambda_c_px"] /= 2
    chosen = options(task, spatial)
    if task.method == "amm":
        alphas = [alpha * task.chroma_gain for alpha in task.alphas]
        return [[r.cpu() for r in amm(plane, alpha=alphas, **chosen)] for plane in planes]
    results = []
    for plane in planes:
        still = plane[task.settings.reference_frame]
        filtered = [filter_only(plane, alpha=a, **chosen) for a in task.alphas]
        results.append([torch.lerp(still, f, task.chroma_gain).cpu() for f in filtered])
    return results


def options(task: Task, spatial: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments of a method: its pyramid and the temporal filter."""
    settings = task.settings
    return spatial | {
        "fps": task.fps,
        "passband_hz": settings.passband_hz,
        "temporal_filter": settings.temporal_filter,
        "order": settings.order,
        "reference_frame": settings.reference_frame,
    }


def compose(
    original: Frame, luma: np.ndarray, chroma: list[np.ndarray] | None, region: Region
) -> Frame:
    """The original with its luma, and chroma where given, replaced in a region; 8 bits.

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


def _codes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
