"""Stages of two studies: scores under other folds and seeds, and under errors of key frames."""

from pathlib import Path
from typing import Annotated

from microexpr.config import KeyFrames, Train
from microexpr.config.base import Only, Without
from microexpr.config.evaluation import TableSettings
from microexpr.stages import Manifest, Reads, Writes
from microexpr.studies.variants import systems_with_errors, with_errors


class TabulateKeyFramesSettings(TableSettings):
    """What the table follows from."""

    train: Annotated[Train, Only("feature_modes")]
    key_frames: Annotated[KeyFrames, Without("onset_error", "apex_error", "offset_error")]


def tabulate_noise_floor(
    settings: TableSettings,
    *,
    predictions: Annotated[list[Path], Reads("predictions of all methods and draws (.csv)")],
    manifest: Manifest,
    table: Annotated[Path, Writes("noise_floor.csv")],
) -> None:
    """Tabulate how scores spread over folds and seeds that were drawn again."""
    from microexpr.evaluation.pooled import Basis
    from microexpr.protocol.predictions import read
    from microexpr.runtime.tables import write_table
    from microexpr.studies.robustness import noise_floor

    frame = read(predictions, settings.data.labels)
    write_table(table, noise_floor(frame, Basis.of(settings, manifest)))


def tabulate_key_frames(
    settings: TabulateKeyFramesSettings,
    *,
    predictions: Annotated[list[Path], Reads("predictions of all methods and systems (.csv)")],
    manifest: Manifest,
    table: Annotated[Path, Writes("key_frames.csv; key_frames.pdf and .png are written beside it")],
) -> None:
    """Tabulate and draw the accuracy under errors of onset, apex and offset."""
    from microexpr.evaluation.pooled import Basis
    from microexpr.figures.tables import draw_key_frames
    from microexpr.protocol.predictions import read
    from microexpr.runtime.tables import write_table
    from microexpr.studies.robustness import key_frame_table

    names: dict[str, list[str]] = {}
    for run in with_errors(settings.key_frames):
        names.setdefault(run.method, []).append(run.variant)
    frame = read(predictions, settings.data.labels)
    other = frame["feature_mode"] != settings.train.feature_modes[0]
    ours = frame["method"].str.partition("-")[0].isin(names)
    names |= systems_with_errors(settings.key_frames)
    found = key_frame_table(frame[~(ours & other)], Basis.of(settings, manifest), names)
    draw_key_frames(found, [table.with_suffix(suffix) for suffix in (".pdf", ".png")])
    write_table(table, found)
