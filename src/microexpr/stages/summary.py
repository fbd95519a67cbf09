"""Stage summary: one page on the run, its whole configuration, versions and checksums."""

from __future__ import annotations

from pathlib import Path

import yaml

from microexpr.cache import open_cache
from microexpr.config import Config
from microexpr.report import document
from microexpr.report.results import Results, origins
from microexpr.report.summary import configuration, summary
from microexpr.runtime.files import write_text
from microexpr.runtime.tables import write_table

TABLES = ("table.csv", "metrics.csv", "comparisons.csv", "predictions.csv")


def run(
    config: Config,
    table: Path,
    output: Path,
    *,
    manifest_path: Path,
    report: Path,
    features: Path,
    pages: Path,
) -> None:
    """Write the summary, and beside it what it rests on.

    Parameters
    ----------
    config : Config
        All sections.
    table : Path
        ``table.csv``; the other `TABLES` lie beside it.
    output : Path
        ``summary.md``. Beside it ``configuration.yaml`` holds every key, for ``--configfile``, and
        ``origins.csv`` versions and checksums.
    manifest_path : Path
        ``manifest.csv``.
    report : Path
        ``manifest_report.csv``; a log, which may be gone.
    features : Path
        One cache of features; it names the weights and the libraries.
    pages : Path
        Folder of ``summary.html`` and ``configuration.html``, the same for a browser.

    Raises
    ------
    DataError, CacheError
        When a file is missing, cannot be read, or was changed after it was written.
    """
    folder = table.parent
    results = Results.read(config, folder, manifest_path, report)
    with open_cache(features, "features") as cache:
        made = origins(cache.attributes, [folder / name for name in TABLES])
    values = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    text = f"# Every key of this run, for snakemake --configfile.\n{values}"
    page = summary(results, made)
    write_table(output.with_name("origins.csv"), made)
    write_text(output.with_name("configuration.yaml"), text)
    write_text(pages / "configuration.html", document.page(configuration(config, text, made)))
    write_text(pages / "summary.html", document.page(page))
    write_text(output, document.markdown(page))
