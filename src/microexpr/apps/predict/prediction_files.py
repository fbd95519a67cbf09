"""The files of a clip's predictions, written piece by piece, and their sum over the clip."""

import csv
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np

from microexpr.apps.predict.exported_model import Exported
from microexpr.apps.predict.pieces import Prediction, stretches
from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError
from microexpr.runtime.files import replacing
from microexpr.runtime.notices import notice

log = logging.getLogger(__name__)
_json = partial(json.dumps, ensure_ascii=False)
WINDOWS, PIECES, JSON, VIDEO = ".windows.csv", ".pieces.csv", ".json", ".mp4"
PER_CLASS, DECIMALS = "probabilities", 6
WINDOW_KEYS = (
    *("piece", "window", "first_frame", "last_frame", "step", "first_s", "last_s"),
    *("frames_without_face", "predicted"),
)
SUMS = ("frames", "frames_without_face", "seconds", "fps", "pieces", "pieces_predicted", "windows")
SAME_RATE = 0.05  # share of a frame rate


def probabilities(labels: Sequence[str], values: np.ndarray) -> dict[str, float | None]:
    """Return the probabilities by class; None where there is no prediction."""
    rounded = [None if np.isnan(p) else round(float(p), DECIMALS) for p in values]
    return dict(zip(labels, rounded, strict=True))


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a table, with the probability of each class in a column of its own."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        several = {f"p_{label}": p for label, p in value.items()} if key == PER_CLASS else None
        found |= several or {key: value}
    return found


def _piece_row(found: Prediction, labels: Sequence[str]) -> dict[str, Any]:
    piece = found.piece
    return {
        "piece": piece.index,
        "first_frame": int(piece.number[0]),
        "last_frame": int(piece.number[-1]),
        "first_s": round(float(piece.time[0]), 4),
        "last_s": round(float(piece.time[-1]), 4),
        "frames": len(piece),
        "frames_without_face": int((~piece.detected).sum()),
        "fps": None if np.isnan(found.fps) else round(found.fps, 3),
        "windows": len(found.windows),
        "predicted": "" if found.predicted < 0 else labels[found.predicted],
        PER_CLASS: probabilities(labels, found.of_piece),
        "problem": found.problem,
    }


def _window_rows(found: Prediction, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the windows of a piece; frames are numbers of the source."""
    piece = found.piece
    for index, (rows, values) in enumerate(zip(found.windows, found.of_windows, strict=True)):
        cells = (
            piece.index,
            index,
            int(piece.number[rows[0]]),
            int(piece.number[rows[-1]]),
            int(rows[-1] - rows[-2]),
            round(float(piece.time[rows[0]]), 4),
            round(float(piece.time[rows[-1]]), 4),
            int((~piece.detected[np.unique(rows)]).sum()),
            labels[int(values.argmax())],
        )
        row: dict[str, Any] = dict(zip(WINDOW_KEYS, cells, strict=True))
        yield row | {PER_CLASS: probabilities(labels, values)}


def crop_corners(found: Prediction) -> np.ndarray | None:
    """Return the corners of the crop in the frame, (4, 2) px, clockwise; None without a face."""
    transform = found.piece.transform
    if transform is None:
        return None
    far = transform.size_px - 0.5
    square = np.array([[-0.5, -0.5], [far, -0.5], [far, far], [-0.5, far]])
    back = cv2.invertAffineTransform(transform.matrix)
    return square @ back[:, :2].T + back[:, 2]


class ClipFiles:
    """The open files of one clip, and their sum; made by :func:`writing`."""

    def __init__(self, exported: Exported, clip: Clip, files: Sequence[IO[str]]) -> None:
        self._exported, self._clip = exported, clip
        self._document, windows, pieces = files
        self._windows, self._pieces = csv.writer(windows), csv.writer(pieces)
        self._empty = True
        self._document.write('{\n"pieces": [')
        self._sum, self._only, self._problem = np.zeros(len(exported.labels)), -1, ""
        self._row: dict[str, Any] = {"clip": clip.clip_id, "source": clip.source}
        self._row |= dict.fromkeys(SUMS, 0)

    def add(self, found: Prediction) -> None:
        """Write the next piece and its windows."""
        self._sum_up(found)
        labels, name = self._exported.labels, self._clip.clip_id
        piece = _piece_row(found, labels)
        windows = list(_window_rows(found, labels))
        if self._empty:
            p_columns = [f"p_{label}" for label in labels]
            self._windows.writerow(["clip", *WINDOW_KEYS, *p_columns])
            self._pieces.writerow(["clip", *flat(piece)])
        self._pieces.writerow([name, *flat(piece).values()])
        self._windows.writerows([name, *flat(row).values()] for row in windows)
        corners = crop_corners(found)
        del piece["windows"]  # their number; the list is the last entry
        piece |= {
            "without_face": stretches(found.piece.number, ~found.piece.detected),
            "crop_px": None if corners is None else corners.round(2).tolist(),
            "windows": windows,
        }
        self._document.write(("\n" if self._empty else ",\n") + _json(piece))
        self._empty = False

    def _sum_up(self, found: Prediction) -> None:
        piece, row = found.piece, self._row
        known = row["frames"] - piece.first  # frames that the piece before held as well
        absent = ~piece.detected[known:]
        row["frames"] += len(absent)
        row["frames_without_face"] += int(absent.sum())
        for start, stop in stretches(piece.number[known:], absent):
            log.info("%s: no face in frames %d-%d", self._clip.clip_id, start, stop)
        row["pieces"] += 1
        row["seconds"] = round(float(piece.time[-1]), 4)
        if found.problem:
            self._problem = self._problem or found.problem
            log.warning("%s: no prediction: %s", self._clip.clip_id, found.problem)
            return
        if not row["pieces_predicted"]:
            row["fps"] = round(found.fps, 3)
            self._compare_rates(found.fps)
        row["pieces_predicted"] += 1
        row["windows"] += len(found.windows)
        self._sum += found.of_piece
        self._only = found.predicted

    def finish(self, rest: dict[str, Any]) -> None:
        """Complete the JSON document."""
        self._document.write("\n]")
        for key, value in rest.items():
            self._document.write(f",\n{_json(key)}: {_json(value)}")
        self._document.write("\n}\n")

    def row(self) -> dict[str, Any]:
        """Return the clip's row; DataError when no piece has a prediction."""
        if not (predicted := self._row["pieces_predicted"]):
            raise DataError(f"clip {self._clip.clip_id}: {self._problem or 'no frame'}")
        labels, mean = self._exported.labels, self._sum / predicted
        best = self._only if predicted == 1 else int(mean.argmax())
        return self._row | {"predicted": labels[best], PER_CLASS: probabilities(labels, mean)}

    def _compare_rates(self, fps: float) -> None:
        trained = self._exported.about["trained_on"]["fps"]
        low, high = trained["min"] * (1 - SAME_RATE), trained["max"] * (1 + SAME_RATE)
        if low <= fps <= high:
            return
        n, usual = self._exported.config.model.n, trained["median"]
        notice(
            f"{self._clip.clip_id}: {fps:.4g} frames/s, the model was trained at {usual:g}: a "
            f"window of {n} frames lasts {n / fps:.2g} s instead of {n / usual:.2g} s"
        )


@contextmanager
def writing(folder: Path, exported: Exported, clip: Clip) -> Iterator[ClipFiles]:
    """Open the tables and the document of a clip; they appear together, the document last."""
    with ExitStack() as appear, ExitStack() as close:  # all are closed before the first appears
        files = []
        for suffix in (JSON, WINDOWS, PIECES):
            path = appear.enter_context(replacing(folder / f"{clip.clip_id}{suffix}"))
            opened = path.open("w", newline="", encoding="utf-8")
            files.append(close.enter_context(opened))
        yield ClipFiles(exported, clip, files)
