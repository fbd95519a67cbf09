"""Section ``protocol``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from microexpr.config.base import Section


class ProtocolName(Section):
    """Which protocol."""

    name: Literal["loso", "group_kfold", "clip_kfold", "holdout", "official"] = Field(
        "loso",
        description="loso: leave one subject out; group_kfold: folds of subjects; clip_kfold: "
        "folds of clips as in the 2020 code, the same subjects are in training and test; holdout: "
        "one share of the subjects; official: the data set's own split, as DFME has one",
    )


class Seed(Section):
    """The seed of random splits."""

    seed: int = Field(42, ge=0, description="seed of random splits")


class RandomFolds(Seed):
    """A number of random folds."""

    folds: int = Field(5, ge=2, description="number of folds of group_kfold and clip_kfold")


class Split(RandomFolds, ProtocolName):
    """How the clips are split."""

    test_share: float = Field(
        0.2, gt=0, lt=1, description="share of the subjects that holdout tests"
    )


class Decision(Section):
    """How windows give one prediction per clip."""

    clip_decision: Literal["mean_softmax", "majority", "whole_clip", "last_window"] = Field(
        "mean_softmax", description="how windows give one prediction per clip"
    )


class Protocol(Decision, Split):
    """Which clips are used for training and which for testing."""


class TestedClips(Decision, ProtocolName):
    """The name of the protocol, and how clips are decided."""


class InnerTestedClips(TestedClips, Seed):
    """The same with the seed of inner folds."""
