"""What the user asks for, fitted to a clip: what can be known, and refused, before decoding."""

import math
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from microexpr.apps.magnify_video.magnified_frames import Request, Task
from microexpr.apps.magnify_video.pictures import Line
from microexpr.apps.magnify_video.region import Region
from microexpr.errors import ConfigError
from microexpr.magnify.methods import METHODS
from microexpr.magnify.temporal import filter_matrix, filtering_of
from microexpr.video.sources import Source
from microexpr.video.time_axis import LONGEST_LENIENT_S, TimeAxis

SUFFIX = ".mp4"
HIGHEST = 0.4  # of the frame rate: upper edge of a default band
STREAM_MEASURED_FRAMES = 600
GB = 1e9
# Memory, measured on clips of 60 to 301 frames, 528x592 and 960x544 px, and rounded up.
PROGRAM_BYTES = 0.4e9  # interpreter and libraries
ENCODER_BYTES = 150  # per pixel of an output: x264 looks ahead
# Working memory of the methods, in float32 clips of the magnified window, besides the clip itself
# and the results: once, and for each alpha.
WORKING_CLIPS = {"amm": (0.2, 0.0), "pmm": (6.5, 1.2), "filter_only": (0.2, 0.0)}
OTHER_CLIPS = (1.0, 1.0)  # not measured
FILTER_BYTES = 200  # per frame squared: the temporal filter is designed on a lengthened clip


@dataclass(frozen=True)
class Plan:
    """A request that fits its clip: times of the frames, what is done to them, estimated memory."""

    source: Source
    axis: TimeAxis
    task: Task
    line: Line
    memory_bytes: float = 0.0

    @property
    def measured_frames(self) -> int:
        """Frames, from the first, in which motion is measured: a filter over more is too large."""
        frames = self.task.n_frames
        return min(frames, STREAM_MEASURED_FRAMES) if self.task.stream else frames

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the output, even, px."""
        width, height = (n + n % 2 for n in (self.source.width, self.source.height))
        return (2 * width if self.task.side_by_side else width), height

    @property
    def size(self) -> str:
        """One line about the clip."""
        source, (low, high) = self.source, self.task.settings.passband_hz
        return (
            f"{source.name}: {self.task.n_frames} frames of {source.width}x{source.height} px at "
            f"{self.axis.fps:.5g} frames/s, {low:g} to {high:g} Hz, about "
            f"{self.memory_bytes / GB:.2g} GB of memory{' in parts' if self.task.stream else ''}"
        )


def make_plan(source: Source, request: Request) -> Plan:
    """Fit a request to a clip; an error says what does not fit it."""
    axis = source.axis()
    axis.check(source.numbers, "resample", LONGEST_LENIENT_S)
    settings, (low, high) = request.settings, request.settings.passband_hz
    # The upper edge of a band that nobody chose follows a slow camera.
    if "passband_hz" not in settings.model_fields_set and high > HIGHEST * axis.fps:
        band = (low, max(HIGHEST * axis.fps, 2 * low))
        settings = settings.model_copy(update={"passband_hz": band})
    size, masked = (source.height, source.width), METHODS[request.method].mask
    fitting = {"settings": settings, "region": Region.of(request.roi, *size, masked=masked)}
    task = Task(**vars(request) | fitting, fps=axis.fps, n_frames=len(axis))
    if task.stream:
        task.check_streamable()
    # Before the filter is designed, which for a long clip takes much memory itself.
    plan = fitted(Plan(source, axis, task, Line.of(request.xt_at, *size)))
    filter_matrix(plan.measured_frames, **filtering_of(settings, axis.fps))
    return plan


def fitted(plan: Plan) -> Plan:
    """Return a plan that streams where memory asks for it; ConfigError where that is not enough."""
    task = plan.task
    if memory_bytes(plan.source, task) > task.max_memory_bytes and not task.stream:
        with suppress(ConfigError):
            task.check_streamable()
            task = replace(task, stream=True)
    needed = memory_bytes(plan.source, task)
    if needed > task.max_memory_bytes:
        raise ConfigError(
            f"{plan.source.files[0]} needs about {needed / GB:.1f} GB of memory"
            f"{' in parts' if task.stream else ''}, the limit is {task.max_memory_bytes / GB:g} "
            "GB: raise it with --max-memory, or take a smaller --roi or fewer --alpha"
        )
    return replace(plan, task=task, memory_bytes=needed)


def memory_bytes(source: Source, task: Task) -> float:
    """Estimate the peak memory of a task."""
    alphas, pixels = max(1, len(task.alphas)), source.height * source.width
    held = task.held_frames if task.stream else task.n_frames
    originals = held * pixels * (1.5 if source.bits == 8 else 2.5)
    encoders = alphas * pixels * (1 + task.side_by_side) * ENCODER_BYTES
    clip = held * math.prod(task.region.shape) * 4
    once, for_each = WORKING_CLIPS.get(task.method, OTHER_CLIPS)
    clips = 1 + once + (1 + for_each) * alphas
    clips += (3 + 2 * alphas) / 4 if task.chroma_gain else 0
    return PROGRAM_BYTES + encoders + originals + clips * clip + FILTER_BYTES * held**2


def output_paths(
    sources: Sequence[Source], output: Path | None, alphas: Sequence[float]
) -> list[list[Path]]:
    """Name the outputs of each source, one for each alpha; ConfigError: `output` does not suit."""
    if output is None:
        bases = [Path(f"{source.name}_magnified{SUFFIX}") for source in sources]
    elif len(sources) == 1 and output.suffix.lower() == SUFFIX and not output.is_dir():
        bases = [output]
    elif output.is_dir() or (len(sources) > 1 and not output.suffix):
        bases = [output / f"{source.name}{SUFFIX}" for source in sources]
    else:
        needed = f"a file that ends in {SUFFIX}" if len(sources) == 1 else "a folder"
        raise ConfigError(f"OUT {output}: {needed} is needed")
    if len(set(bases)) < len(bases):
        twice = next(base for base in bases if bases.count(base) > 1)
        raise ConfigError(f"OUT {twice}: two clips have this name")
    if len(alphas) <= 1:
        return [[base] for base in bases]
    return [[base.with_stem(f"{base.stem}_a{alpha:g}") for alpha in alphas] for base in bases]


def check_writable(paths: Iterable[Path], sources: Sequence[Source]) -> None:
    """Raise ConfigError for an output that is an input or a folder, or cannot be written."""
    inputs = {path.resolve() for source in sources for path in source.files}
    for path in paths:
        if path.resolve() in inputs or path.is_dir():
            raise ConfigError(f"OUT {path} is {'a folder' if path.is_dir() else 'an input'}")
        folder = next(folder for folder in path.absolute().parents if folder.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(f"OUT {path}: {folder} is no folder that can be written to")
