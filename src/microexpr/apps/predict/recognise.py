"""From a piece of video to class probabilities: the pipeline's own way, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microexpr.apps.predict.exported_model import Exported
from microexpr.apps.predict.video_pieces import Piece
from microexpr.backbones.base import batch_frames, frame_features
from microexpr.errors import DataError, MicroexprError
from microexpr.magnify.clip_pixels import magnified_pixels
from microexpr.training.model import decide, softmax
from microexpr.training.store import FeatureStore
from microexpr.training.windows import windows
from microexpr.video.time_axis import frame_rate

WHAT = (
    "Recognition of a given clip, not spotting: the model says which class fits best, not whether "
    "a micro-expression is there."
)


@dataclass(frozen=True)
class Prediction:
    """Class probabilities of a piece.

    Parameters
    ----------
    piece : Piece
    windows : ndarray, shape (W, N), int64
        Frames of each window, as indices into the piece; with ``whole_clip`` all of them, once.
    of_windows, of_piece : ndarray, shape (W, K) and (K,), float64
        Probabilities of the windows, and the decision over them; nan without one.
    predicted, problem : int, str
        Class; -1 where there is none, and why.
    fps : float
        Frames/s; nan where unknown.
    """

    piece: Piece
    windows: np.ndarray
    of_windows: np.ndarray
    of_piece: np.ndarray
    predicted: int
    fps: float
    problem: str = ""


def recognise(exported: Exported, piece: Piece, *, name: str, fps: float = 0.0) -> Prediction:
    """Predict the class of a piece; where that is not possible, the prediction says why.

    Parameters
    ----------
    exported, piece : Exported, Piece
    name, fps : str, float
        Of the clip; 0: the rate follows from the time stamps.

    Raises
    ------
    MicroexprError
        When no piece of such a video can be predicted: its frame rate is too low for the passband.
    """
    classes = len(exported.labels)
    if piece.problem:
        return _nothing(piece, classes, piece.problem)
    try:
        fps = fps or frame_rate(piece.time)
        rows, logits = _window_logits(exported, piece_features(exported, piece, fps), name)
    except DataError as error:
        return _nothing(piece, classes, f"frames {piece.number[0]}-{piece.number[-1]}: {error}")
    except MicroexprError as error:
        raise type(error)(f"clip {name}: {error}") from None
    decision = exported.config.protocol.clip_decision
    probabilities, predicted = decide(logits, rows[:, -1], decision)
    return Prediction(piece, rows, softmax(logits), probabilities, predicted, fps)


def piece_features(exported: Exported, piece: Piece, fps: float) -> np.ndarray:
    """Magnify the crops and run the frozen blocks, (T, C, h, w), as the caches hold them."""
    config, method = exported.config, exported.config.model.method
    pixels, device = piece.crops, exported.device
    assert pixels is not None, piece.problem
    if method != "none":
        pixels = magnified_pixels(
            pixels, fps=fps, settings=config.magnify, method=method, device=device
        )
    batch = batch_frames(config.features, device)
    return np.concatenate(
        [
            frame_features(pixels[start : start + batch], exported.network, config.features, device)
            for start in range(0, len(pixels), batch)
        ]
    )


def _window_logits(
    exported: Exported, features: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return windows (W, N) and their logits (W, K)."""
    config, model = exported.config, exported.model
    if config.protocol.clip_decision == "whole_clip":
        rows = np.arange(len(features))[None]
    else:
        options, n = config.windows, config.model.n
        rows = windows(
            len(features), n, modes=options.modes, even=options.even, short=options.short
        )
        if not len(rows):
            raise DataError(f"{len(features)} frames hold no window of {n}")
    store = FeatureStore.from_arrays({name: features}, subjects=[name], labels=[name])
    return rows, model.logits(model.frames(store), [rows])[0]


def _nothing(piece: Piece, classes: int, problem: str) -> Prediction:
    nan = np.full(classes, np.nan)
    none = np.empty((0, 1), np.int64)
    return Prediction(piece, none, np.empty((0, classes)), nan, -1, np.nan, problem)
