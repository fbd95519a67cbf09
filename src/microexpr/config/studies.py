"""Sections ``compare``, ``ablation`` and ``leak``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from microexpr.config.base import MethodName, Section, SystemName, made
from microexpr.config.training import FeatureMode
from microexpr.runtime.registry import resolve

Changes = dict[str, dict[str, Any]]
# What a level may change: the crops, folds and decisions are the same in all rows.
NetworkChanges = dict[Literal["features", "train"], dict[str, Any]]


class Ablation(Section):
    """One factor at a time from one method that is fixed in advance: results/ablation.csv."""

    method: MethodName = Field(
        "pmm", description="the method, under the first of train.feature_modes"
    )
    n: int = Field(14, ge=2, description="its frames a window")
    weights: dict[Literal["vggface2", "imagenet", "random"], NetworkChanges | None] = Field(
        {}, description="other weights, each with what it changes here; null: no such row"
    )
    blocks: dict[Literal["retrained", "frozen"], NetworkChanges | None] = Field(
        {},
        description="what retraining blocks, or freezing all of them, changes; null: no row",
    )


class Leak(Section):
    """The same clips split by window, by clip and by subject: results/figures/leak.pdf."""

    methods: list[MethodName] = Field(["none", "pmm"], min_length=1, description="methods shown")
    n: int = Field(14, ge=2, description="frames a window")
    feature_mode: FeatureMode = Field("raw", description="raw, as on the poster, shows who it is")
    test_share: float = Field(
        0.2, gt=0, lt=1, description="of the windows, held out of the training clips of a fold"
    )


class Against(Section):
    """The method that the systems are compared with: fixed in advance, never the best cell."""

    method: MethodName = Field(
        "pmm", description="our method, under the first of train.feature_modes"
    )
    n: int = Field(14, ge=2, description="its frames a window; also those of vggface2_bilstm")


def _own_systems() -> list[str]:
    return list(resolve("microexpr.baselines:SYSTEMS").own)


class Compare(Section):
    """The systems of other authors, on the same crops and folds: results/comparison.csv."""

    systems: list[SystemName] = made(_own_systems, min_length=1, description="rows of the table")
    against: Against = Against()
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1, description="one run each")
    epochs: int | None = Field(
        None, ge=1, description="of the networks; null: each one's own, as published where known"
    )
    apex: Literal["known", "estimated"] = Field(
        "known", description="known: the data set's where it gives one, else estimated from flow"
    )
