"""Values of a run that the summary and the pages print."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from microexpr import __version__
from microexpr.config import Config
from microexpr.datasets.labels import title
from microexpr.datasets.listing import Finding
from microexpr.datasets.manifest import Clip
from microexpr.evaluation.metrics import ALL
from microexpr.evaluation.tables import CONTROLS, NESTED
from microexpr.fingerprints.code import Code
from microexpr.protocol import SUBJECT_INDEPENDENT
from microexpr.runtime.tables import check_seal

SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Results:
    """A finished run.

    Parameters
    ----------
    config : Config
        The whole configuration.
    clips : sequence of Clip
        The manifest.
    table, metrics, comparisons : DataFrame
        ``table.csv`` as text, cell by cell as it is printed there, ``metrics.csv`` and
        ``comparisons.csv`` with numbers.
    findings : sequence of Finding or None
        ``manifest_report.csv``; None where it is not there.
    """

    config: Config
    clips: Sequence[Clip]
    table: pd.DataFrame
    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    findings: Sequence[Finding] | None = None

    @property
    def feature_mode(self) -> str:
        """The feature mode of the features that fills ``table.csv``."""
        return self.config.train.feature_modes[0]

    @property
    def sizes(self) -> list[str]:
        """Columns of ``table.csv`` that are values of N."""
        return sizes(self.table)

    @property
    def methods(self) -> list[str]:
        """Methods of ``table.csv`` in its order, without the majority line."""
        return [m for m in self.table["method"].unique() if m in self.config.magnify.methods]

    @property
    def data(self) -> str:
        """Name of the data set; ``synthetic`` for the generated one."""
        return title(self.config.data)

    def cells(self, metric: str, name: str = ALL) -> pd.DataFrame:
        """Give rows of one metric and class of the first feature mode: methods and their N."""
        rows = self.metrics
        return rows[
            (rows["metric"] == metric)
            & (rows["class"] == name)
            & (rows["feature_mode"] == self.feature_mode)
            & rows["method"].isin(self.methods)
        ]

    def beside(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Accuracies of the nested choices, and of the controls."""
        rows = self.metrics[
            (self.metrics["metric"] == "accuracy")
            & self.metrics["feature_mode"].isin([self.feature_mode, "raw", ""])
            & ~self.metrics["method"].isin(self.methods)
        ]
        nested = rows["method"].str.endswith(NESTED)
        chosen = rows[nested & (rows["feature_mode"] == self.feature_mode)]
        free = rows["feature_mode"].eq("")
        return chosen, rows[~nested & (free | rows["method"].isin(CONTROLS))]


def warnings(config: Config) -> list[str]:
    """Say what must stand above every number of a run."""
    lines = []
    if title(config.data) == SYNTHETIC:
        lines.append(
            "SYNTHETIC DATA: generated faces that belong to nobody. These numbers show that the "
            "pipeline works; they say nothing about people and must not stand beside numbers on "
            "a data set."
        )
    if not SUBJECT_INDEPENDENT[config.protocol.name]:
        lines.append(
            f"Protocol {config.protocol.name}: the same subjects are trained on and tested. The "
            "accuracy is no estimate for a new face."
        )
    if config.features.backbone.startswith("random"):
        lines.append("The network has random weights: a floor, not a system.")
    return lines


def sizes(table: pd.DataFrame) -> list[str]:
    """Columns of ``table.csv`` that are values of N."""
    return [column for column in table if column.isdigit()]


STAGES = ("index", "split", "decode", "crop", "magnify", "features", "train", "evaluate")
BESIDE = ("snakemake", "pandas", "matplotlib")  # of this machine; the others, of the caches
COLUMNS = ["kind", "name", "value"]


def origins(attributes: Mapping[str, Any], files: Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """List what the results rest on.

    Parameters
    ----------
    attributes : mapping
        Root attributes of a cache of features: weights and libraries that made it.
    files : iterable of path-like
        Tables whose checksums are listed.

    Returns
    -------
    DataFrame
        Columns kind, name, value: the project's version, ``code`` (fingerprint of a stage's
        modules), ``weights`` and ``file`` (sha256), ``library`` (version).

    Raises
    ------
    DataError
        When a table is missing or was changed after it was written.
    """
    libraries = json.loads(str(attributes["environment_json"]))
    libraries |= {"python": platform.python_version()} | {name: version(name) for name in BESIDE}
    rows = [
        ("project", "microexpr", __version__),
        *(("code", f"stage {stage}", Code(stage).fingerprint) for stage in STAGES),
        ("weights", str(attributes["weights_name"]), str(attributes["weights_sha256"])),
        *(("file", Path(path).name, check_seal(path)) for path in files),
        *(("library", name, libraries[name]) for name in sorted(libraries)),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
