"""``microexpr stage``: the pipeline's stages as commands, made from what each of them declares."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

from microexpr import stages
from microexpr.cli.arguments import add_machine, whole
from microexpr.config import Config, default_file
from microexpr.runtime.notices import plain_warnings
from microexpr.stages import NAMES, Argument, Option, Reads, Stage, Writes

EPILOG = """\
The workflow runs these commands; the log of each job begins with its settings. By hand, such as
on another cache: microexpr stage crop --help"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "stage",
        help="run one stage of the pipeline by hand",
        description="Run one stage of the pipeline by hand.",
        epilog=EPILOG,
    )
    names = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name in NAMES:
        _add_stage(names, stages.declared(name))


def _add_stage(names: argparse._SubParsersAction[argparse.ArgumentParser], stage: Stage) -> None:
    parser = names.add_parser(stage.name, help=stage.help, description=f"Stage: {stage.help}.")
    groups = {
        Reads: parser.add_argument_group("reads"),
        Writes: parser.add_argument_group("writes"),
        Option: parser,
    }
    for name, argument in stage.arguments.items():
        groups[type(argument.mark)].add_argument(f"--{name}", **_of_argument(argument))
    parser.add_argument(
        "--config",
        default=str(default_file()),
        help="a YAML file, or YAML in one line, such as '{crop: {size_px: 192}}' [%(default)s]",
    )
    add_machine(parser, has_device=stage.device)
    parser.set_defaults(run=partial(_run, stage))


def _of_argument(argument: Argument) -> dict[str, Any]:
    mark, required = argument.mark, argument.default is ...
    if argument.type is bool:
        return {"action": "store_true", "help": mark.help}
    several: dict[str, Any] = {"nargs": "+" if required else "*"} if argument.many else {}
    default = "" if required or argument.default in (None, "", ()) else f" [{argument.default}]"
    return several | {
        "type": whole(0) if argument.type is int else argument.type,
        "required": required,
        "default": None if required else argument.default,
        "metavar": "VALUE" if isinstance(mark, Option) else "FILE",
        "help": mark.help + default,
    }


def _run(stage: Stage, arguments: argparse.Namespace) -> None:
    from microexpr.runtime.resources import choose_device, limit_threads

    values = {name: getattr(arguments, name) for name in stage.arguments}
    chosen = {name: values[name] for name in stage.decisive}
    settings = stage.settings.of(Config.load(arguments.config), **chosen)
    print(f"settings of stage {stage.name}:\n{settings.text()}", file=sys.stderr, flush=True)
    if stage.device:
        values["device"] = choose_device(arguments.device)
    limit_threads(arguments.threads)
    with plain_warnings():
        stage.run(settings, **values)
