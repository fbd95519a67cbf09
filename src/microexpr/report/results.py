"""Values of a run that the summary and the pages print."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from microexpr import __version__
from microexpr.baselines import SYSTEMS
from microexpr.config import Config
from microexpr.config.evaluation import PageSettings
from microexpr.datasets import listing, manifest, title
from microexpr.datasets.listing import Finding
from microexpr.datasets.manifest import Clip
from microexpr.datasets.sources import decoded_frames
from microexpr.evaluation import names
from microexpr.evaluation.metrics import ALL, read_results
from microexpr.evaluation.tables import NESTED, sizes_of
from microexpr.fingerprints.code import Code
from microexpr.protocol import SUBJECT_INDEPENDENT
from microexpr.runtime.files import AnyPath
from microexpr.runtime.tables import check_seal, read_text

# What is read of the configuration; the summary reads all of it.
Reported = Config | PageSettings
SYNTHETIC = "synthetic"
STAGES = ("index", "split", "decode", "crop", "magnify", "features", "train", "evaluate")
BESIDE = ("snakemake", "pandas", "matplotlib")  # of this machine; the others, of the caches


@dataclass(frozen=True)
class Results:
    """A finished run."""

    config: Reported
    clips: Sequence[Clip]
    table: pd.DataFrame  # table.csv, cell by cell as text
    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    controls: pd.DataFrame
    findings: Sequence[Finding] | None = None  # manifest_report.csv; None where it is not there
    twice: Sequence[str] = ()  # which clips hold the frames of another one

    @classmethod
    def read(
        cls,
        config: Reported,
        folder: Path,
        report: Path | None = None,
        sources: Sequence[Path] = (),
    ) -> Results:
        """Read tables, manifest, report and records of the decoded frames; DataError: changed."""
        clips = manifest.read(folder / "manifest.csv")
        return cls(
            config,
            clips,
            read_text(folder / "table.csv"),
            read_results(folder / "metrics.csv", "metrics"),
            read_results(folder / "comparisons.csv", "comparisons"),
            read_results(folder / "controls.csv", "controls"),
            listing.read(report) if report is not None and report.exists() else None,
            manifest.twice(clips, decoded_frames(sources)),
        )

    @property
    def whole(self) -> Config:
        """The whole configuration, which only the summary reads."""
        assert isinstance(self.config, Config)
        return self.config

    @property
    def feature_mode(self) -> str:
        """The feature mode that fills ``table.csv``."""
        return self.config.train.feature_modes[0]

    @property
    def sizes(self) -> list[int]:
        """The N of ``table.csv``."""
        return sizes_of(self.table)

    @property
    def methods(self) -> list[str]:
        """Methods of ``table.csv`` in its order, without the majority line."""
        return [m for m in self.table["method"].unique() if m in self.config.magnify.methods]

    @property
    def data(self) -> str:
        """Name of the data set; ``synthetic`` for the generated one."""
        return title(self.config.data)

    def cells(self, metric: str) -> pd.DataFrame:
        """Return rows of a metric over all classes, first feature mode: methods and their N."""
        rows = self.metrics
        rows = rows[(rows["metric"] == metric) & (rows["class"] == ALL)]
        return rows[(rows["feature_mode"] == self.feature_mode) & rows["method"].isin(self.methods)]

    def beside(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return accuracies of the nested choices, and of the controls that look at no face."""
        rows = self.metrics[~self.metrics["method"].isin(self.methods)]
        rows = rows[rows["metric"] == "accuracy"]
        nested = rows["method"].str.endswith(NESTED)
        chosen = rows[nested & (rows["feature_mode"] == self.feature_mode)]
        return chosen, rows[rows["feature_mode"].eq("")]


def warnings(config: Reported) -> list[str]:
    """Return what must stand above every number of a run."""
    lines = []
    if title(config.data) == SYNTHETIC:
        lines.append(
            "SYNTHETIC DATA: generated faces that belong to nobody. These numbers show that the "
            "pipeline works; they say nothing about people and must not stand beside numbers on "
            "a data set."
        )
    if not SUBJECT_INDEPENDENT[config.protocol.name]:
        lines.append(
            f"Protocol: {names.protocol_name(config.protocol.name)}. The same subjects are trained "
            "on and tested: the accuracy is no estimate for a new face."
        )
    if config.features.backbone.startswith("random"):
        lines.append("The network has random weights: a floor, not a system.")
    return lines


def method_name(name: str) -> str:
    """Return the name of a method, a control or a compared system."""
    return SYSTEMS[name].label if name in SYSTEMS else names.method_name(name)


NAMES = {
    **dict.fromkeys(("method", "method_a", "method_b"), method_name),
    "feature_mode": names.feature_mode_name,
    "protocol": names.protocol_name,
    "backbone": names.network_name,
}


def for_people(table: pd.DataFrame) -> pd.DataFrame:
    """Put names in place of the identifiers that a table has as keys."""
    named = {column: table[column].map(name) for column, name in NAMES.items() if column in table}
    return table.assign(**named)


def origins(attributes: Mapping[str, Any], files: Iterable[AnyPath]) -> pd.DataFrame:
    """List what results rest on: kind, name and value. DataError: one of `files` was changed."""
    libraries = json.loads(str(attributes["environment_json"]))
    libraries |= {"python": platform.python_version()} | {name: version(name) for name in BESIDE}
    rows = [
        ("project", "microexpr", __version__),
        *(("code", f"stage {stage}", Code(stage).fingerprint) for stage in STAGES),
        ("weights", str(attributes["weights_name"]), str(attributes["weights_sha256"])),
        *(("file", Path(path).name, check_seal(path)) for path in files),
        *(("library", name, libraries[name]) for name in sorted(libraries)),
    ]
    return pd.DataFrame(rows, columns=["kind", "name", "value"])
