"""Stage pages: what Snakemake's report shows of a run, as files that a browser opens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from microexpr.config.evaluation import PageSettings
from microexpr.stages import Reads, Writes


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
    """Make pages of tables and videos.

    Tables with columns of N get boxes that show and hide methods and N. DataError: a file is
    missing, cannot be read, or was changed after it was written.
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
