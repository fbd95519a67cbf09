"""Section ``model``: the arm that is trained on everybody, to answer for other videos."""

from __future__ import annotations

from pydantic import Field

from microexpr.config.base import Section
from microexpr.config.images import Method


class Model(Section):
    """The exported model, results/model: one arm and N, fixed in advance, never the best cell."""

    method: Method = Field("pmm", description="the arm, under the first of train.readings")
    n: int = Field(14, ge=2, description="frames a window; one of windows.n")
