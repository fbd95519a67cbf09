"""What all tables of a run rest on: clips, classes, the origin of the predictions, statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from microexpr.config.evaluation import Bootstrap, TableSettings
from microexpr.datasets import title
from microexpr.datasets.manifest import Clip, read
from microexpr.protocol import SUBJECT_INDEPENDENT, predictions


@dataclass(frozen=True)
class Origin:
    """How the predictions came about: the same in every row of every table."""

    protocol: str
    backbone: str
    cut: int
    weights_sha256: str
    data: str  # "synthetic" for the generated faces, else the name of the data set

    def columns(self) -> dict[str, Any]:
        """Return the columns of a table."""
        independent = str(SUBJECT_INDEPENDENT[self.protocol]).lower()
        return {"protocol": self.protocol, "subject_independent": independent} | asdict(self)


@dataclass(frozen=True)
class Statistics:
    """How the intervals are made: section ``evaluate`` of the configuration."""

    resamples: int = 2000
    confidence: float = 0.95
    seed: int = 0

    @classmethod
    def of(cls, settings: Bootstrap) -> Statistics:
        """Take them from the configuration."""
        return cls(settings.bootstrap, settings.confidence, settings.seed)


@dataclass(frozen=True)
class Basis:
    """What all tables of a run rest on."""

    clips: Sequence[Clip]  # the manifest
    classes: Sequence[str]  # all of them, in order
    origin: Origin
    statistics: Statistics

    @classmethod
    def of(cls, settings: TableSettings, manifest: Path, weights_sha256: str = "") -> Basis:
        """Read the manifest, and take the rest from the configuration."""
        origin = Origin(
            protocol=settings.protocol.name,
            backbone=settings.features.backbone,
            cut=settings.features.cut,
            weights_sha256=weights_sha256,
            data=title(settings.data),
        )
        statistics = Statistics.of(settings.evaluate)
        return cls(read(manifest), settings.data.labels, origin, statistics)

    def check(self, frame: pd.DataFrame) -> None:
        """Refuse predictions that cannot be compared; see `predictions.check`."""
        predictions.check(frame, self.clips, classes=self.classes, protocol=self.origin.protocol)
