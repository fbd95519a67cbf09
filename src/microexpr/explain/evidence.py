"""What a map explains: the score, as its gradient with respect to each frame's pooled features."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from microexpr.training.model import WindowClassifier
from microexpr.training.readings import FrameReading, PooledSums
from microexpr.training.trained import TrainedModel


def apex_window(apex: int, length: int, n: int) -> np.ndarray:
    """Index the N consecutive frames around the apex.

    Parameters
    ----------
    apex : int
        Frame number from 0.
    length : int
        Frames of the clip.
    n : int
        Frames of the window; a shorter clip repeats its first frame in front, as in training.

    Returns
    -------
    ndarray, shape (N,), int64
        Non-decreasing frame numbers.
    """
    if length < n:
        return np.maximum(np.arange(n) - (n - length), 0)
    start = min(max(apex - n // 2, 0), length - n)
    return start + np.arange(n)


def class_gradient(model: TrainedModel, pooled: Tensor, windows: Tensor, target: int) -> Tensor:
    """Differentiate the logit of a class, the mean over windows, before the softmax.

    Parameters
    ----------
    model : TrainedModel
        On the CPU: cuDNN differentiates an LSTM in training mode only.
    pooled : Tensor, shape (F, C), float32
        Pooled features; the first row is the clip's first frame.
    windows : Tensor, shape (W, N), int64
        Rows of `pooled`.
    target : int
        Class.

    Returns
    -------
    Tensor, shape (F, C), float32
        Each frame's own part: the onset that is subtracted from all of them counts as constant, or
        the first frame's map would outshine all others.
    """
    model.classifier.eval()
    features = pooled.detach().cpu().float().requires_grad_(True)
    with torch.enable_grad():
        frames = model.reading(features, features.detach()[:1].expand_as(features))
        score = model.classifier(frames, windows).mean(0)[target]
        return torch.autograd.grad(score, features)[0]


def strongest_unit(pooled: Tensor) -> Tensor:
    """Gradient of each frame's strongest pooled unit, (F, C): the target before training."""
    return torch.zeros_like(pooled).scatter_(1, pooled.argmax(1, keepdim=True), 1.0)


def untrained(model: TrainedModel, pooled: Tensor, seed: int) -> TrainedModel:
    """Give a model of the same shape whose classifier has new random weights.

    Parameters
    ----------
    model : TrainedModel
        Gives the shape and the reading.
    pooled : Tensor, shape (F, C)
        Features that the new model is to read, the clip's first frame first: its scale follows
        them.
    seed : int
        Of the weights; torch's global generator stays as it is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = WindowClassifier(**model.classifier.settings)
    reading = "onset_difference" if model.reading.difference else "raw"
    sums = PooledSums.of([[pooled]], 1)
    scale = FrameReading.fit(reading, sums, [0], standardise=True)
    return TrainedModel(scale, classifier.eval(), None)
