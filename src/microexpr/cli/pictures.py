"""Stages that draw: figures of the tables, of the crops, of clips over time, and Grad-CAM.

Imports stand inside the functions: torch takes longer to import than some stages take to run.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
from pathlib import Path

from microexpr.cli.stages import Commands, device_option, manifest_option, stage_parser
from microexpr.config import Config

FIGURES = Path("results/figures")


def add_commands(commands: Commands) -> None:
    """Register the stages."""
    figures = stage_parser(commands, "figures", _figures, "draw the tables of a run")
    figures.add_argument("epochs", type=Path, nargs="+", help="of stage train (.epochs.csv)")
    for name in ("metrics", "predictions", "confusion"):
        figures.add_argument(f"--{name}", type=Path, required=True, help="of stage evaluate (.csv)")
    _folder(figures)

    quality = stage_parser(commands, "quality", _quality, "draw every first crop, and the windows")
    quality.add_argument("faces", type=Path, nargs="+", help="caches of faces: all shards (.h5)")
    _folder(quality)

    embedding = stage_parser(commands, "embedding", _embedding, "draw t-SNE of the clips' features")
    embedding.add_argument("features", type=Path, nargs="+", help="caches: all shards (.h5)")
    manifest_option(embedding)
    embedding.add_argument("--method", required=True, help="name of the method")
    embedding.add_argument("--stem", type=Path, required=True, help="output without a suffix")

    motion = stage_parser(commands, "motion", _motion, "draw one clip over time, in all methods")
    motion.add_argument("faces", type=Path, help="cache of faces that holds it (.h5)")
    motion.add_argument("magnified", type=Path, nargs="*", help="the same, one a method (.h5)")
    manifest_option(motion)
    motion.add_argument("--clip", required=True, metavar="ID")
    _folder(motion)

    _add_gradcam(commands)

    explain = stage_parser(commands, "explain", _explain, "tabulate and draw what gradcam found")
    explain.add_argument("maps", type=Path, nargs="+", help="of stage gradcam: all methods (.h5)")
    explain.add_argument("--manifest", type=Path, required=True)
    explain.add_argument(
        "--folder", type=Path, default=Path("results/gradcam"), help="[%(default)s]"
    )
    _clips(explain)


def _add_gradcam(commands: Commands) -> None:
    gradcam = stage_parser(commands, "gradcam", _gradcam, "say where one method's networks look")
    for name, what in (
        ("faces", "caches of faces"),
        ("images", "caches of what the network sees"),
        ("features", "caches of features"),
        ("models", "folders of stage train --models"),
    ):
        gradcam.add_argument(f"--{name}", type=Path, nargs="+", required=True, help=f"{what}: all")
    manifest_option(gradcam)
    gradcam.add_argument("--folds", type=Path, required=True, help="folds.csv")
    gradcam.add_argument("--output", type=Path, required=True, help="folder named as the method")
    _clips(gradcam)
    device_option(gradcam)


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=FIGURES, help="for the files [%(default)s]")


def _clips(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clips", nargs="*", default=(), metavar="ID", help="shown frame by frame")


def _figures(arguments: argparse.Namespace) -> None:
    from microexpr.stages import figures

    figures.run(
        Config.load(arguments.config),
        arguments.epochs,
        arguments.folder,
        metrics=arguments.metrics,
        predictions=arguments.predictions,
        confusion=arguments.confusion,
    )


def _quality(arguments: argparse.Namespace) -> None:
    from microexpr.stages import quality

    quality.run(Config.load(arguments.config), arguments.faces, arguments.folder)


def _embedding(arguments: argparse.Namespace) -> None:
    from microexpr.stages import embedding

    config = Config.load(arguments.config)
    embedding.run(
        config,
        arguments.features,
        arguments.stem,
        manifest_path=arguments.manifest,
        method=arguments.method,
    )


def _motion(arguments: argparse.Namespace) -> None:
    from microexpr.stages import motion

    motion.run(
        Config.load(arguments.config),
        arguments.faces,
        arguments.magnified,
        arguments.folder,
        manifest_path=arguments.manifest,
        clip_id=arguments.clip,
    )


def _gradcam(arguments: argparse.Namespace) -> None:
    from microexpr.explain.inputs import Sources
    from microexpr.runtime.resources import choose_device, limit_threads
    from microexpr.stages import gradcam

    limit_threads(arguments.threads)
    sources = Sources(
        faces=arguments.faces,
        images=arguments.images,
        features=arguments.features,
        models=arguments.models,
        folds=arguments.folds,
        manifest=arguments.manifest,
    )
    gradcam.run(
        Config.load(arguments.config),
        sources,
        arguments.output,
        shown=arguments.clips,
        device=choose_device(arguments.device),
    )


def _explain(arguments: argparse.Namespace) -> None:
    from microexpr.stages import explain

    explain.run(
        Config.load(arguments.config),
        [path.parent for path in arguments.maps],
        arguments.folder,
        manifest_path=arguments.manifest,
        shown=arguments.clips,
    )
