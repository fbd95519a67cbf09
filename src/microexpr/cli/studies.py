"""Stages beside the table: inner folds, the ablation, what a leak feigns, the exported model.

Imports stand inside the functions: torch takes longer to import than some stages take to run.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
from pathlib import Path

from microexpr.cli.stages import (
    Commands,
    device_option,
    manifest_option,
    run_training,
    stage_parser,
    training_options,
)
from microexpr.config import Config


def add_commands(commands: Commands) -> None:
    """Register the stages."""
    inner = stage_parser(commands, "inner", _inner, "train inside training parts, to choose N")
    training_options(inner)

    ablation = stage_parser(commands, "ablation", _ablation, "tabulate what each part is worth")
    ablation.add_argument("predictions", type=Path, nargs="+", help="of all rows (.csv)")
    ablation.add_argument("--output", type=Path, required=True, help="ablation.csv")
    ablation.add_argument("--manifest", type=Path, required=True)
    ablation.add_argument("--features", type=Path, nargs="+", required=True, help="one a network")
    ablation.add_argument("--full", action="store_true", help="the product of all levels")

    leak = stage_parser(commands, "leak", _leak, "split clips by window, by clip and by subject")
    leak.add_argument("features", type=Path, nargs="+", help="caches of features: all shards")
    leak.add_argument("--output", type=Path, required=True, help="answers (.csv)")
    manifest_option(leak)
    leak.add_argument("--method", required=True, help="name of the method")
    device_option(leak)

    figure = stage_parser(commands, "leak_plot", _leak_plot, "draw what a leak feigns")
    figure.add_argument("answers", type=Path, nargs="+", help="of stage leak (.csv)")
    figure.add_argument("--output", type=Path, required=True, help="leak.csv, .pdf, .png beside it")

    model = stage_parser(commands, "model", _model, "train on all clips and export, for predict")
    model.add_argument("features", type=Path, nargs="+", help="caches of features: all shards")
    model.add_argument("--output", type=Path, required=True, help="folder of the model")
    manifest_option(model)
    model.add_argument("--metrics", type=Path, required=True, help="metrics.csv: the accuracy")
    device_option(model)


def _inner(arguments: argparse.Namespace) -> None:
    from microexpr.stages import inner

    run_training(inner.run, arguments)


def _ablation(arguments: argparse.Namespace) -> None:
    from microexpr.stages import ablation

    ablation.run(
        Config.load(arguments.config),
        arguments.predictions,
        arguments.output,
        manifest_path=arguments.manifest,
        features=arguments.features,
        full=arguments.full,
    )


def _leak(arguments: argparse.Namespace) -> None:
    from microexpr.runtime.resources import choose_device, limit_threads
    from microexpr.stages import leak

    limit_threads(arguments.threads)
    leak.run(
        Config.load(arguments.config),
        arguments.features,
        arguments.output,
        manifest_path=arguments.manifest,
        method=arguments.method,
        device=choose_device(arguments.device),
    )


def _leak_plot(arguments: argparse.Namespace) -> None:
    from microexpr.stages import leak_plot

    leak_plot.run(Config.load(arguments.config), arguments.answers, arguments.output)


def _model(arguments: argparse.Namespace) -> None:
    from microexpr.runtime.resources import choose_device, limit_threads
    from microexpr.stages import model

    limit_threads(arguments.threads)
    model.run(
        Config.load(arguments.config),
        arguments.features,
        arguments.output,
        manifest_path=arguments.manifest,
        metrics=arguments.metrics,
        device=choose_device(arguments.device),
    )
