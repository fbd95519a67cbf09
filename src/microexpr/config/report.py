"""Sections ``figures`` and ``explain``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from microexpr.config.base import MethodName, Section, Settings
from microexpr.config.data import LabelledPlace, TitledLabels
from microexpr.config.preprocessing import Detection, Methods
from microexpr.config.protocol import ProtocolName
from microexpr.config.training import Backbone, FeatureModes, Runs, Sampling, WeightedNetwork


class Figures(Section):
    """Figures of a run: results/figures."""

    clips: list[str] = Field(
        [],
        description="clips shown over time, as slices, videos and Grad-CAM sheets; empty: the "
        "first of each class",
    )


class ExplainedLength(Section):
    """The N whose networks are explained."""

    n: int = Field(14, ge=2, description="window length N, fixed in advance")


class ExplainedBlocks(ExplainedLength):
    """The blocks whose maps are measured."""

    blocks: list[Annotated[int, Field(ge=1)]] = Field(
        [],
        description="blocks whose maps are measured; empty: for each map size of at most a "
        "sixteenth of the crop, the last block (MobileNet 11, 13; ResNet-50 13, 16)",
    )


class PageSettings(Settings):
    """What the pages of a report follow from."""

    data: TitledLabels
    magnify: Methods
    features: Backbone
    train: FeatureModes
    protocol: ProtocolName


class GradcamSettings(Settings):
    """What Grad-CAM maps follow from."""

    data: LabelledPlace
    crop: Detection
    windows: Sampling
    features: WeightedNetwork
    train: Runs
    explain: ExplainedBlocks


class Explain(ExplainedBlocks):
    """Grad-CAM: results/gradcam. The methods are trained again, because it needs the models."""

    methods: list[MethodName] = Field(
        [], description="methods; empty: all of magnify.methods except filter_only"
    )
