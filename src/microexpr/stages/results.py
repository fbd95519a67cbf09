"""Stages evaluate, summary and pages: predictions to tables, and a run on one page or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from microexpr.config import Ablation, Config, Evaluate, Train
from microexpr.config.base import Only, Without
from microexpr.config.evaluation import PageSettings, TableSettings
from microexpr.stages import Manifest, Reads, Writes
from microexpr.studies.variants import ChoiceSettings, Run, choices, controls


class EvaluateSettings(TableSettings, ChoiceSettings):
    """What the tables follow from."""

    train: Annotated[Train, Only("feature_modes")]
    evaluate: Annotated[Evaluate, Without("permutations")]

    @classmethod
    def variant(cls, config: Config, **chosen: Any) -> type[EvaluateSettings]:
        """Return what is read: where controls are trained, on which N as well."""
        return ControlledSettings if config.evaluate.controls else EvaluateSettings


class ControlledSettings(EvaluateSettings):
    """The same with the N of the controls."""

    ablation: Annotated[Ablation, Only("n")]


def evaluate(
    settings: EvaluateSettings,
    *,
    predictions: Annotated[list[Path], Reads("predictions of all methods, N and chunks (.csv)")],
    inner: Annotated[Sequence[Path], Reads("predictions on inner folds (.csv) [none]")] = (),
    features: Annotated[Path, Reads("cache of features: one, it names the weights")],
    manifest: Manifest,
    folder: Annotated[Path, Writes("folder of the tables")],
) -> None:
    """Pool predictions into tables with intervals."""
    from microexpr.cache import open_cache
    from microexpr.evaluation.pooled import Basis
    from microexpr.evaluation.tables import write_results

    with open_cache(features, "features") as cache:
        weights_sha256 = str(cache.attributes["weights_sha256"])
    trained: list[Run] = []
    if settings.evaluate.controls:
        assert isinstance(settings, ControlledSettings)
        asked, methods = settings.evaluate.controls, settings.magnify.methods
        trained = controls(asked, methods, settings.ablation.n)
    write_results(
        predictions,
        Basis.of(settings, manifest, weights_sha256),
        folder,
        methods=settings.magnify.methods,
        feature_modes=settings.train.feature_modes,
        n=settings.windows.n,
        controls=[run.name for run in trained],
        inner=inner,
        primary=settings.evaluate.primary,
        choices={k: [(r.method, r.n) for r in runs] for k, runs in choices(settings).items()},
    )


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
            for n in results.sizes:
                text = cell_page(results, found, method=method, n=n)
                written[cells / method / f"N{n:02d}.html"] = text
    for page, text in written.items():
        write_text(page, text)
