"""The pipeline's stages as commands: what a rule runs, and what people run by hand.

Imports stand inside the functions: torch takes longer to import than some stages take to run.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from microexpr.config import Config, default_file

Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_commands(commands: Commands) -> None:
    """Register the stages."""
    _add_stages_of_clips(commands)
    _add_stages_of_networks(commands)
    _add_stages_of_compared_systems(commands)


def _add_stages_of_clips(commands: Commands) -> None:
    index = stage_parser(commands, "index", _index, "list and validate the clips of the data set")
    index.add_argument("output", type=Path, help="manifest.csv")
    index.add_argument(
        "--report", type=Path, help="problems and corrections [manifest_report.csv beside output]"
    )
    index.add_argument(
        "--windows", type=int, nargs="*", metavar="N", help="report shorter clips [windows.n]"
    )
    index.add_argument(
        "--record", type=Path, help="for planning without the data set [index.json beside output]"
    )
    index.add_argument("--key", default="", help="what planning says that the output follows from")

    decode = stage_parser(commands, "decode", _decode, "decode the clips of some subjects")
    decode.add_argument("manifest", type=Path)
    decode.add_argument("output", type=Path, help="cache of frames (.h5)")
    decode.add_argument("--subjects", nargs="+", required=True, metavar="ID")
    decode.add_argument("--root", type=Path, help="folder of the data set [data.root]")
    decode.add_argument("--record", type=Path, help="write here what was read (.json) [no]")
    decode.add_argument("--token", default="", help="name of this state of the files in the record")

    crop = stage_parser(commands, "crop", _crop, "crop the faces, one transform a clip")
    _source_and_output(crop, "cache of frames", "cache of faces")

    split = stage_parser(commands, "split", _split, "say in which fold each clip is tested")
    split.add_argument("manifest", type=Path)
    split.add_argument("output", type=Path, help="folds.csv")


def _add_stages_of_networks(commands: Commands) -> None:
    features = stage_parser(commands, "features", _features, "run the frozen blocks, once a frame")
    _source_and_output(features, "cache of faces or magnified faces", "cache of features")
    device_option(features)

    train = stage_parser(
        commands, "train", _train, "retrain and test some folds of one method and N"
    )
    training_options(train)
    train.add_argument("--models", type=Path, help="keep each fold's model in this folder [no]")

    evaluate = stage_parser(commands, "evaluate", _evaluate, "pool predictions into tables")
    evaluate.add_argument("predictions", type=Path, nargs="+", help="of all methods and N (.csv)")
    evaluate.add_argument("--manifest", type=Path, required=True)
    evaluate.add_argument("--features", type=Path, required=True, help="one cache of features")
    evaluate.add_argument("--folder", type=Path, default=Path("results"), help="[%(default)s]")
    evaluate.add_argument("--inner", type=Path, nargs="*", default=(), help="of stage inner (.csv)")


def _add_stages_of_compared_systems(commands: Commands) -> None:
    compare = stage_parser(
        commands, "compare", _compare, "train and test a system of other authors"
    )
    compare.add_argument("caches", type=Path, nargs="+", help="faces, all shards (.h5)")
    compare.add_argument("--output", type=Path, required=True, help="predictions (.csv)")
    manifest_option(compare)
    compare.add_argument("--folds", type=Path, required=True, help="folds.csv")
    compare.add_argument("--system", required=True, help="one of compare.systems")
    device_option(compare)

    comparison = stage_parser(commands, "comparison", _comparison, "tabulate the compared systems")
    comparison.add_argument(
        "predictions", type=Path, nargs="+", help="of systems and method (.csv)"
    )
    comparison.add_argument("--output", type=Path, required=True, help="comparison.csv")
    comparison.add_argument("--manifest", type=Path, required=True)


def stage_parser(
    commands: Commands, name: str, run: object, summary: str
) -> argparse.ArgumentParser:
    """Add a stage with what all stages take; `run` is called with the arguments."""
    parser = commands.add_parser(name, help=f"stage: {summary}", description=f"Stage: {summary}.")
    parser.add_argument(
        "--config",
        default=str(default_file()),
        help="a YAML file, or inline JSON with the sections that the stage reads [%(default)s]",
    )
    parser.add_argument("--threads", type=int, default=1, help="processor threads [%(default)s]")
    parser.set_defaults(run=run)
    return parser


def _source_and_output(parser: argparse.ArgumentParser, source: str, output: str) -> None:
    parser.add_argument("source", type=Path, help=f"{source} (.h5)")
    parser.add_argument("output", type=Path, help=f"{output} (.h5)")


def training_options(parser: argparse.ArgumentParser) -> None:
    """Add what training one method at one N takes."""
    parser.add_argument("features", type=Path, nargs="+", help="caches of features: all shards")
    parser.add_argument("--output", type=Path, required=True, help="predictions (.csv)")
    manifest_option(parser)
    parser.add_argument("--folds", type=Path, required=True, help="folds.csv")
    parser.add_argument("--method", required=True, help="name of the method")
    parser.add_argument("--n", type=int, required=True, help="frames a window")
    parser.add_argument("--chunk", type=int, default=0, help="which of train.chunks [%(default)s]")
    device_option(parser)


def manifest_option(parser: argparse.ArgumentParser) -> None:
    """Add the table of the clips, for stages that join subjects and labels to caches."""
    parser.add_argument(
        "--manifest", type=Path, required=True, help="manifest.csv: subjects and labels"
    )


def device_option(parser: argparse.ArgumentParser) -> None:
    """Add the choice of a device."""
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto [%(default)s]")


def _index(arguments: argparse.Namespace) -> None:
    from microexpr.stages import index

    config, output = Config.load(arguments.config), arguments.output
    report = arguments.report or output.with_name("manifest_report.csv")
    windows = config.windows.n if arguments.windows is None else arguments.windows
    record = arguments.record or output.with_name("index.json")
    index.run(config, output, report, windows, record=record, key=arguments.key)


def _decode(arguments: argparse.Namespace) -> None:
    from microexpr.runtime.resources import limit_threads
    from microexpr.stages import decode

    limit_threads(arguments.threads)
    decode.run(
        arguments.root or Path(Config.load(arguments.config).data.root),
        arguments.manifest,
        arguments.subjects,
        arguments.output,
        record=arguments.record,
        token=arguments.token,
    )


def _crop(arguments: argparse.Namespace) -> None:
    from microexpr.runtime.resources import limit_threads
    from microexpr.stages import crop

    limit_threads(arguments.threads)
    crop.run(Config.load(arguments.config), arguments.source, arguments.output)


def _split(arguments: argparse.Namespace) -> None:
    from microexpr.stages import split

    split.run(Config.load(arguments.config), arguments.manifest, arguments.output)


def _features(arguments: argparse.Namespace) -> None:
    from microexpr.runtime.resources import choose_device, limit_threads
    from microexpr.stages import features

    limit_threads(arguments.threads)
    config, device = Config.load(arguments.config), choose_device(arguments.device)
    features.run(config, arguments.source, arguments.output, device)


def _train(arguments: argparse.Namespace) -> None:
    from microexpr.stages import train

    run_training(partial(train.run, models_dir=arguments.models), arguments)


def run_training(run: Callable[..., None], arguments: argparse.Namespace) -> None:
    """Call a stage that takes `training_options`."""
    from microexpr.runtime.resources import choose_device, limit_threads

    limit_threads(arguments.threads)
    run(
        Config.load(arguments.config),
        arguments.features,
        arguments.output,
        manifest_path=arguments.manifest,
        folds_path=arguments.folds,
        method=arguments.method,
        n=arguments.n,
        chunk=arguments.chunk,
        device=choose_device(arguments.device),
    )


def _evaluate(arguments: argparse.Namespace) -> None:
    from microexpr.stages import evaluate

    evaluate.run(
        Config.load(arguments.config),
        arguments.predictions,
        manifest_path=arguments.manifest,
        features=arguments.features,
        folder=arguments.folder,
        inner=arguments.inner,
    )


def _compare(arguments: argparse.Namespace) -> None:
    from microexpr.runtime.resources import choose_device, limit_threads
    from microexpr.stages import compare

    limit_threads(arguments.threads)
    compare.run(
        Config.load(arguments.config),
        arguments.caches,
        arguments.output,
        manifest_path=arguments.manifest,
        folds_path=arguments.folds,
        system=arguments.system,
        device=choose_device(arguments.device),
    )


def _comparison(arguments: argparse.Namespace) -> None:
    from microexpr.stages import comparison

    comparison.run(
        Config.load(arguments.config),
        arguments.predictions,
        arguments.output,
        manifest_path=arguments.manifest,
    )
