"""Stage summary: one page on the run, its whole configuration, versions and checksums."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from microexpr.config import Config
from microexpr.stages import Reads, Writes


def summary(
    settings: Config,
    *,
    table: Annotated[Path, Reads("table.csv; manifest.csv lies beside")],
    metrics: Annotated[Path, Reads("metrics.csv")],
    comparisons: Annotated[Path, Reads("comparisons.csv")],
    predictions: Annotated[Path, Reads("predictions.csv")],
    features: Annotated[
        Path, Reads("cache of features: one, it names the weights and the libraries")
    ],
    report: Annotated[
        Path | None, Reads("manifest_report.csv [beside table.csv, where it is]")
    ] = None,
    summary: Annotated[Path, Writes("summary.md")],
    configuration: Annotated[Path, Writes("every key, for --configfile (.yaml)")],
    origins: Annotated[Path, Writes("versions and checksums (.csv)")],
    pages: Annotated[Path, Writes("folder of summary.html and configuration.html")],
) -> None:
    """Write on one page what was run and what came out.

    DataError or CacheError: a file is missing, cannot be read, or was changed after it was written.
    """
    from microexpr.cache import open_cache
    from microexpr.report import document
    from microexpr.report import summary as texts
    from microexpr.report.results import Results
    from microexpr.report.results import origins as origins_of
    from microexpr.runtime.files import write_text
    from microexpr.runtime.tables import write_table

    report = report or table.with_name("manifest_report.csv")
    results = Results.read(settings, table.parent, report)
    with open_cache(features, "features") as cache:
        made = origins_of(cache.attributes, [table, metrics, comparisons, predictions])
    text = f"# Every key of this run, for snakemake --configfile.\n{settings.text()}"
    page = texts.summary(results, made)
    shown = document.page(texts.configuration(settings, text, made))
    write_table(origins, made)
    write_text(configuration, text)
    write_text(pages / "configuration.html", shown)
    write_text(pages / "summary.html", document.page(page))
    write_text(summary, document.markdown(page))
