"""One clip from file to files: decode, detect, crop, magnify, recognise, write."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microexpr import __version__, video
from microexpr.errors import ConfigError, DataError
from microexpr.files import replacing, sha256_of
from microexpr.media.notices import noted, notice
from microexpr.prediction import outputs
from microexpr.prediction.drawing import FOOT, Annotator
from microexpr.prediction.exported import SETTINGS, Exported
from microexpr.prediction.pieces import Cutter, stretches
from microexpr.prediction.recognise import WHAT, Answer, recognise
from microexpr.prediction.sources import Source
from microexpr.progress import track
from microexpr.provenance import fingerprint
from microexpr.stages.crop import face_detector

log = logging.getLogger(__name__)
SAME_RATE = 0.05  # of a frame rate
UNEVEN = 0.25  # of the distance of two frames; a time base may round by less
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
    length = piece or max(int(exported.about["trained_on"]["frames"]["max"]), n + 1)
    stride = step or max(1, min(length // 2, length - n))
    if length <= n:
        raise ConfigError(f"--piece {length}: a window has {n} frames, a piece needs more")
    if not 1 <= stride <= length - n:
        raise ConfigError(
            f"--step {stride}: must lie between 1 and {length - n}, or a window of {n} frames at "
            f"the edge of a piece of {length} would be lost"
        )
    return Request(folder, length, stride, annotate)


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
    if done := _finished(request.folder / f"{source.name}{outputs.JSON}", digest, request, source):
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
    cutter = Cutter(source.name, settings, length=request.length, step=request.step)
    frames = track(_frames(source), source.name, total=source.expected_frames())
    for rgb, number, time in frames:
        face = detector.detect(rgb) if detector else None
        if annotator is not None:
            annotator.hold(rgb, time, face)
        if piece := cutter.add(rgb, number, time, face):
            yield recognise(exported, piece, name=source.name, fps=clip.fps)
    if piece := cutter.finish():
        yield recognise(exported, piece, name=source.name, fps=clip.fps)


def _frames(source: Source) -> Iterator[tuple[np.ndarray, int, float]]:
    for chunk in video.decode(ROOT, source.clip):
        for rgb, number, time in zip(chunk.rgb, chunk.number, chunk.time, strict=True):
            yield rgb, int(number), float(time)


class Tally:
    """What is known of a clip so far.

    Parameters
    ----------
    exported : Exported
        The model.
    source : Source
        The clip.
    """

    def __init__(self, exported: Exported, source: Source) -> None:
        self._exported, self._source = exported, source
        self._sum = np.zeros(len(exported.labels))
        self._pieces = self._answered = self._windows = self._frames = self._without = 0
        self._seconds, self._fps, self._problem = 0.0, 0.0, ""
        self._only, self._uneven = -1, False

    def add(self, answer: Answer) -> None:
        """Take the next piece."""
        piece = answer.piece
        known = self._frames - piece.first  # frames that the piece before held as well
        absent = ~piece.detected[known:]
        self._frames += len(absent)
        self._without += int(absent.sum())
        for start, stop in stretches(piece.number[known:], absent):
            log.info("%s: no face in frames %d-%d", self._source.name, start, stop)
        self._pieces += 1
        self._seconds = float(piece.time[-1])
        if answer.problem:
            self._problem = self._problem or answer.problem
            log.warning("%s: no answer: %s", self._source.name, answer.problem)
            return
        self._answered += 1
        self._windows += len(answer.windows)
        self._sum += answer.of_piece
        self._only = answer.predicted
        if not self._fps:
            self._fps = answer.fps
            self._compare_rates()
        steps = np.diff(piece.time) * answer.fps
        if not self._uneven and np.abs(steps - 1).max() > UNEVEN:
            self._uneven = True
            notice(
                f"{self._source.name}: frames {piece.number[0]}-{piece.number[-1]} are not evenly "
                f"spaced in time, {steps.min():.2g} to {steps.max():.2g} of the usual distance; "
                "magnification takes them to be"
            )

    def row(self) -> dict[str, Any]:
        """Describe the clip.

        Raises
        ------
        DataError
            When no piece was answered.
        """
        if not self._answered:
            raise DataError(f"clip {self._source.name}: {self._problem or 'no frame'}")
        labels = self._exported.labels
        mean = self._sum / self._answered
        best = self._only if self._answered == 1 else int(mean.argmax())
        return {
            "clip": self._source.name,
            "source": str(self._source.path),
            "frames": self._frames,
            "frames_without_face": self._without,
            "seconds": round(self._seconds, 4),
            "fps": round(self._fps, 3),
            "pieces": self._pieces,
            "pieces_answered": self._answered,
            "windows": self._windows,
            "predicted": labels[best],
            "probabilities": outputs.probabilities(labels, mean),
        }

    def _compare_rates(self) -> None:
        trained = self._exported.about["trained_on"]["fps"]
        low, high = trained["min"] * (1 - SAME_RATE), trained["max"] * (1 + SAME_RATE)
        if low <= self._fps <= high:
            return
        n, usual = self._exported.config.model.n, trained["median"]
        notice(
            f"{self._source.name}: {self._fps:.4g} frames/s, the model learnt from {usual:g}: a "
            f"window of {n} frames lasts {n / self._fps:.2g} s instead of {n / usual:.2g} s"
        )


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
        "code": fingerprint(__name__),
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _finished(path: Path, digest: str, request: Request, source: Source) -> dict[str, Any] | None:
    """Read the row of a clip that an earlier run has answered."""
    beside = [outputs.WINDOWS, outputs.PIECES, *([outputs.VIDEO] if request.annotate else [])]
    wanted = [path, *(request.folder / f"{source.name}{suffix}" for suffix in beside)]
    if not all(file.is_file() for file in wanted):
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content["clip"] if content["made"]["digest"] == digest else None
    except (ValueError, KeyError, TypeError):
        return None
