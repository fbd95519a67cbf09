"""Section ``select``: what is chosen inside the training part of each fold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from microexpr.config.base import Section


class Select(Section):
    """N, alpha and the epoch: fixed in advance, or chosen on inner folds of the training part."""

    n: Literal["none", "nested"] = Field(
        "none", description="nested: a row more in table.csv, with N chosen among windows.n"
    )
    alpha: Literal["none", "nested"] = Field(
        "none", description="nested: a row more in table.csv, with alpha chosen among alphas"
    )
    alphas: list[Annotated[float, Field(gt=0, le=200)]] = Field(
        [5.0, 10.0, 20.0], min_length=1, description="candidates; each one is magnified and cached"
    )
    epoch: Literal["last", "nested"] = Field(
        "last",
        description="nested: the best one of train.epochs on the first inner fold; then all "
        "training clips are trained on for as many",
    )
    folds: int = Field(
        5, ge=2, description="inner folds of whole subjects, drawn with protocol.seed"
    )
