"""What is known of a clip while its pieces are answered: sums only, whatever its length."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np

from microexpr.apps.predict.model import Exported
from microexpr.apps.predict.pieces import stretches
from microexpr.apps.predict.recognise import Answer
from microexpr.apps.predict.sources import Source
from microexpr.errors import DataError
from microexpr.runtime.files import replacing
from microexpr.runtime.notices import notice

log = logging.getLogger(__name__)
WINDOWS, PIECES, JSON, VIDEO = ".windows.csv", ".pieces.csv", ".json", ".mp4"
DECIMALS = 6


def probabilities(labels: Sequence[str], values: np.ndarray) -> dict[str, float | None]:
    """Name the probabilities of the classes; None where there is no answer."""
    return {
        label: None if np.isnan(p) else round(float(p), DECIMALS)
        for label, p in zip(labels, values, strict=True)
    }


def columns(shares: dict[str, float | None]) -> dict[str, float | None]:
    """Name the columns of a table after the classes."""
    return {f"p_{label}": p for label, p in shares.items()}


def piece_row(answer: Answer, labels: Sequence[str]) -> dict[str, Any]:
    """Describe a piece, ready for JSON."""
    piece = answer.piece
    return {
        "piece": piece.index,
        "first_frame": int(piece.number[0]),
        "last_frame": int(piece.number[-1]),
        "first_s": round(float(piece.time[0]), 4),
        "last_s": round(float(piece.time[-1]), 4),
        "frames": len(piece),
        "frames_without_face": int((~piece.detected).sum()),
        "fps": None if np.isnan(answer.fps) else round(answer.fps, 3),
        "windows": len(answer.windows),
        "predicted": "" if answer.predicted < 0 else labels[answer.predicted],
        "probabilities": probabilities(labels, answer.of_piece),
        "problem": answer.problem,
    }


def window_rows(answer: Answer, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Describe the windows of a piece; frames are numbers of the source."""
    number, time = answer.piece.number, answer.piece.time
    for index, (rows, shares) in enumerate(zip(answer.windows, answer.of_windows, strict=True)):
        yield {
            "piece": answer.piece.index,
            "window": index,
            "first_frame": int(number[rows[0]]),
            "last_frame": int(number[rows[-1]]),
            "step": int(rows[-1] - rows[-2]),
            "first_s": round(float(time[rows[0]]), 4),
            "last_s": round(float(time[rows[-1]]), 4),
            "frames_without_face": int((~answer.piece.detected[np.unique(rows)]).sum()),
            "predicted": labels[int(shares.argmax())],
            "probabilities": probabilities(labels, shares),
        }


def crop_corners(answer: Answer) -> np.ndarray | None:
    """Corners of the crop in the frame, (4, 2) px, clockwise; None without a face."""
    transform = answer.piece.transform
    if transform is None:
        return None
    far = transform.size_px - 0.5
    square = np.array([[-0.5, -0.5], [far, -0.5], [far, far], [-0.5, far]])
    back = cv2.invertAffineTransform(transform.matrix)
    return square @ back[:, :2].T + back[:, 2]


class Writer:
    """The open files of one clip; made by :func:`writing`."""

    def __init__(
        self, name: str, labels: Sequence[str], windows: IO[str], pieces: IO[str], document: IO[str]
    ) -> None:
        self._name, self._labels, self._document = name, labels, document
        self._windows, self._pieces = csv.writer(windows), csv.writer(pieces)
        self._empty = True
        document.write('{\n"pieces": [')

    def write(self, answer: Answer) -> None:
        """Write a piece and its windows."""
        piece = piece_row(answer, self._labels)
        found = list(window_rows(answer, self._labels))
        if self._empty:
            self._windows.writerow(["clip", *_flat(window_header(self._labels))])
            self._pieces.writerow(["clip", *_flat(piece)])
        self._pieces.writerow([self._name, *_flat(piece).values()])
        self._windows.writerows([self._name, *_flat(row).values()] for row in found)
        corners = crop_corners(answer)
        piece["without_face"] = answer.piece.without_face()
        piece["crop_px"] = None if corners is None else corners.round(2).tolist()
        del piece["windows"]  # their number; the list is the last entry
        piece["windows"] = found
        self._document.write(("\n" if self._empty else ",\n") + _json(piece))
        self._empty = False

    def finish(self, rest: dict[str, Any]) -> None:
        """Complete the JSON document."""
        self._document.write("\n]")
        for key, value in rest.items():
            self._document.write(f",\n{_json(key)}: {_json(value)}")
        self._document.write("\n}\n")


def window_header(labels: Sequence[str]) -> dict[str, Any]:
    """Give the keys of a window's row."""
    keys = ("piece", "window", "first_frame", "last_frame", "step", "first_s", "last_s")
    keys = (*keys, "frames_without_face", "predicted")
    return {**dict.fromkeys(keys), "probabilities": dict.fromkeys(labels)}


@contextmanager
def writing(folder: Path, name: str, labels: Sequence[str]) -> Iterator[Writer]:
    """Open the tables and the document of a clip; they appear together, the document last."""
    with ExitStack() as stack:
        files = [
            stack.enter_context(
                stack.enter_context(replacing(folder / f"{name}{suffix}")).open(
                    "w", newline="", encoding="utf-8"
                )
            )
            for suffix in (JSON, WINDOWS, PIECES)
        ]
        document, windows, pieces = files
        yield Writer(name, labels, windows, pieces, document)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in row.items() if key not in ("probabilities", "problem")}
    flat |= columns(row["probabilities"])
    return flat | ({"problem": row["problem"]} if "problem" in row else {})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


SAME_RATE = 0.05  # of a frame rate
UNEVEN = 0.25  # of the distance of two frames; a time base may round by less


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
        stated = self._source.expected_frames()
        if stated and self._frames < stated:
            notice(
                f"{self._source.name}: {self._frames} frames could be decoded, the file states "
                f"{stated}"
            )
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
            "probabilities": probabilities(labels, mean),
        }

    def _compare_rates(self) -> None:
        trained = self._exported.about["trained_on"]["fps"]
        low, high = trained["min"] * (1 - SAME_RATE), trained["max"] * (1 + SAME_RATE)
        if low <= self._fps <= high:
            return
        n, usual = self._exported.config.model.n, trained["median"]
        notice(
            f"{self._source.name}: {self._fps:.4g} frames/s, the model learned from {usual:g}: a "
            f"window of {n} frames lasts {n / self._fps:.2g} s instead of {n / usual:.2g} s"
        )
