"""Stages that say what a run did: the summary, and pages of Snakemake's report."""
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
from pathlib import Path

from microexpr.cli.stages import Commands, stage_parser
from microexpr.config import Config


def add_commands(commands: Commands) -> None:
    """Register the stages."""
    summary = stage_parser(commands, "summary", _summary, "say on one page what was run and found")
    summary.add_argument("table", type=Path, help="table.csv; the other tables lie beside it")
    summary.add_argument("output", type=Path, help="summary.md")
    summary.add_argument("--manifest", type=Path, required=True)
    summary.add_argument(
        "--report", type=Path, help="problems and omissions [manifest_report.csv beside manifest]"
    )
    summary.add_argument("--features", type=Path, required=True, help="one cache of features")
    summary.add_argument("--pages", type=Path, required=True, help="folder of the same as HTML")

    pages = stage_parser(commands, "pages", _pages, "make pages of tables and videos")
    pages.add_argument("sources", type=Path, nargs="+", help="tables (.csv), videos (.mp4)")
    pages.add_argument("--output", type=Path, nargs="+", required=True, help="a page each (.html)")
    pages.add_argument("--cells", type=Path, help="folder of a page for each method and N")


def _summary(arguments: argparse.Namespace) -> None:
    from microexpr.stages import summary

    summary.run(
        Config.load(arguments.config),
        arguments.table,
        arguments.output,
        manifest_path=arguments.manifest,
        report=arguments.report or arguments.manifest.with_name("manifest_report.csv"),
        features=arguments.features,
        pages=arguments.pages,
    )


def _pages(arguments: argparse.Namespace) -> None:
    from microexpr.stages import pages

    config = Config.load(arguments.config)
    pages.run(config, arguments.sources, arguments.output, cells=arguments.cells)
