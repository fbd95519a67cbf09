"""Stage pages: what Snakemake's report shows of a run, as files that a browser opens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.config import Config
from microexpr.evaluation.tables import sizes_of
from microexpr.protocol import predictions
from microexpr.report.pages import accuracy_page, cell_page, table_page, video_page
from microexpr.report.results import Results
from microexpr.runtime.files import write_text
from microexpr.runtime.tables import read_text


def run(
    config: Config, sources: Sequence[Path], outputs: Sequence[Path], *, cells: Path | None = None
) -> None:
    """Write a page for each table or video, and for each method and N.

    Parameters
    ----------
    config : Config
        Sections ``data``, ``magnify``, ``features``, ``train`` and ``protocol``.
    sources : sequence of Path
        Tables (.csv), of which those with columns of N get boxes that show and hide methods and
        N, and videos (.mp4).
    outputs : sequence of Path
        A page for each of them.
    cells : Path, optional
        Where ``<method>/N<n>.html`` is written for each method and N. All tables of stage evaluate
        and the manifest lie beside the first of `sources` then.

    Raises
    ------
    DataError
        When a file is missing, cannot be read, or was changed after it was written.
    """
    # All that is read is looked at first: then no page is written beside a table that is refused.
    written = {
        output: _page(source, config) for source, output in zip(sources, outputs, strict=True)
    }
    if cells:
        folder = sources[0].parent
        results = Results.read(config, folder, folder / "manifest.csv")
        answers = predictions.read([folder / "predictions.csv"], config.data.labels)
        for method in results.methods:
            for n in map(int, results.sizes):
                text = cell_page(results, answers, method=method, n=n)
                written[cells / method / f"N{n:02d}.html"] = text
    for output, text in written.items():
        write_text(output, text)


def _page(source: Path, config: Config) -> str:
    if source.suffix == ".mp4":
        return video_page(source.stem, source.read_bytes(), config)
    table = read_text(source)
    if sizes_of(table):
        return accuracy_page(table, config)
    return table_page(source.stem, table, config)
