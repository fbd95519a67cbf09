"""Stage summary: one page on the run, its whole configuration, versions and checksums."""

from __future__ import annotations

from pathlib import Path

from microexpr.config import Config
from microexpr.stages import Cache, File, Stage, Table

STAGE = Stage(
    "summary",
    "write on one page what was run and what came out",
    settings=Config,
    inputs={
        "table": Table("table.csv; manifest.csv lies beside"),
        "metrics": Table("metrics.csv"),
        "comparisons": Table("comparisons.csv"),
        "predictions": Table("predictions.csv"),
        "features": Cache("features: one, it names the weights and the libraries"),
        "report": Table("manifest_report.csv [beside table.csv, where it is]", optional=True),
    },
    outputs={
        "summary": File("summary.md"),
        "configuration": File("every key, for --configfile (.yaml)"),
        "origins": Table("versions and checksums (.csv)"),
        "pages": File("folder of summary.html and configuration.html"),
    },
)


def run(
    settings: Config,
    *,
    table: Path,
    metrics: Path,
    comparisons: Path,
    predictions: Path,
    features: Path,
    summary: Path,
    configuration: Path,
    origins: Path,
    pages: Path,
    report: Path | None = None,
) -> None:
    """Write the summary, and with it what it rests on.

    Raises
    ------
    DataError, CacheError
        When a file is missing, cannot be read, or was changed after it was written.
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
