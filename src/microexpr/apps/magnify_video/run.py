"""One clip from file to file: read, magnify, measure, write, and report what was done."""

import hashlib
import json
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from microexpr import __version__
from microexpr.apps.magnify_video import survey
from microexpr.apps.magnify_video.magnified_frames import Progress, magnify_stream, magnify_whole
from microexpr.apps.magnify_video.pictures import SlicePicture, beside, labelled
from microexpr.apps.magnify_video.request import GB, Plan
from microexpr.apps.magnify_video.survey import MotionMeter
from microexpr.fingerprints.code import fingerprint
from microexpr.fingerprints.definitions import Reference
from microexpr.magnify.methods import METHODS
from microexpr.magnify.motion import BoundWarning
from microexpr.runtime.files import replacing, sha256_of, write_json
from microexpr.runtime.notices import noted, notice
from microexpr.video.frame import Frame
from microexpr.video.writer import CRF, PRESET, VideoWriter, write_png

LIBRARIES = ("torch", "numpy", "scipy", "opencv-python-headless", "av")
LEAST_SHARE = 0.2  # of the wanted gain; less is worth a warning


class Stopwatch:
    """Seconds spent on each stage."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("measure", "read", "magnify", "write"), 0.0)
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Count the time since the last lap for a stage."""
        last, self._last = self._last, time.perf_counter()
        self.seconds[stage] += self._last - last

    def reading(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass frames on; the time that they take counts as reading."""
        for frame in frames:
            self.lap("read")
            yield frame
            self.lap("magnify")
        self.lap("read")


def magnify_clip(
    plan: Plan, outputs: list[Path], progress: Progress = lambda stage, share: None
) -> list[dict[str, Any]]:
    """Magnify a clip: write an MP4 and a JSON file for each alpha; return the reports in these."""
    watch = Stopwatch()
    with noted() as notices:
        width, height = plan.source.width, plan.source.height
        if width % 2 or height % 2:
            odd = "the last column or row is written twice, H.264 takes even sizes only"
            notice(f"{width}x{height} px: {odd}")
        found = survey.surveyed(plan, progress)
        plan, task = found.plan, found.plan.task
        watch.lap("measure")
        filtering = (plan.measured_frames, plan.axis.fps, task.settings)
        passed, matrix = survey.response(*filtering), survey.clip_filter(*filtering)
        meter, added = _magnify(plan, outputs, progress, watch), not METHODS[task.method].control
        gains = [meter.gain(number, matrix, added=added) for number in range(len(outputs))]
        for alpha, gain in zip(task.alphas, gains, strict=True):
            if added and alpha > 0 and task.chroma_gain < 1:  # motion grows, not colour alone
                _check_gain(1 + alpha, gain)
    about, made = _about(plan), _provenance(plan)
    about |= {"filter_gain": passed, "seconds": watch.seconds, "notices": notices}
    reports = []
    for path, alpha, gain in zip(outputs, task.alphas, gains, strict=True):
        motion = {"in_band_px": found.motion.px, "wanted_gain": 1 + alpha if added else 1.0}
        motion |= {"gain": gain.measured, "points": gain.points, "lost": gain.lost}
        about |= {"output": str(path), "alpha": alpha, "motion": motion}
        about |= {"bound": found.about(alpha)}
        read = partial(json.loads, parse_float=lambda text: float(f"{float(text):.6g}"))
        # JSON has no nan: what cannot be measured is null.
        reports.append(read(json.dumps(about), parse_constant=lambda _: None))
        write_json(f"{path}.json", reports[-1] | made)
    return reports


def _check_gain(wanted: float, gain: survey.Gain) -> None:
    """Tell when points were lost, or hardly anything became larger."""
    lost, found = gain.lost, f"{gain.measured:.1f} times measured, {wanted:g} wanted"
    if lost > gain.points:
        why = "detail is broken, or nothing is there to follow; the measured gain says little"
        notice(f"{lost} of {lost + gain.points} points could not be followed in the result: {why}")
    elif gain.measured - 1 < LEAST_SHARE * (wanted - 1):
        advice = "try pmm, a lower --lambda-c, or another --passband"
        notice(f"hardly anything became larger: {found} ({advice})")


def _magnify(plan: Plan, outputs: list[Path], progress: Progress, watch: Stopwatch) -> MotionMeter:
    """Read, magnify and write; return the motion of points."""
    task, frames, titles = plan.task, survey.frames_of(plan), _titles(plan)
    slices = SlicePicture(plan.line, plan.source.colour, titles=titles, fps=plan.axis.fps)
    magnify = magnify_stream if task.stream else magnify_whole
    with ExitStack() as stack:
        # It was measured, and said, before.
        stack.enter_context(warnings.catch_warnings(action="ignore", category=BoundWarning))
        writers = [_writer(stack, plan, path) for path in outputs]
        shown = zip(frames, plan.axis.shown()[0], strict=True)
        evenly = (replace(frame, pts=pts) for frame, pts in shown)
        versions = magnify(watch.reading(evenly), task, progress)
        for index, (original, magnified) in enumerate(versions):
            watch.lap("magnify")
            pair = [original, *magnified]
            if index < plan.measured_frames:
                seen = [task.region.followed(frame, index) for frame in pair]
                if index == 0:
                    meter = MotionMeter(seen[0], task.region.full)
                meter.add(seen)
            if task.xt_slice:
                slices.add(pair)
            if titles and task.side_by_side:
                pair = [labelled(frame, title) for frame, title in zip(pair, titles, strict=True)]
            for writer, frame in zip(writers, pair[1:], strict=True):
                writer.write(beside(pair[0], frame) if task.side_by_side else frame)
            progress("write", (index + 1) / task.n_frames)
            watch.lap("write")
    if task.xt_slice:
        write_png(task.xt_slice, slices.render())
    watch.lap("write")
    if not plan.axis.even:
        notice(f"uneven in time: {plan.axis.summary()}")
    elif frames.interpolated:
        notice(f"{frames.interpolated} frames are missing and were interpolated")
    return meter


def _titles(plan: Plan) -> list[str]:
    """Return what is written on the original and on each result; nothing without labels."""
    task, slower = plan.task, plan.axis.fps / float(plan.axis.shown_rate)
    if not task.labels:
        return []
    slow = f", {slower:.3g} x slower" if abs(slower - 1) > 0.01 else ""
    return [f"original{slow}", *(f"{task.method}, alpha {a:g}{slow}" for a in task.alphas)]


def _writer(stack: ExitStack, plan: Plan, path: Path) -> VideoWriter:
    source, (width, height) = plan.source, plan.output_size
    how: dict[str, Any] = {"rate": plan.axis.shown_rate, "time_base": plan.axis.shown()[1]}
    how |= {"colour": source.colour, "pixel_aspect": source.pixel_aspect}
    how |= {"sound": source.files[0] if source.audio else None, "threads": plan.task.threads}
    temporary = stack.enter_context(replacing(path))
    return stack.enter_context(VideoWriter(temporary, width=width, height=height, **how))


def _about(plan: Plan) -> dict[str, Any]:
    """Return what the reports of all outputs share."""
    source, task = plan.source, plan.task
    return {
        "input": str(source.files[0] if len(source.files) == 1 else source.name),
        "method": task.method,
        "passband_hz": list(task.settings.passband_hz),
        "temporal_filter": task.settings.temporal_filter,
        "frames": plan.task.n_frames,
        "fps": plan.axis.fps,
        "width_px": plan.output_size[0],
        "height_px": plan.output_size[1],
        "roi": task.roi,
        "stabilised": task.region.transforms is not None,
        "memory_estimate_gb": plan.memory_bytes / GB,
        "device": task.device,
    }


def _provenance(plan: Plan) -> dict[str, Any]:
    """Return everything that is needed to make the outputs again."""
    task, files = plan.task, plan.source.files
    parameters = task.settings.model_dump(include={*METHODS[task.method].keys} - {"alpha"})
    for name in ("chroma_gain", "roi", "side_by_side", "stream"):
        parameters[name] = getattr(task, name)
    parameters["capture_fps"] = plan.source.capture_fps
    sums = [sha256_of(path) for path in files]
    if len(sums) > 1:  # of the checksums, one per line, in order of time
        sums = [hashlib.sha256("".join(f"{line}\n" for line in sums).encode()).hexdigest()]
    return {
        "parameters": parameters | {"x264": {"crf": CRF, "preset": PRESET}},
        "source": {"files": len(files), "sha256": sums[0]},
        "software": f"microexpr {__version__}",
        "source_sha256": fingerprint(Reference(__name__, "magnify_clip")),
        "environment": {name: version(name) for name in LIBRARIES},
    }


def summary(made: dict[str, Any]) -> str:
    """Return a report in one line, for people."""
    motion, seconds = made["motion"], sum(made["seconds"].values())
    text = f"{made['output']}: {made['method']}, alpha {made['alpha']:g}, {made['frames']} frames"
    text += f", {motion['in_band_px']:.2g} px of motion: {motion['wanted_gain']:g} times wanted"
    measured = "" if motion["gain"] is None else f", {motion['gain']:.1f} measured"
    return f"{text}{measured}; {seconds:.1f} s"
