"""Run a stage in this process, with what it reads of a whole configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microexpr import stages
from microexpr.config import Config


def run_stage(name: str, config: Config, **values: Any) -> None:
    """Run a stage.

    Parameters
    ----------
    name : str
        Its name.
    config : Config
        All keys; the stage sees those that it declares.
    **values
        Inputs, outputs and options.
    """
    stage = stages.declared(name)
    chosen = {key: values[key] for key in stage.decisive if key in values}
    stage.run(stage.settings.of(config, **chosen), **values)


def decode(root: Path, subjects: list[str], frames: Path) -> None:
    """Run stage decode on the manifest that lies in the folder of the data set."""
    manifest = root / "manifest.csv"
    run_stage("decode", Config(), manifest=manifest, frames=frames, root=root, subjects=subjects)
