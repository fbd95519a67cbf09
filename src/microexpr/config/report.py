"""Sections ``figures`` and ``explain``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from microexpr.config.base import MethodName, Section


class Figures(Section):
    """Pictures of a run: results/figures."""

    clips: list[str] = Field(
        [],
        description="clips shown over time, as slices, videos and Grad-CAM sheets; "
        "none: the first one of each class",
    )


class Explain(Section):
    """Grad-CAM: results/gradcam. The methods are trained once more, to keep their models."""

    methods: list[MethodName] = Field(
        [], description="methods; none: those of magnify.methods but filter_only"
    )
    n: int = Field(14, ge=2, description="frames a window, fixed in advance")
    blocks: list[Annotated[int, Field(ge=1)]] = Field(
        [],
        description="blocks whose maps are measured; none: the last one of each map size of at "
        "most a sixteenth of the crop (MobileNet 11, 13; ResNet-50 13, 16)",
    )
