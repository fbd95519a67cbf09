"""What will be done to a clip: everything that can be known, and refused, before it is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from microexpr.apps.magnify_video import memory
from microexpr.apps.magnify_video.engine import Task
from microexpr.apps.magnify_video.motion import clip_filter
from microexpr.apps.magnify_video.picture import Line
from microexpr.apps.magnify_video.region import Region
from microexpr.apps.magnify_video.streaming import check_streamable, held_frames
from microexpr.config import Magnify
from microexpr.magnify.temporal import check_frames, check_passband
from microexpr.video.sources import Source
from microexpr.video.time_axis import Grid, constant_rate

STREAM_MEASURED_FRAMES = 600


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Parameters
    ----------
    method : {'amm', 'pmm', 'filter_only'}
    alphas : tuple of float
        One output each, from one analysis.
    settings : Magnify
        Temporal filter and pyramids.
    chroma_gain : float
        Share of alpha for the chroma; not for ``pmm``.
    roi : (int, int, int, int), optional
        x, y, width, height: only there is magnified, px.
    side_by_side : bool
        Write the original to the left of the magnified frames.
    xt_slice : Path, optional
        PNG of one line of all frames.
    xt_at : str, optional
        Which, such as ``x=120``; by default the middle column.
    stream : bool
        Hold a part of the clip at a time.
    max_memory_bytes : float
    device : str
    threads : int
        Of decoder and encoder.
    """

    method: str
    alphas: tuple[float, ...]
    settings: Magnify
    chroma_gain: float = 0.0
    roi: tuple[int, int, int, int] | None = None
    side_by_side: bool = False
    xt_slice: Path | None = None
    xt_at: str | None = None
    stream: bool = False
    max_memory_bytes: float = 4e9
    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True)
class Plan:
    """A request that fits its clip.

    Parameters
    ----------
    source : Source
    request : Request
    grid : Grid
        Times of the output's frames.
    task : Task
        For the engine.
    line : Line
        Of the slice picture.
    memory_bytes : float
        Estimate.
    """

    source: Source
    request: Request
    grid: Grid
    task: Task
    line: Line
    memory_bytes: float

    @property
    def measured_frames(self) -> int:
        """Frames, from the first, in which motion is measured: a filter over more is too large."""
        frames = self.task.n_frames
        return min(frames, STREAM_MEASURED_FRAMES) if self.request.stream else frames

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the output, even, px."""
        width, height = (n + n % 2 for n in (self.source.width, self.source.height))
        return (2 * width if self.request.side_by_side else width), height

    @property
    def size(self) -> str:
        """One line about the clip."""
        source = self.source
        return (
            f"{source.name}: {self.task.n_frames} frames of {source.width}x{source.height} px at "
            f"{self.grid.fps:.5g} frames/s, about {self.memory_bytes / memory.GB:.2g} GB of memory"
        )


def make_plan(source: Source, request: Request) -> Plan:
    """Fit a request to a clip.

    Raises
    ------
    ConfigError
        Passband beyond the Nyquist frequency or without a frequency of this clip, reference frame,
        region or line outside, more memory than allowed.
    DataError
        Too few frames.
    """
    settings = request.settings
    grid = constant_rate(source.pts, source.time_base, fps=source.capture_fps)
    frames = len(grid.pts)
    check_frames(frames, temporal_filter=settings.temporal_filter, order=settings.order)
    if settings.temporal_filter != "reference":
        check_passband(grid.fps, settings.passband_hz, temporal_filter=settings.temporal_filter)
    task = Task(
        method=request.method,
        alphas=request.alphas,
        settings=settings,
        chroma_gain=request.chroma_gain,
        fps=grid.fps,
        n_frames=frames,
        region=Region.of(request.roi, source.height, source.width),
        device=request.device,
    )
    held = frames
    if request.stream:
        check_streamable(task)
        held = held_frames(task)
    pixels = source.height * source.width
    needed = memory.estimate_bytes(
        task,
        held_frames=held,
        pixels=pixels,
        bits=source.bits,
        encoded_pixels=pixels * (1 + request.side_by_side),
    )
    # Before the filter is designed, which for a long clip takes much memory itself.
    memory.check(
        needed, request.max_memory_bytes, name=str(source.files[0]), streamed=request.stream
    )
    line = Line.of(request.xt_at, source.height, source.width)
    plan = Plan(source, request, grid, task, line, needed)
    clip_filter(plan.measured_frames, grid.fps, settings)
    return plan
