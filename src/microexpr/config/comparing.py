"""Section ``compare``: the systems of other authors on the same crops and folds."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from microexpr.config.base import Section
from microexpr.config.images import Method

SystemName = Literal[
    "micro_exp_stcnn",
    "fcnn_3d",
    "hierarchical_lbp_top",
    "evm_tim",
    "setfnet",
    "vggface2_bilstm",
    "ststnet",
    "off_apexnet",
]


class Against(Section):
    """The arm that the systems are compared with: fixed in advance, never the best cell."""

    method: Method = Field("pmm", description="our arm, under the first of train.readings")
    n: int = Field(14, ge=2, description="its frames a window; also those of vggface2_bilstm")


class Compare(Section):
    """The systems of other authors, on the same crops and folds: results/comparison.csv."""

    systems: list[SystemName] = Field(
        list(get_args(SystemName)), min_length=1, description="rows of the table"
    )
    against: Against = Against()
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1, description="one run each")
    epochs: int | None = Field(
        None, ge=1, description="of the networks; null: each one's own, as published where known"
    )
    apex: Literal["known", "estimated"] = Field(
        "known", description="known: the data set's where it gives one, else estimated from flow"
    )
