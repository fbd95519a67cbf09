"""One clip from file to files: decode, detect, crop, magnify, recognise, write."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microexpr import __version__
from microexpr.apps.predict import prediction_files as files
from microexpr.apps.predict.annotated_video import FOOT, Annotator
from microexpr.apps.predict.exported_model import SETTINGS, Exported
from microexpr.apps.predict.named_clips import NamedClip
from microexpr.apps.predict.pieces import WHAT, Cutter, Prediction, recognise
from microexpr.apps.predict.prediction_files import ClipSum
from microexpr.datasets import decoder
from microexpr.errors import ConfigError, about_clip
from microexpr.face.detection import face_detector
from microexpr.face.tracking import WatchedFace
from microexpr.fingerprints.definitions import Reference
from microexpr.fingerprints.fingerprint import fingerprint
from microexpr.runtime import resume
from microexpr.runtime.files import replacing, sha256_of
from microexpr.runtime.notices import noted, notice
from microexpr.runtime.progress import track
from microexpr.video.time_axis import LONGEST_LENIENT_S, TimeAxis

log = logging.getLogger(__name__)
ROOT = Path()


@dataclass(frozen=True)
class Request:
    """How clips are cut, and what is written."""

    folder: Path
    length: int  # frames of a piece
    step: int  # frames between the starts of two pieces
    annotate: bool = True  # write an annotated video


def make_request(
    exported: Exported, folder: Path, *, piece: int | None, step: int | None, annotate: bool
) -> Request:
    """Fill in what the user leaves open: pieces as long as the longest training clip, by halves.

    ConfigError when a piece is shorter than a window, or the last one could be.
    """
    n = exported.config.model.n
    longest = int(exported.about["trained_on"]["frames"]["max"])
    length = piece if piece is not None else max(longest, n + 1)
    stride = step if step is not None else max(1, min(length // 2, length - n))
    if length <= n:
        raise ConfigError(f"--piece {length}: a window has {n} frames, a piece needs more")
    if not 1 <= stride <= length - n:
        raise ConfigError(
            f"--step {stride}: must lie between 1 and {length - n}, or a window of {n} frames at "
            f"the edge of a piece of {length} would be lost"
        )
    return Request(folder, length, stride, annotate)


def check_places(request: Request, clips: Sequence[NamedClip]) -> None:
    """Raise ConfigError where a clip would be written over."""
    inputs = {clip.path.resolve() for clip in clips}
    for clip in clips:
        path = request.folder / f"{clip.name}{files.VIDEO}"
        if request.annotate and path.resolve() in inputs:
            raise ConfigError(f"--output {request.folder}: {path} is a clip to predict")


def predict_clip(exported: Exported, clip: NamedClip, request: Request) -> dict[str, Any]:
    """Predict one clip, write its files and return its row.

    A clip whose files are there already, from the same source, model and request, is not predicted
    again. DataError when it cannot be decoded, or no part of it can be predicted; no file is left
    then.
    """
    digest = _digest(exported, clip, request)
    if done := _finished(digest, request, clip):
        log.info("%s: predicted already", clip.name)
        return done
    total = ClipSum(exported, clip)
    with files.writing(request.folder, clip.name, exported.labels) as writer, noted() as notices:
        annotated = _annotator(exported, clip, request) if request.annotate else nullcontext()
        with annotated as annotator:
            for found in _predictions(exported, clip, request, annotator):
                total.add(found)
                writer.write(found)
                if annotator is not None:
                    annotator.draw(found)
            row = total.row()
        made = {"software": f"microexpr {__version__}", "piece": request.length}
        writer.finish(
            {
                "clip": row,
                "notices": notices,
                "what": WHAT,
                "model": {key: exported.about[key] for key in ("accuracy", "trained_on")},
                "made": made | {"step": request.step, "digest": digest},
            }
        )
    return row


def _predictions(
    exported: Exported, clip: NamedClip, request: Request, annotator: Annotator | None
) -> Iterator[Prediction]:
    settings, axis = exported.config.crop, _axis(clip)
    detector = face_detector(settings)
    # Whoever is in sight for the first frames of a piece sets its transform.
    watched = WatchedFace(detector, settings.first_frames) if detector else None
    cutter = Cutter(clip.name, settings, length=request.length, step=request.step)
    for rgb, number, time in track(_frames(clip, axis), clip.name, total=len(axis)):
        face = watched.detect(rgb) if watched else None
        if annotator is not None:
            annotator.hold(rgb, time, face)
        if piece := cutter.add(rgb, number, time, face):
            yield recognise(exported, piece, name=clip.name, fps=axis.fps)
    if piece := cutter.finish():
        yield recognise(exported, piece, name=clip.name, fps=axis.fps)


def _axis(clip: NamedClip) -> TimeAxis:
    """Return when the frames of a clip were taken; say so where they are resampled."""
    with about_clip(clip.name):
        axis = decoder.clip_axis(ROOT, clip.clip, "lenient")
        axis.check(decoder.frame_numbers(clip.clip, axis), "resample", LONGEST_LENIENT_S)
    if not axis.even:
        notice(f"{clip.name}: uneven in time: {axis.summary()}")
    return axis


def _frames(clip: NamedClip, axis: TimeAxis) -> Iterator[tuple[np.ndarray, int, float]]:
    for chunk in decoder.decode(ROOT, clip.clip, "lenient", axis=axis):
        for rgb, number, time in zip(chunk.rgb, chunk.number, chunk.time, strict=True):
            yield rgb, int(number), float(time)


@contextmanager
def _annotator(exported: Exported, clip: NamedClip, request: Request) -> Iterator[Annotator]:
    synthetic = exported.about["trained_on"]["synthetic"]
    foot = f"{FOOT}; SYNTHETIC training data" if synthetic else FOOT
    with (
        replacing(request.folder / f"{clip.name}{files.VIDEO}") as path,
        Annotator(path, exported.labels, foot) as annotator,
    ):
        yield annotator


def _digest(exported: Exported, clip: NamedClip, request: Request) -> str:
    """Return a checksum of all that a prediction follows from."""
    asked = {key: value for key, value in asdict(request).items() if key != "folder"}
    return resume.digest(
        {
            "source": clip.checksum(),
            "fps": clip.clip.fps,
            "model": sha256_of(exported.folder / SETTINGS),
            "request": asked,
            "code": fingerprint(Reference(__name__, "predict_clip")),
        }
    )


def _finished(digest: str, request: Request, clip: NamedClip) -> dict[str, Any] | None:
    """Read the row of a clip that an earlier run has predicted."""
    suffixes = [files.WINDOWS, files.PIECES, *([files.VIDEO] if request.annotate else [])]
    if not all((request.folder / f"{clip.name}{suffix}").is_file() for suffix in suffixes):
        return None
    document = resume.finished(request.folder / f"{clip.name}{files.JSON}", digest)
    return document and document["clip"]
