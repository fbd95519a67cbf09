"""What is known of a clip while its pieces are answered: sums only, whatever its length."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from microexpr.errors import DataError
from microexpr.media.notices import notice
from microexpr.prediction import outputs
from microexpr.prediction.exported import Exported
from microexpr.prediction.pieces import stretches
from microexpr.prediction.recognise import Answer
from microexpr.prediction.sources import Source

log = logging.getLogger(__name__)
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
