"""The classes that a fold's training clips teach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from microexpr.errors import DataError
from microexpr.training.store import FeatureStore


def class_indices(store: FeatureStore, labels: Sequence[str]) -> np.ndarray:
    """Number the clips' labels, int64, (clips,).

    Raises
    ------
    DataError
        On a label that is not in `labels`.
    """
    for clip_id, label in zip(store.clip_ids, store.labels, strict=True):
        if label not in labels:
            raise DataError(f"clip {clip_id}: label {label!r} is not in data.labels {list(labels)}")
    return np.array([labels.index(label) for label in store.labels], dtype=np.int64)


def permuted(classes: np.ndarray, clips: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let the classes of some clips change places: what is then learnt says nothing of others.

    Parameters
    ----------
    classes : ndarray, shape (clips,), int64
        Of all clips; copied.
    clips : ndarray, shape (B,), int64
        Training clips of a fold. The other clips, which are tested, keep their class.
    rng : numpy.random.Generator
        Where the permutation comes from.
    """
    changed = classes.copy()
    changed[clips] = rng.permutation(classes[clips])
    return changed


def class_weights(classes: np.ndarray, n_classes: int) -> Tensor:
    """Inverse frequencies of the classes, float32; their mean over the clips given is 1.

    Parameters
    ----------
    classes : ndarray, shape (clips,), int64
        Of the training clips only.
    n_classes : int
        Classes; one that does not occur gets weight 0.
    """
    counts = np.bincount(classes, minlength=n_classes)
    present = counts > 0
    weights = np.zeros(n_classes, np.float32)
    weights[present] = len(classes) / (present.sum() * counts[present])
    return torch.from_numpy(weights)
