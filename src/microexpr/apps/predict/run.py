"""One clip from file to files: decode, detect, crop, magnify, recognise, write."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microexpr import __version__
from microexpr.apps.predict import outputs
from microexpr.apps.predict.drawing import FOOT, Annotator
from microexpr.apps.predict.model import SETTINGS, Exported
from microexpr.apps.predict.outputs import Tally
from microexpr.apps.predict.pieces import Cutter
from microexpr.apps.predict.recognise import WHAT, Answer, recognise
from microexpr.apps.predict.sources import Source
from microexpr.datasets import decoder
from microexpr.errors import ConfigError
from microexpr.face.detection import face_detector
from microexpr.face.tracking import WatchedFace
from microexpr.fingerprints.definitions import Reference
from microexpr.fingerprints.fingerprint import fingerprint
from microexpr.runtime import resume
from microexpr.runtime.files import replacing, sha256_of
from microexpr.runtime.notices import noted
from microexpr.runtime.progress import track

log = logging.getLogger(__name__)
ROOT = Path()


@dataclass(frozen=True)
class Request:
    """How clips are cut, and what is written.

    Parameters
    ----------
    folder : Path
        Where the files go.
    length, step : int
        Frames of a piece, and between the starts of two.
    annotate : bool
        Write the annotated video.
    """

    folder: Path
    length: int
    step: int
    annotate: bool = True


def make_request(
    exported: Exported, folder: Path, *, piece: int | None, step: int | None, annotate: bool
) -> Request:
    """Fill in what the user leaves open: pieces as long as the longest training clip, by halves.

    Raises
    ------
    ConfigError
        When a piece is shorter than a window, or the last one could be.
    """
    n = exported.config.model.n
    length = (
        piece
        if piece is not None
        else max(int(exported.about["trained_on"]["frames"]["max"]), n + 1)
    )
    stride = step if step is not None else max(1, min(length // 2, length - n))
    if length <= n:
        raise ConfigError(f"--piece {length}: a window has {n} frames, a piece needs more")
    if not 1 <= stride <= length - n:
        raise ConfigError(
            f"--step {stride}: must lie between 1 and {length - n}, or a window of {n} frames at "
            f"the edge of a piece of {length} would be lost"
        )
    return Request(folder, length, stride, annotate)


def check_places(request: Request, sources: Sequence[Source]) -> None:
    """Refuse to write over a clip that is to be answered.

    Raises
    ------
    ConfigError
        Naming the clip.
    """
    inputs = {source.path.resolve() for source in sources}
    for source in sources:
        path = request.folder / f"{source.name}{outputs.VIDEO}"
        if request.annotate and path.resolve() in inputs:
            raise ConfigError(f"--output {request.folder}: {path} is a clip to answer")


def answer_clip(exported: Exported, source: Source, request: Request) -> dict[str, Any]:
    """Answer for one clip and write its files.

    Parameters
    ----------
    exported : Exported
        The model.
    source : Source
        A video or a folder of images.
    request : Request
        How.

    Returns
    -------
    dict
        The clip's row. A clip whose files are there already, of the same source, model and
        request, is not answered again.

    Raises
    ------
    DataError
        When it cannot be decoded, or no part of it can be answered; no file is left then.
    """
    digest = _digest(exported, source, request)
    if done := _finished(digest, request, source):
        log.info("%s: answered already", source.name)
        return done
    tally = Tally(exported, source)
    with (
        outputs.writing(request.folder, source.name, exported.labels) as writer,
        noted() as notices,
    ):
        with _annotator(exported, source, request) as annotator:
            for answer in _answers(exported, source, request, annotator):
                tally.add(answer)
                writer.write(answer)
                if annotator is not None:
                    annotator.draw(answer)
            row = tally.row()
        writer.finish(
            {
                "clip": row,
                "notices": notices,
                "what": WHAT,
                "model": {key: exported.about[key] for key in ("accuracy", "trained_on")},
                "made": {
                    "software": f"microexpr {__version__}",
                    "piece": request.length,
                    "step": request.step,
                    "digest": digest,
                },
            }
        )
    return row


def _answers(
    exported: Exported, source: Source, request: Request, annotator: Annotator | None
) -> Iterator[Answer]:
    settings, clip = exported.config.crop, source.clip
    detector = face_detector(settings)
    # Whoever is in sight for the first frames of a piece sets its transform.
    watched = WatchedFace(detector, settings.first_frames) if detector else None
    cutter = Cutter(source.name, settings, length=request.length, step=request.step)
    frames = track(_frames(source), source.name, total=source.expected_frames())
    for rgb, number, time in frames:
        face = watched.detect(rgb) if watched else None
        if annotator is not None:
            annotator.hold(rgb, time, face)
        if piece := cutter.add(rgb, number, time, face):
            yield recognise(exported, piece, name=source.name, fps=clip.fps)
    if piece := cutter.finish():
        yield recognise(exported, piece, name=source.name, fps=clip.fps)


def _frames(source: Source) -> Iterator[tuple[np.ndarray, int, float]]:
    for chunk in decoder.decode(ROOT, source.clip):
        for rgb, number, time in zip(chunk.rgb, chunk.number, chunk.time, strict=True):
            yield rgb, int(number), float(time)


@contextmanager
def _annotator(exported: Exported, source: Source, request: Request) -> Iterator[Annotator | None]:
    if not request.annotate:
        yield None
        return
    synthetic = exported.about["trained_on"]["synthetic"]
    foot = f"{FOOT}; SYNTHETIC training data" if synthetic else FOOT
    with replacing(request.folder / f"{source.name}{outputs.VIDEO}") as path:
        annotator = Annotator(path, exported.labels, foot)
        try:
            yield annotator
        except BaseException:
            annotator.close(complete=False)
            raise
        annotator.close(complete=True)


def _digest(exported: Exported, source: Source, request: Request) -> str:
    """Checksum over all that an answer depends on."""
    asked = {key: value for key, value in asdict(request).items() if key != "folder"}
    depends = {
        "source": source.checksum(),
        "fps": source.clip.fps,
        "model": sha256_of(exported.folder / SETTINGS),
        "request": asked,
        "code": fingerprint(Reference(__name__, "answer_clip")),
    }
    return resume.digest(depends)


def _finished(digest: str, request: Request, source: Source) -> dict[str, Any] | None:
    """Read the row of a clip that an earlier run has answered."""
    suffixes = [outputs.WINDOWS, outputs.PIECES, *([outputs.VIDEO] if request.annotate else [])]
    if not all((request.folder / f"{source.name}{suffix}").is_file() for suffix in suffixes):
        return None
    document = resume.finished(request.folder / f"{source.name}{outputs.JSON}", digest)
    return document and document["clip"]
