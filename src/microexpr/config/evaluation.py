"""Section ``evaluate``, and what every table of results reads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from microexpr.config.base import Section, Settings
from microexpr.config.data import TitledLabels
from microexpr.config.protocol import ProtocolName
from microexpr.config.training import Network


class Bootstrap(Section):
    """How the intervals are made."""

    bootstrap: int = Field(
        2000, ge=100, description="number of bootstrap resamples of the subjects"
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="confidence level of the intervals")
    seed: int = Field(0, ge=0, description="seed of the bootstrap and of the random control")


class Controls(Bootstrap):
    """Which controls there are."""

    controls: list[Literal["single_frame", "permuted_labels"]] = Field(
        ["single_frame", "permuted_labels"],
        description="controls that are trained, with the method and N of section ablation; "
        "single_frame: the middle frame alone; permuted_labels: labels of the training clips "
        "permuted",
    )


class Evaluate(Controls):
    """Metrics and their confidence intervals."""

    permutations: int = Field(3, ge=1, description="number of runs of permuted_labels")


class TableSettings(Settings):
    """What every table of results states in its rows."""

    data: TitledLabels
    features: Network
    protocol: ProtocolName
    evaluate: Bootstrap
