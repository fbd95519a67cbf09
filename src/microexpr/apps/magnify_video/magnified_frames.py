"""Frames in, magnified frames out: with the whole clip in memory, or a few seconds of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microexpr.apps.magnify_video.region import Region, Roi, codes_of
from microexpr.config import Magnify
from microexpr.errors import ConfigError
from microexpr.magnify import amm, filter_only
from microexpr.magnify.methods import METHODS
from microexpr.magnify.stream import magnified_luma, options_of, parts_of
from microexpr.video.frame import Frame

Progress = Callable[[str, float], None]  # stage, and the share of it that is done
Versions = tuple[Frame, list[Frame]]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asks for; one output for each alpha, from one analysis."""

    method: str
    alphas: tuple[float, ...]  # none: the largest that detail bears
    settings: Magnify
    chroma_gain: float = 0.0  # share of alpha for the chroma; not for pmm
    roi: Roi | None = None  # x, y, width, height, px: magnified only there
    stabilise: str | None = None  # "face" or "none"; None: where a face moves
    side_by_side: bool = False
    labels: bool = True
    xt_slice: Path | None = None  # PNG of one line of all frames
    xt_at: str | None = None  # the line, such as x=120; by default the middle column
    stream: bool = False  # hold a part of the clip at a time
    max_memory_bytes: float = 4e9
    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class Task(Request):
    """What is to be done to a clip of `n_frames` frames, `fps` frames/s."""

    fps: float
    n_frames: int
    region: Region

    def options(self, *, masked: bool = False, **pyramid: Any) -> dict[str, Any]:
        """Return the method's keyword arguments; `masked`: motion itself grows inside a region."""
        # Mixing of two pictures would double the detail at the region's border.
        if masked and self.region.weight is not None and METHODS[self.method].mask:
            pyramid["mask"] = torch.from_numpy(self.region.weight).to(self.device)
        return options_of(self.settings, self.fps, self.method) | pyramid

    @property
    def held_frames(self) -> int:
        """Frames that streaming needs memory for."""
        settings = self.settings
        part, overlap = parts_of(settings.temporal_filter, self.fps, settings.passband_hz)
        # A window and what it shares with the one before; a chunk with the filter's states.
        return min(self.n_frames, part * 3 // 2 if overlap else part * 6)

    def check_streamable(self) -> None:
        """Raise ConfigError for what needs the whole clip."""
        row, still = METHODS[self.method], self.settings.reference_frame
        reasons = {
            self.method: row.control or not row.stream,
            "--chroma-gain": self.chroma_gain,
            f"--reference-frame {still}": still,
        }
        for reason in (reason for reason, needs in reasons.items() if needs):
            raise ConfigError(f"--stream: {reason} needs the whole clip")

    @property
    def may_stabilise(self) -> bool:
        """Whether a face may be held still: not where colours change, which are not moved."""
        allowed = not (self.chroma_gain or METHODS[self.method].control)
        if self.stabilise == "face" and not allowed:
            reason = "--chroma-gain" if self.chroma_gain else self.method
            raise ConfigError(f"--stabilise face: {reason} changes colours, which are not moved")
        return allowed and self.stabilise != "none"


def magnify_whole(
    frames: Iterable[Frame], task: Task, progress: Progress = lambda stage, share: None
) -> Iterator[Versions]:
    """Magnify a clip in memory; yield each original, and a frame of 8 bits per alpha."""
    region, originals = task.region, list[Frame]()
    clip = torch.empty(task.n_frames, *region.shape)
    for index, frame in enumerate(frames):
        clip[index] = torch.from_numpy(region.luma(frame, index))
        originals.append(frame)
        progress("read", (index + 1) / task.n_frames)
    options, magnify = task.options(masked=True), METHODS.load(task.method, "function")
    clip = clip.to(task.device)
    if METHODS[task.method].sweep:
        options["progress"] = partial(progress, "magnify")
        results = magnify(clip, alpha=list(task.alphas), **options)
    else:
        results = [magnify(clip, alpha=alpha, **options) for alpha in task.alphas]
    luma = [result.cpu() for result in results]
    del clip, results
    chroma = _magnified_chroma(originals, task) if task.chroma_gain else None
    # A control shows the reference frame's colours; see microexpr.magnify.filter_only.
    still = originals[task.settings.reference_frame] if METHODS[task.method].control else None
    for index, original in enumerate(originals):
        versions, change = [], None
        if still is not None:
            change = list(_unit(still.chroma[:, *region.half_window]))
        for number, result in enumerate(luma):
            if chroma is not None:
                change = [plane[number][index].numpy() for plane in chroma]
            versions.append(compose(original, index, result[index].numpy(), change, region))
        yield original, versions


def magnify_stream(
    frames: Iterable[Frame], task: Task, progress: Progress = lambda stage, share: None
) -> Iterator[Versions]:
    """Magnify in bounded memory; causal filters give what :func:`magnify_whole` gives."""
    numbers = count(1)

    def luma_of(frame: Frame) -> torch.Tensor:
        progress("read", (number := next(numbers)) / task.n_frames)
        return torch.from_numpy(task.region.luma(frame, number - 1)).to(task.device)

    about = {"method": task.method, "n_frames": task.n_frames, "alphas": task.alphas}
    options = task.options(masked=True, **about)
    for index, (original, lumas) in enumerate(magnified_luma(frames, luma_of, **options)):
        progress("magnify", (index + 1) / task.n_frames)
        planes = [values.cpu().numpy() for values in lumas]
        yield original, [compose(original, index, plane, None, task.region) for plane in planes]


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

    def mixed(plane: torch.Tensor, alpha: float) -> torch.Tensor:
        filtered = filter_only(plane, alpha=alpha, **options)
        still = plane[task.settings.reference_frame]
        return torch.lerp(still, filtered, task.chroma_gain).cpu()

    return [[mixed(plane, alpha) for alpha in task.alphas] for plane in planes]


def compose(
    original: Frame, index: int, luma: np.ndarray, chroma: list[np.ndarray] | None, region: Region
) -> Frame:
    """Replace luma, and chroma where given, of a region of frame `index`: codes over 255."""
    codes = region.changed(original, index, luma)
    if chroma is None:
        return replace(original, luma=codes, bits=8)
    planes, half = original.chroma.copy(), region.half_window
    for plane, changed in zip(planes, chroma, strict=True):
        plane[half] = codes_of(region.blend(_unit(plane[half]), changed, half=True))
    return replace(original, luma=codes, chroma=planes, bits=8)


def _unit(codes: np.ndarray) -> np.ndarray:
    return codes.astype(np.float32) / np.float32(255)
