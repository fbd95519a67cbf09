"""Commands that look into files: caches, models, tables and the weights of networks."""

import argparse
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from microexpr.cli.options import Commands, new_command
from microexpr.errors import WeightsError
from microexpr.runtime.printing import printable

if TYPE_CHECKING:
    import pandas as pd

LINE_CHARACTERS = 2000
NAMES = ("method", "against", "class", "test_set", "clip_id", "subject", "label", "predicted")
INSPECT = """\
Show caches (.h5): clips, frames, sizes, share of zeros, origin, checksum, and subjects and labels
where manifest.csv lies beside or in a folder above; trained models and converted weights
(.safetensors): settings and tensors. All values are read, and a cache's checksum is compared."""
VERIFY = """\
Read caches as a whole and compare them with the checksums stored in them; compare tables (.csv) and
other sealed files with the seal beside them (.sha256)."""
LIST = """\
Networks, the files that serve for each, their known checksums, terms, and what is in its place.
"reported": the checksum was printed by others, the file itself was not seen here."""
ADD = """\
Verify a weights file, convert it to safetensors and put it into the folder weights below the
current one, where the loader looks when features.weights is null. Nothing that the file says is
executed: pickles are read by a reader that knows arrays and refuses all else."""


class _Console(Console):
    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text without what would act on the terminal."""
        return super().render_str(printable(text), **options)

    def on_broken_pipe(self) -> None:
        """End as all commands do."""
        raise BrokenPipeError


def console() -> Console:
    """Return a console that wraps on a terminal, and in a file or a pipe neither wraps nor cuts."""
    found = _Console(markup=False, highlight=False)
    if not found.is_terminal:
        found.width = LINE_CHARACTERS
    return found


def add_commands(commands: Commands) -> None:
    """Register ``inspect``, ``verify``, ``show`` and ``weights``."""
    text, about = "show what is in caches, models and weights", {"description": INSPECT}
    about["epilog"] = "example: microexpr inspect results/features/mobilenet_vggface2/pmm/s1-s3.h5"
    inspect = new_command(commands, "inspect", _inspect, text, **about)
    inspect.add_argument("file", type=Path, nargs="+", help="cache, model or weights")
    text = "check caches and tables against their checksums"
    verify = new_command(commands, "verify", _verify, text, description=VERIFY)
    verify.add_argument("file", type=Path, nargs="+")
    text = "print table.csv or test_sets.csv"
    whole = "Print a table of accuracy against N, or of parts; any table of ours as CSV or JSON."
    show = new_command(commands, "show", _show, text, description=whole)
    show.add_argument("table", type=Path)
    form = show.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="as it is in the file, for a program")
    form.add_argument("--json", action="store_true", help="a list with an object for each row")
    weights = commands.add_parser(
        "weights",
        help="list, add and check the weights of networks",
        description="Weights of the networks that see the frames (features.backbone).",
        epilog="example: microexpr weights add ~/Downloads/resnet50_ft_weight.pkl",
    )
    actions = weights.add_subparsers(dest="action", required=True, metavar="ACTION")
    new_command(actions, "list", _list, "known files and what is installed", description=LIST)
    text = "verify, convert and install a file"
    add = new_command(actions, "add", _add, text, description=ADD).add_argument
    add("file", type=Path, help=".pth, .pkl, .h5, .npz or .safetensors")
    add("--network", help="what it must be [found out from the file]")
    add("--sha256", help="expected checksum [the known one, where there is one]")
    text = "Verify the checksums of all weights in their places, and load each."
    new_command(actions, "check", _check, "verify what is installed", description=text)


def _inspect(arguments: argparse.Namespace) -> None:
    from microexpr.cache.inspection import tree

    for path in arguments.file:
        console().print(tree(path))


def _verify(arguments: argparse.Namespace) -> None:
    from microexpr.cache import verify
    from microexpr.runtime.tables import check_seal, seal_of

    for path in arguments.file:
        ours = path.suffix == ".csv" or seal_of(path).exists()
        check = check_seal if ours else verify
        print(f"{check(path)}  {path}")


def _show(arguments: argparse.Namespace) -> None:
    from microexpr.evaluation.tables import render_parts, render_table
    from microexpr.runtime.tables import read_text

    frame = read_text(arguments.table)
    if arguments.csv:
        print(frame.to_csv(index=False), end="")
    elif arguments.json:
        print(frame.apply(_numbers).to_json(orient="records", indent=1, force_ascii=False))
    elif "test_set" in frame:
        console().print(render_parts(frame))
    else:
        Console().print(render_table(arguments.table))


def _numbers(cells: "pd.Series") -> "pd.Series":
    """Turn a column of numbers into numbers; names stay text, such as a class that is called 1."""
    import pandas as pd

    with suppress(ValueError):
        return cells if cells.name in NAMES else pd.to_numeric(cells.replace("", None))
    return cells


def _list(arguments: argparse.Namespace) -> None:
    from rich.tree import Tree

    from microexpr.backbones.networks import NETWORKS
    from microexpr.backbones.weights import KNOWN, place

    for network in NETWORKS.values():
        tree = Tree(network.name)
        if network.random:
            tree.add("random weights, no file")
        else:
            found = place(network.name)
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
    from microexpr.backbones.networks import installed
    from microexpr.backbones.weights import add

    added = add(arguments.file, network=arguments.network, sha256=arguments.sha256)
    checked = "known" if added["known"] else "not known, compare it with its origin"
    print(f"{added['source_sha256']}  {arguments.file}  ({checked})")
    print(f"{added['sha256']}  {installed(added['network'])}  ({added['network']})")
    print(f"terms: {added['licence']}")


def _check(arguments: argparse.Namespace) -> None:
    from microexpr.backbones.networks import NETWORKS
    from microexpr.backbones.weights import build, place

    problems = []
    for name in (network.name for network in NETWORKS.values() if not network.random):
        try:
            path = place(name)
            print(f"{name}: {f'{build(name).weights_sha256}  {path}' if path else 'not there'}")
        except WeightsError as error:
            problems.append(str(error))
            print(f"{name}: DAMAGED")
    if problems:
        raise WeightsError("; ".join(problems))
