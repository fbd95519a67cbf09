"""The folds of a data set under the configured protocol."""

from __future__ import annotations

from collections.abc import Sequence

from microexpr.config import Config
from microexpr.datasets.manifest import Clip, originals
from microexpr.protocol.guards import Fold
from microexpr.protocol.splits import make_folds


def folds_of(config: Config, clips: Sequence[Clip]) -> list[Fold]:
    """Split the clips of a data set and check the split.

    Parameters
    ----------
    config : Config
        Section ``protocol`` and ``data.labels``.
    clips : sequence of Clip
        The data set. The folds hold indices into it.

    Raises
    ------
    ProtocolError
        When these clips cannot be split so, or a subject, or a clip under two names, would be
        trained on and tested.
    DataError
        When a label is not among ``data.labels``.
    """
    protocol = config.protocol
    return make_folds(
        [clip.clip_id for clip in clips],
        [clip.subject for clip in clips],
        [clip.label for clip in clips],
        name=protocol.name,
        classes=config.data.labels,
        folds=protocol.folds,
        test_share=protocol.test_share,
        seed=protocol.seed,
        sources=originals(clips),
    )
