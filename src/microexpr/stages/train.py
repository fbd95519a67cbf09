"""Stages split and train: which clips each fold tests, and the training of some folds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from microexpr.config import Config, Data, Evaluate, KeyFrames, Protocol, Train
from microexpr.config.base import Only, Settings, Without
from microexpr.config.training import InnerTrainingSettings, TrainingSettings
from microexpr.fingerprints.code import Code
from microexpr.stages import FeatureCaches, Folds, Manifest, Option, Reads, Writes
from microexpr.studies.variants import controls_trained
from microexpr.training.controls import controlled


class SplitSettings(Settings):
    """What the folds follow from."""

    data: Annotated[Data, Only("labels")]
    protocol: Annotated[Protocol, Without("clip_decision")]


def split(
    settings: SplitSettings,
    *,
    manifest: Manifest,
    sources: Annotated[
        Sequence[Path], Reads("records of the decoded frames: all shards (.json)")
    ] = (),
    folds: Annotated[Path, Writes("folds.csv")],
) -> None:
    """Choose the fold in which each clip is tested.

    ProtocolError: these clips cannot be split so, or a subject, or a clip under two names, would be
    trained on and tested. Two clips with the same frames are one clip under two names.
    """
    import logging

    from microexpr.datasets.manifest import read, twice
    from microexpr.datasets.sources import decoded_frames
    from microexpr.protocol import write_folds
    from microexpr.protocol.splits import folds_of

    clips = read(manifest)
    frames = decoded_frames(sources)
    made = folds_of(settings.protocol, settings.data.labels, clips, frames)
    for sentence in twice(clips, frames):
        logging.getLogger(__name__).warning("%s", sentence)
    write_folds(folds, clips, made)


class TrainSettings(TrainingSettings):
    """What training follows from."""

    train: Train
    key_frames: Annotated[KeyFrames, Only("onset_error", "offset_error")]

    @classmethod
    def variant(cls, config: Config, *, inner: bool = False, **chosen: Any) -> type[TrainSettings]:
        """Return what is read; the inner folds where something is chosen on them."""
        return InnerSettings if inner or config.select.epoch == "nested" else TrainSettings


class InnerSettings(InnerTrainingSettings, TrainSettings):
    """The same with inner folds, on which N, alpha or the epoch is chosen."""

    train: Train


class ControlSettings(InnerSettings):
    """The same with the controls that are trained."""

    evaluate: Annotated[Evaluate, Only("controls", "permutations")]

    @classmethod
    def variant(cls, config: Config, **chosen: Any) -> type[ControlSettings]:
        """Return what is read, whether something is chosen on inner folds or not."""
        return cls


Chunk = Annotated[int, Option("which of train.chunks: folds chunk, chunk + chunks, ...")]


def train(
    settings: TrainSettings,
    *,
    features: FeatureCaches,
    folds: Folds,
    manifest: Manifest,
    predictions: Annotated[
        Sequence[Path], Writes("predictions (.csv) of each N; the epochs' log beside, .epochs.csv")
    ],
    models: Annotated[Path | None, Writes("folder that keeps each fold's model [none]")] = None,
    method: Annotated[str, Option("name of the method in the predictions")],
    n: Annotated[Sequence[int], Option("frames per window, one or more")],
    chunk: Chunk = 0,
    inner: Annotated[
        bool, Option("train on inner folds of each fold's training part", decisive=True)
    ] = False,
    device: str = "cpu",
) -> None:
    """Train and test some folds of one method, for each N.

    ConfigError: not as many files of predictions as N.
    """
    from microexpr.errors import ConfigError

    if len(n) != len(predictions):
        raise ConfigError(f"--predictions: {len(n)} files are needed, one for each N")
    runs = [(settings, method, size, file) for size, file in zip(n, predictions, strict=True)]
    code = Code("train", network=settings.features.backbone).accepted
    _train(settings, features, folds, manifest, runs, code, models, chunk, inner, device)


def train_controls(
    settings: ControlSettings,
    *,
    features: FeatureCaches,
    folds: Folds,
    manifest: Manifest,
    predictions: Annotated[
        Sequence[Path], Writes("predictions (.csv) of each control; the epochs' log beside")
    ],
    method: Annotated[str, Option("method beside which the controls stand")],
    n: Annotated[int, Option("frames per window")],
    chunk: Chunk = 0,
    device: str = "cpu",
) -> None:
    """Train and test the controls of one method on some folds."""
    names = controls_trained(settings.evaluate.controls)
    times = settings.evaluate.permutations
    runs = [
        (controlled(settings, name, times), f"{method}-{name}", n, file)
        for name, file in zip(names, predictions, strict=True)
    ]
    code = Code("train_controls", network=settings.features.backbone).accepted
    _train(settings, features, folds, manifest, runs, code, None, chunk, False, device)


def _train(  # noqa: PLR0917 (as the two stages have them)
    settings: TrainSettings,
    features: FeatureCaches,
    folds: Folds,
    manifest: Manifest,
    runs: Sequence[tuple[TrainSettings, str, int, Path]],
    code: str,
    models: Path | None,
    chunk: int,
    inner: bool,
    device: str,
) -> None:
    """Train runs, each with its settings, name, N and file, on the same caches and folds."""
    from microexpr.training import chunks
    from microexpr.training.store import open_features
    from microexpr.training.windows import with_errors

    errors = settings.key_frames
    with open_features(features, manifest) as store:
        chunks.check_features(settings.features, store)
        chosen = chunks.folds_of_chunk(
            settings, folds, store, chunk=chunk, chunks=settings.train.chunks, inner=inner
        )
        frames = with_errors(store, onset=errors.onset_error, offset=errors.offset_error)
        for own, name, n, file in runs:
            chunks.train_folds(
                own,
                frames,
                chosen,
                file,
                method=name,
                n=n,
                source_sha256=code,
                models=models,
                device=device,
            )
