"""``microexpr predict``: what an exported model says of other videos."""
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microexpr.errors import DataError
from microexpr.runtime.notices import plain_warnings

if TYPE_CHECKING:
    from microexpr.apps.predict.model import Exported
    from microexpr.apps.predict.run import Request
    from microexpr.apps.predict.sources import Source

log = logging.getLogger(__name__)
DESCRIPTION = """\
Class probabilities for given clips, by the model that `snakemake results/model/model.safetensors`
exports. Each clip is decoded, cropped, magnified and seen by the network as the training clips
were. This is recognition of a given clip, not spotting: the model says which class fits best, not
whether a micro-expression is there."""
EPILOG = """\
A clip longer than a piece is cut into overlapping pieces; each is answered as a clip of its own,
and the answer for the clip is their mean. Memory does not grow with the video.

written to the folder, for each clip:
  NAME.windows.csv  probabilities of each window of N frames
  NAME.pieces.csv   probabilities of each piece, frames without a face
  NAME.json         both, the clip's answer, notices, the model's honest accuracy
  NAME.mp4          the video with crop, face and probabilities
and clips.csv, a row a clip of this run. Clips that were answered before are not answered again.

examples:
  microexpr predict face.mp4
  microexpr predict 'clips/*.mp4' --output answers --no-video
  microexpr predict frames/ --fps 100
  microexpr predict long.mp4 --piece 60 --step 15

docs/predict.md shows the output. Exit status 2: a clip had no face or could not be read."""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "predict",
        help="what an exported model says of videos",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "source", metavar="VIDEO", nargs="+", help="video, folder of numbered images, or glob"
    )
    parser.add_argument(
        "--model", default="results/model", metavar="DIR", help="exported model [%(default)s]"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("predictions"), metavar="DIR", help="[%(default)s]"
    )
    parser.add_argument(
        "--weights", metavar="FILE", help="of the backbone [the shipped or installed file]"
    )
    parser.add_argument(
        "--fps", type=float, help="true rate of the camera: for images, and where a video's is not"
    )
    parser.add_argument(
        "--piece", type=int, metavar="FRAMES", help="cut longer clips [the longest training clip]"
    )
    parser.add_argument(
        "--step", type=int, metavar="FRAMES", help="between the starts of pieces [half a piece]"
    )
    parser.add_argument(
        "--no-video", dest="annotate", action="store_false", help="write no annotated video"
    )
    parser.add_argument("--threads", type=int, default=1, help="processor threads [%(default)s]")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto [%(default)s]")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises
    ------
    MicroexprError
        Whatever the user can mend; of several clips, when all others have been answered.
    """
    from microexpr.apps.predict import accuracy
    from microexpr.apps.predict import model as exported
    from microexpr.apps.predict.run import check_places, make_request
    from microexpr.apps.predict.sources import find
    from microexpr.runtime.resources import choose_device, limit_threads

    if arguments.fps is not None and not arguments.fps > 0:
        raise DataError(f"--fps: {arguments.fps:g} must be positive")
    sources = find(arguments.source, arguments.fps)
    device = choose_device(arguments.device)
    limit_threads(arguments.threads)
    model = exported.load(arguments.model, weights_path=arguments.weights, device=device)
    request = make_request(
        model,
        arguments.output,
        piece=arguments.piece,
        step=arguments.step,
        annotate=arguments.annotate,
    )
    check_places(request, sources)
    with plain_warnings():
        rows, failed = _answer_all(model, sources, request)
    if rows:
        _print(rows, model.labels)
    print(f"Model: {accuracy.sentence(model.about['accuracy'])}.")
    if note := model.about["trained_on"]["note"]:
        print(note)
    if failed:
        more = f" (and {len(failed) - 1} more of {len(sources)} clips)" if failed[1:] else ""
        raise DataError(f"{failed[0]}{more}")


def _answer_all(
    model: Exported, sources: list[Source], request: Request
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of the clips that are answered, and why others are not."""
    import pandas as pd

    from microexpr.apps.predict.outputs import DECIMALS, columns
    from microexpr.apps.predict.run import answer_clip
    from microexpr.runtime.files import write_text

    rows, failed = [], []
    for source in sources:
        try:
            rows.append(answer_clip(model, source, request))
        except DataError as error:
            text = str(error)
            failed.append(text if source.name in text else f"{source.name}: {text}")
            if len(sources) > 1:
                log.error("%s", failed[-1])
    if rows:
        flat = [
            {k: v for k, v in row.items() if k != "probabilities"} | columns(row["probabilities"])
            for row in rows
        ]
        text = pd.DataFrame(flat).to_csv(
            index=False, float_format=f"%.{DECIMALS}f", lineterminator="\n"
        )
        write_text(request.folder / "clips.csv", text)
    return rows, failed


def _print(rows: list[dict[str, Any]], labels: list[str]) -> None:
    from rich.table import Table

    from microexpr.apps.predict.recognise import WHAT
    from microexpr.cli.show import console

    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("clip", "frames", "no face", "pieces", "windows", "answer", *labels):
        right = name not in ("clip", "answer")
        table.add_column(name, justify="right" if right else "left")
    for row in rows:
        pieces = f"{row['pieces_answered']}/{row['pieces']}"
        table.add_row(
            row["clip"],
            str(row["frames"]),
            str(row["frames_without_face"]),
            pieces,
            str(row["windows"]),
            row["predicted"],
            *(f"{row['probabilities'][label]:.2f}" for label in labels),
        )
    console().print(table)
    print(WHAT)
