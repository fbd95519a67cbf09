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


class Default(Section):
    """The method and N that are changed."""

    method: MethodName = Field("pmm", description="method, with the first of train.feature_modes")
    n: int = Field(14, ge=2, description="its window length N")


class Ablation(Default):
    """Change one factor at a time from a default fixed in advance: results/ablation.csv."""

    weights: dict[Literal["vggface2", "imagenet", "random"], NetworkChanges | None] = Field(
        {}, description="other weights, each with the keys that it changes; null: no such row"
    )
    blocks: dict[Literal["retrained", "frozen"], NetworkChanges | None] = Field(
        {},
        description="keys that fine-tuning blocks, or freezing all of them, changes; null: no row",
    )


class LeakyTraining(Section):
    """How the leaky splits are trained."""

    n: int = Field(14, ge=2, description="window length N")
    feature_mode: FeatureMode = Field(
        "raw", description="raw, as on the poster, contains the identity"
    )
    test_share: float = Field(
        0.2, gt=0, lt=1, description="share of the windows held out of a fold's training clips"
    )


class Leak(LeakyTraining):
    """Data leakage: the same clips split by window, clip and subject: results/figures/leak.pdf."""

    methods: list[MethodName] = Field(["none", "pmm"], min_length=1, description="methods shown")


class AgainstLength(Section):
    """The N that the systems are compared at."""

    n: int = Field(14, ge=2, description="its window length N; also that of vggface2_bilstm")


class Against(AgainstLength):
    """The method that the systems are compared with: fixed in advance, never the best cell."""

    method: MethodName = Field(
        "pmm", description="our method, with the first of train.feature_modes"
    )


class Compared(Section):
    """Our method in the comparison."""

    against: Against = Against()


class SystemSeeds(Section):
    """The runs of a system."""

    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [0], min_length=1, description="random seeds, one run for each"
    )


class OwnSystem(SystemSeeds):
    """The runs and the N of the system that is this pipeline's own network."""

    against: AgainstLength


class SystemTraining(SystemSeeds):
    """How a system is trained."""

    epochs: int | None = Field(
        None, ge=1, description="epochs of the networks; null: the default of each network"
    )
    apex: Literal["known", "estimated"] = Field(
        "known", description="known: from the data set if it has one; estimated: from optical flow"
    )


def _own_systems() -> list[str]:
    return list(resolve("microexpr.baselines:SYSTEMS").own)


class ComparedSystems(Compared):
    """All rows of the comparison."""

    systems: list[SystemName] = made(_own_systems, min_length=1, description="systems in the table")


class Compare(SystemTraining, ComparedSystems):
    """Systems of other authors, on the same crops and folds: results/comparison.csv."""
