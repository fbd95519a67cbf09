"""The system VGGFace2 + Bi-LSTM."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from microexpr.baselines import OwnNetworkSettings
from microexpr.baselines.base import System
from microexpr.datasets.manifest import Clip
from microexpr.protocol import Fold
from microexpr.protocol.predictions import ClipPredictions
from microexpr.training.chunks import fine_tuned_blocks
from microexpr.training.feature_modes import pooled_frames, pooled_sums
from microexpr.training.fold import TrainingInputs, fold_training
from microexpr.training.store import FeatureStore, open_features
from microexpr.training.windows import Recipe


class VGGFace2BiLSTM(System):
    """VGGFace2 + Bi-LSTM: the pipeline's own method ``none``, with no block fine-tuned.

    Bai and Goecke, ICMI 2020 Companion, doi:10.1145/3395035.3425248. Specified, by the paper and
    the first author's code: pooled features of a VGGFace2 ResNet-50 (no layer of it is trained,
    although the text says so), windows of N frames, one bidirectional LSTM. Inferred, so that
    nothing but magnification separates it from the method it is compared with: all else of this
    pipeline, and the N of ``compare.against``; features as they are, not their difference from the
    onset.
    """

    name = "vggface2_bilstm"

    def __init__(self, settings: OwnNetworkSettings, device: str) -> None:
        self.labels, self.frames = tuple(settings.data.labels), settings.compare.against.n
        self._features, self._device = settings.features, device
        self._recipe = Recipe(
            labels=self.labels,
            n=self.frames,
            feature_mode="raw",
            seed=0,
            windows=settings.windows,
            train=settings.train,
            clip_decision=settings.protocol.clip_decision,
        )

    def settings(self) -> dict[str, Any]:
        """Return the settings that results depend on."""
        return self._recipe.plain() | {"device": self._device}

    def examples(self, caches: Sequence[Path], clips: Sequence[Clip], folder: Path) -> FeatureStore:
        """Read the feature caches of method ``none``; frozen blocks above the cut pool them."""
        fine_tuned = fine_tuned_blocks(self._features, self._device)
        with open_features(caches, clips) as store:
            pooled = {
                clip_id: np.concatenate(list(pooled_frames(store, fine_tuned, clip, self._device)))
                for clip, clip_id in enumerate(store.clip_ids)
            }
            return FeatureStore.from_arrays(
                {clip_id: frames[..., None, None] for clip_id, frames in pooled.items()},
                subjects=store.subjects,
                labels=store.labels,
            )

    def each_epoch(
        self, examples: FeatureStore, folds: Sequence[Fold], *, seed: int
    ) -> Iterator[list[ClipPredictions]]:
        """Yield the predictions of a fold after each epoch."""
        (fold,), recipe = folds, replace(self._recipe, seed=seed)
        windows, pooled = recipe.window_table(examples), pooled_sums(examples, None, self._device)
        inputs = TrainingInputs(examples, pooled, windows, None, self._device)
        with fold_training(inputs, fold, recipe) as training:
            for _ in training.epochs:
                yield [training.predict(windows, fold.test)]
