"""``microexpr weights``: which weights are there, adding one's own, checking them."""

from __future__ import annotations

import argparse
from pathlib import Path

from microexpr.errors import WeightsError

LIST = """\
Networks, the files that serve for each, their known checksums, terms, and what is in its place.
"reported": the checksum was printed by others, the file itself was not seen here."""
ADD = """\
Verify a weights file, convert it to safetensors and put it into the folder weights below the
current one, where the loader looks when features.weights is null. Nothing that the file says is
executed: pickles are read by a reader that knows arrays and refuses all else."""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "weights",
        help="list, add and check the weights of networks",
        description="Weights of the networks that see the frames (features.backbone).",
        epilog="example: microexpr weights add ~/Downloads/resnet50_ft_weight.pkl",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    shown = actions.add_parser("list", help="known files and what is installed", description=LIST)
    shown.set_defaults(run=_list)
    added = actions.add_parser("add", help="verify, convert and install a file", description=ADD)
    added.add_argument("file", type=Path, help=".pth, .pkl, .h5, .npz or .safetensors")
    added.add_argument("--network", help="what it must be [found out from the file]")
    added.add_argument("--sha256", help="expected checksum [the known one, where there is one]")
    added.set_defaults(run=_add)
    checked = actions.add_parser(
        "check",
        help="verify what is installed",
        description="Verify the checksums of all weights in their places, and load each.",
    )
    checked.set_defaults(run=_check)


def _list(arguments: argparse.Namespace) -> None:
    from rich.tree import Tree

    from microexpr.backbones import installing
    from microexpr.backbones.networks import NETWORKS
    from microexpr.backbones.weights import KNOWN
    from microexpr.cli.show import console

    for network in NETWORKS.values():
        tree = Tree(network.name)
        if network.random:
            tree.add("random weights, no file")
        else:
            found = installing.place(network.name)
            tree.add(f"in place: {found}" if found else f"not there: {network.advice}")
            tree.add(f"terms: {network.licence}")
            formats = tree.add("formats")
            for suffix, layout in NETWORKS.load(network.name, "layouts").items():
                formats.add(f"{suffix}: {layout.title}")
        console().print(tree)
    tree = Tree("known checksums")
    for name, known in KNOWN.items():
        reported = ", reported" if known.reported else ""
        tree.add(f"{name}: {known.size_bytes} bytes, sha256 {known.sha256}{reported}")
    console().print(tree)


def _add(arguments: argparse.Namespace) -> None:
    from microexpr.backbones import installing
    from microexpr.backbones.networks import installed

    added = installing.add(arguments.file, network=arguments.network, sha256=arguments.sha256)
    checked = "known" if added["known"] else "not known, compare it with its origin"
    print(f"{added['source_sha256']}  {arguments.file}  ({checked})")
    print(f"{added['sha256']}  {installed(added['network'])}  ({added['network']})")
    print(f"terms: {added['licence']}")


def _check(arguments: argparse.Namespace) -> None:
    from microexpr.backbones import installing
    from microexpr.backbones.networks import NETWORKS
    from microexpr.backbones.weights import build

    problems = []
    for network in NETWORKS.values():
        if network.random:
            continue
        path = installing.place(network.name)
        if path is None:
            print(f"{network.name}: not there")
            continue
        try:
            print(f"{network.name}: {build(network.name).weights_sha256}  {path}")
        except WeightsError as error:
            problems.append(str(error))
            print(f"{network.name}: DAMAGED")
    if problems:
        raise WeightsError("; ".join(problems))
