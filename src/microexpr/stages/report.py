"""Stages summary and pages: a run on one page, and what a browser and the report show of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from microexpr.config import Config
from microexpr.config.evaluation import PageSettings
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
    sources: Annotated[
        Sequence[Path], Reads("records of the decoded frames (.json): which clips are one [none]")
    ] = (),
    summary: Annotated[Path, Writes("summary.md")],
    configuration: Annotated[Path, Writes("every key, for --configfile (.yaml)")],
    origins: Annotated[Path, Writes("versions and checksums (.csv)")],
    pages: Annotated[Path, Writes("folder of summary.html and configuration.html")],
) -> None:
    """Write on one page what was run and what came out."""
    from microexpr.cache import open_cache
    from microexpr.report import document
    from microexpr.report import summary as texts
    from microexpr.report.results import Results
    from microexpr.report.results import origins as origins_of
    from microexpr.runtime.files import write_text
    from microexpr.runtime.tables import write_table

    report = report or table.with_name("manifest_report.csv")
    results = Results.read(settings, table.parent, report, sources)
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


def pages(
    settings: PageSettings,
    *,
    shown: Annotated[list[Path], Reads("tables (.csv) and videos (.mp4)")],
    pages: Annotated[list[Path], Writes("a page for each of them (.html)")],
    cells: Annotated[
        Path | None,
        Writes(
            "folder of a page for each method and N; all tables lie beside the first one of shown"
        ),
    ] = None,
) -> None:
    """Make pages of tables and videos."""
    from microexpr.protocol import predictions
    from microexpr.report.pages import cell_page, page_of
    from microexpr.report.results import Results
    from microexpr.runtime.files import write_text

    # All that is read is looked at first: then no page is written beside a table that is refused.
    written = {page: page_of(source, settings) for source, page in zip(shown, pages, strict=True)}
    if cells:
        folder = shown[0].parent
        results = Results.read(settings, folder)
        found = predictions.read([folder / "predictions.csv"], settings.data.labels)
        for method in results.methods:
            for n in map(int, results.sizes):
                text = cell_page(results, found, method=method, n=n)
                written[cells / method / f"N{n:02d}.html"] = text
    for page, text in written.items():
        write_text(page, text)
