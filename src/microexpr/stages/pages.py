"""Stage pages: what Snakemake's report shows of a run, as files that a browser opens."""

from __future__ import annotations

from pathlib import Path

from microexpr.config.report import PageSettings
from microexpr.stages import File, Stage

STAGE = Stage(
    "pages",
    "make pages of tables and videos",
    settings=PageSettings,
    inputs={"shown": File("tables (.csv) and videos (.mp4)", many=True)},
    outputs={
        "pages": File("a page for each of them (.html)", many=True),
        "cells": File(
            "folder of a page for each method and N; all tables lie beside the first one of shown",
            optional=True,
        ),
    },
)


def run(
    settings: PageSettings, *, shown: list[Path], pages: list[Path], cells: Path | None = None
) -> None:
    """Write a page for each table or video, and for each method and N.

    Tables with columns of N get boxes that show and hide methods and N.

    Raises
    ------
    DataError
        When a file is missing, cannot be read, or was changed after it was written.
    """
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
