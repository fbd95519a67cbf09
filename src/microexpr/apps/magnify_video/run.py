"""One clip from file to file: read, magnify, measure, write, and say what was done."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from microexpr.apps.magnify_video import motion
from microexpr.apps.magnify_video.engine import Progress, magnify_whole
from microexpr.apps.magnify_video.motion import MotionMeter
from microexpr.apps.magnify_video.picture import SlicePicture, beside
from microexpr.apps.magnify_video.plan import Plan
from microexpr.apps.magnify_video.report import Outcome, provenance, report
from microexpr.apps.magnify_video.streaming import magnify_stream
from microexpr.magnify.motion import detail_wavelength_px
from microexpr.runtime.files import replacing, write_json
from microexpr.runtime.notices import noted, notice
from microexpr.video.frame import Frame
from microexpr.video.time_axis import Regridded
from microexpr.video.writer import VideoWriter


class Stopwatch:
    """Seconds spent on each stage."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("read", "magnify", "write"), 0.0)
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Count the time since the last lap for a stage."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._last
        self._last = now

    def feature_mode(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass frames on; what they take counts as feature mode."""
        for frame in frames:
            self.lap("read")
            yield frame
            self.lap("magnify")
        self.lap("read")


def magnify_clip(
    plan: Plan, outputs: list[Path], progress: Progress = lambda stage, share: None
) -> list[dict[str, Any]]:
    """Magnify a clip and write the results.

    Parameters
    ----------
    plan : Plan
    outputs : list of Path
        An MP4 for each alpha. They appear under their names when all are complete, and beside each
        ``<output>.json`` that says how it was made.
    progress : callable
        Called with ``read``, ``magnify`` or ``write`` and the share of it that is done.

    Returns
    -------
    list of dict
        A report for each output, ready for JSON.

    Raises
    ------
    DataError
        When the source cannot be decoded.

    Warns
    -----
    MicroexprWarning
        Whatever the user should know about this clip; the reports have it as ``notices``.
    """
    watch, meter = Stopwatch(), MotionMeter(plan.task.region.full)
    with noted() as notices:
        _warn_of_size(plan)
        response = motion.response(plan.measured_frames, plan.grid.fps, plan.request.settings)
        detail_px = _work(plan, outputs, progress, watch, meter)
    matrix = motion.clip_filter(plan.measured_frames, plan.grid.fps, plan.request.settings)
    made, reports = provenance(plan), []
    for number, path in enumerate(outputs):
        outcome = Outcome(
            path=path,
            alpha=plan.request.alphas[number],
            motion=meter.motion(number, matrix, added=plan.request.method != "filter_only"),
            response=response,
            detail_wavelength_px=detail_px,
            seconds=watch.seconds,
            notices=notices,
        )
        reports.append(report(plan, outcome))
        write_json(f"{path}.json", reports[-1] | made)
    return reports


def _work(
    plan: Plan, outputs: list[Path], progress: Progress, watch: Stopwatch, meter: MotionMeter
) -> float:
    """Read, magnify and write; give the wavelength of the first frame's detail, px."""
    source, request = plan.source, plan.request
    frames = Regridded(source.frames(), source.time_base, plan.grid)
    slices = SlicePicture(plan.line, source.colour)
    with ExitStack() as stack:
        writers = [_writer(stack, plan, path) for path in outputs]
        engine = magnify_stream if request.stream else magnify_whole
        versions = engine(watch.feature_mode(frames), plan.task, progress)
        for number, (original, magnified) in enumerate(versions, 1):
            watch.lap("magnify")
            if number == 1:
                detail = torch.from_numpy(original.values(plan.task.region.window))
            if number <= plan.measured_frames:
                meter.add([frame.luma8() for frame in (original, *magnified)])
            for writer, frame in zip(writers, magnified, strict=True):
                writer.write(beside(original, frame) if request.side_by_side else frame)
            if request.xt_slice:
                slices.add([original, *magnified])
            progress("write", number / plan.task.n_frames)
            watch.lap("write")
    if request.xt_slice:
        slices.save(request.xt_slice)
    watch.lap("write")
    _warn_of_frames(plan, frames)
    return detail_wavelength_px(detail)


def _writer(stack: ExitStack, plan: Plan, path: Path) -> VideoWriter:
    source = plan.source
    temporary = stack.enter_context(replacing(path))
    width, height = plan.output_size
    writer = VideoWriter(
        temporary,
        width=width,
        height=height,
        grid=plan.grid,
        colour=source.colour,
        pixel_aspect=source.pixel_aspect,
        sound=source.files[0] if source.audio else None,
        threads=plan.request.threads,
    )
    return stack.enter_context(writer)


def _warn_of_size(plan: Plan) -> None:
    source = plan.source
    if source.width % 2 or source.height % 2:
        notice(
            f"{source.width}x{source.height} px: the last column or row is written twice, H.264 "
            "takes even sizes only"
        )


def _warn_of_frames(plan: Plan, frames: Regridded) -> None:
    if plan.grid.resampled:
        notice(
            f"variable frame rate: resampled to {plan.grid.fps:.5g} frames/s, "
            f"{frames.interpolated} of {plan.task.n_frames} frames are interpolated"
        )
    elif frames.interpolated:
        notice(f"{frames.interpolated} frames are missing and were interpolated")
