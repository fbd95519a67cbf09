"""A stream of frames cut into overlapping pieces, and the class probabilities of each.

Only crops are kept: memory depends on length and step of the pieces, not on the video.
"""

from dataclasses import dataclass, field

import numpy as np

from microexpr.apps.predict.exported_model import Exported
from microexpr.backbones.base import frame_features
from microexpr.config import Crop
from microexpr.errors import DataError
from microexpr.face.detection import Detection
from microexpr.face.transform import CropTransform, clip_transform
from microexpr.magnify.stream import magnified_pixels
from microexpr.training.model import decide, softmax
from microexpr.training.store import FeatureStore
from microexpr.training.windows import windows

WHAT = (
    "Recognition of a given clip, not spotting: the model says which class fits best, not whether "
    "a micro-expression is there."
)


@dataclass
class Piece:
    """Consecutive frames that get one prediction; the arrays (T,) are there when it is complete."""

    index: int  # from 0
    first: int  # its first frame in the video
    seen: list[tuple[int, float, bool]] = field(default_factory=list)  # number, time, face
    waiting: list[np.ndarray] = field(default_factory=list)  # frames before the transform is fixed
    found: list[Detection] = field(default_factory=list)
    crops: list[np.ndarray] = field(default_factory=list)  # (y, x, 3) uint8; none without a face
    transform: CropTransform | None = None
    problem: str = ""  # why there is no prediction; empty when there is one
    number: np.ndarray = field(init=False)  # of the frames, as decoded
    time: np.ndarray = field(init=False)  # s
    detected: np.ndarray = field(init=False)  # whether the frame shows a face

    def __len__(self) -> int:
        return len(self.seen)

    @property
    def frames(self) -> str:
        """The numbers of the first and the last frame, for people."""
        return f"frames {self.seen[0][0]}-{self.seen[-1][0]}"


def stretches(number: np.ndarray, chosen: np.ndarray) -> list[tuple[int, int]]:
    """Return the first and last number of each run of chosen frames; both (T,), int and bool."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]])))
    return list(zip(number[edges[::2]].tolist(), number[edges[1::2] - 1].tolist(), strict=True))


class Cutter:
    """Cuts a video into pieces of `length` frames, `step` apart; the last one may be shorter."""

    def __init__(self, name: str, settings: Crop, *, length: int, step: int) -> None:
        self._name, self._settings, self._length, self._step = name, settings, length, step
        self._open: list[Piece] = []
        self._frames = self._started = self._covered = 0

    def add(
        self, rgb: np.ndarray, number: int, time: float, face: Detection | None
    ) -> Piece | None:
        """Take the next frame (y, x, 3) uint8; return the piece that it completes."""
        if self._frames % self._step == 0:
            self._open.append(Piece(self._started, self._frames))
            self._started += 1
        self._frames += 1
        for piece in self._open:
            piece.seen.append((number, time, face is not None or self._settings.detector == "none"))
            self._extend(piece, rgb, face)
        return self._close() if len(self._open[0]) == self._length else None

    def finish(self) -> Piece | None:
        """Return what is left at the end; None where complete pieces hold it."""
        new = self._open and self._open[0].first + len(self._open[0]) > self._covered
        return self._close() if new else None

    def _extend(self, piece: Piece, rgb: np.ndarray, face: Detection | None) -> None:
        if piece.transform is not None:
            piece.crops.append(piece.transform.apply(rgb[None])[0])
        elif not piece.problem:
            piece.waiting.append(rgb)
            piece.found += [face] if face is not None else []
            if len(piece.waiting) == self._settings.first_frames:
                self._fix(piece)

    def _fix(self, piece: Piece) -> None:
        first = np.stack(piece.waiting)
        piece.waiting.clear()
        try:
            piece.transform = clip_transform(self._name, first.shape, piece.found, self._settings)
        except DataError:
            piece.problem = (
                f"no face in {piece.frames} (crop.first_frames {self._settings.first_frames}, "
                f"crop.min_score {self._settings.min_score})"
            )
        else:
            piece.crops += list(piece.transform.apply(first))

    def _close(self) -> Piece:
        piece = self._open.pop(0)
        self._covered = piece.first + len(piece)
        if piece.waiting:
            self._fix(piece)
        piece.number, piece.time, piece.detected = map(np.array, zip(*piece.seen, strict=True))
        if not piece.problem and piece.detected.mean() < self._settings.min_detected:
            piece.problem = (
                f"a face in {piece.detected.sum()} of {piece.frames}, "
                f"crop.min_detected asks for {self._settings.min_detected:.0%}"
            )
        return piece


@dataclass(frozen=True)
class Prediction:
    """Class probabilities of a piece, float64."""

    piece: Piece
    windows: np.ndarray  # (W, N) int64, frames as indices into the piece; whole_clip: all, once
    of_windows: np.ndarray  # (W, K)
    of_piece: np.ndarray  # (K,), the decision over the windows; nan without one
    predicted: int  # class; -1 where there is none
    fps: float  # frames/s; nan where unknown
    problem: str = ""  # why there is none


def recognise(exported: Exported, piece: Piece, *, name: str, fps: float) -> Prediction:
    """Predict the class of a piece, or say why not; MicroexprError: no piece can be predicted."""
    problem, how = piece.problem, exported.config.protocol.clip_decision
    if not problem:
        try:
            rows, logits = _window_logits(exported, _features(exported, piece, fps), name)
        except DataError as error:
            problem = f"{piece.frames}: {error}"
        else:
            probabilities, predicted = decide(logits, rows[:, -1], how)
            return Prediction(piece, rows, softmax(logits), probabilities, predicted, fps)
    none, nothing = np.empty((0, 1), np.int64), np.full((1, len(exported.labels)), np.nan)
    return Prediction(piece, none, nothing[:0], nothing[0], -1, np.nan, problem)


def _features(exported: Exported, piece: Piece, fps: float) -> np.ndarray:
    """Magnify the crops and run the frozen blocks, (T, C, h, w), as the caches hold them."""
    config, method = exported.config, exported.config.model.method
    pixels, device = np.stack(piece.crops), exported.device
    if method != "none":
        pixels = magnified_pixels(
            pixels, fps=fps, settings=config.magnify, method=method, device=device
        )
    return frame_features(pixels, exported.network, config.features, device)


def _window_logits(
    exported: Exported, features: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return windows (W, N) and their logits (W, K)."""
    config, model = exported.config, exported.model
    if config.protocol.clip_decision == "whole_clip":
        rows = np.arange(len(features))[None]
    else:
        how, n = config.windows, config.model.n
        rows = windows(len(features), n, modes=how.modes, even=how.even, short=how.short)
        if not len(rows):
            raise DataError(f"{len(features)} frames hold no window of {n}")
    store = FeatureStore.from_arrays({name: features}, subjects=[name], labels=[name])
    return rows, model.logits(model.frames(store), [rows])[0]
