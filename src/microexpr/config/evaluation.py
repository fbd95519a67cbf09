"""Sections ``protocol`` and ``evaluate``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from microexpr.config.base import Section


class Protocol(Section):
    """Who is trained on and who is tested."""

    name: Literal["loso", "group_kfold", "clip_kfold", "holdout"] = Field(
        "loso",
        description="loso: one subject out; group_kfold: folds of subjects; clip_kfold: the 2020 "
        "code's folds of clips, subjects leak; holdout: one share of the subjects",
    )
    folds: int = Field(5, ge=2, description="of group_kfold and clip_kfold")
    test_share: float = Field(0.2, gt=0, lt=1, description="of holdout")
    seed: int = Field(42, ge=0, description="of the splits that draw")
    clip_decision: Literal["mean_softmax", "majority", "whole_clip", "last_window"] = Field(
        "mean_softmax", description="from windows to one answer a clip"
    )


class Evaluate(Section):
    """Numbers and their intervals."""

    bootstrap: int = Field(2000, ge=100, description="resamples of the subjects")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals")
    seed: int = Field(0, ge=0, description="of the bootstrap and the random control")
    controls: list[Literal["single_frame", "permuted_labels"]] = Field(
        ["single_frame", "permuted_labels"],
        description="controls that are trained, on the method and N of section ablation; "
        "single_frame: the middle frame alone; permuted_labels: labels of training clips that "
        "changed places",
    )
    permutations: int = Field(3, ge=1, description="runs of permuted_labels")
