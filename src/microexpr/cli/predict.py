"""``microexpr predict``: apply an exported model to other videos."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microexpr.cli.options import RATE, Commands, add_machine, new_command
from microexpr.errors import DataError, about_clip
from microexpr.runtime.notices import plain_warnings

if TYPE_CHECKING:
    from microexpr.apps.predict.exported_model import Exported
    from microexpr.apps.predict.run import Request
    from microexpr.datasets.manifest import Clip

log = logging.getLogger(__name__)
DESCRIPTION = """\
Class probabilities for given clips, by the model that `snakemake results/model/model.safetensors`
exports. Each clip is decoded, cropped, magnified and seen by the network as the training clips
were. This is recognition of a given clip, not spotting: the model says which class fits best, not
whether a micro-expression is there."""
EPILOG = """\
A clip longer than a piece is cut into overlapping pieces; each is predicted as a clip of its own,
and the prediction for the clip is their mean. Memory does not grow with the video.

written to the folder, for each clip:
  NAME.windows.csv  probabilities of each window of N frames
  NAME.pieces.csv   probabilities of each piece, frames without a face
  NAME.json         both, the clip's prediction, notices, the model's out-of-fold accuracy
  NAME.mp4          the video with crop, face and probabilities
and clips.csv, one row per clip of this run. No clip is predicted twice from the same files.

examples:
  microexpr predict face.mp4
  microexpr predict 'clips/*.mp4' --output predictions --no-video
  microexpr predict frames/ --fps 100
  microexpr predict long.mp4 --piece 60 --step 15

docs/predict.md shows the output. Exit status 2: a clip had no face or could not be read."""


def add_command(commands: Commands) -> None:
    """Register the command."""
    text, how = "apply an exported model to videos", argparse.RawDescriptionHelpFormatter
    about: dict[str, Any] = {"description": DESCRIPTION, "epilog": EPILOG, "formatter_class": how}
    parser = new_command(commands, "predict", run, text, **about)
    add = parser.add_argument
    add("source", metavar="VIDEO", nargs="+", help="video, folder of numbered images, or glob")
    add("--model", default="results/model", metavar="DIR", help="exported model [%(default)s]")
    text, there = "folder of the results [%(default)s]", Path("predictions")
    add("--output", type=Path, default=there, metavar="DIR", help=text)
    add("--weights", metavar="FILE", help="weights of the backbone [the shipped or installed file]")
    add("--fps", type=RATE, help="camera frame rate: for images, and where a video is wrong")
    piece, step = "length of a piece [the longest training clip]", "distance of two pieces"
    add("--piece", type=int, metavar="FRAMES", help=piece)
    add("--step", type=int, metavar="FRAMES", help=f"{step} [half a piece]")
    text = "write no annotated video"
    add("--no-video", dest="annotate", action="store_false", help=text)
    add_machine(parser)


def run(arguments: argparse.Namespace) -> None:
    """Predict; of several clips, errors are raised when all others have been predicted."""
    from microexpr.apps.predict import exported_model
    from microexpr.apps.predict.run import check_places, find, make_request
    from microexpr.runtime.resources import choose_device, limit_threads

    clips = find(arguments.source, arguments.fps)
    device = choose_device(arguments.device)
    limit_threads(arguments.threads)
    model = exported_model.load(arguments.model, weights_path=arguments.weights, device=device)
    cut = {"piece": arguments.piece, "step": arguments.step}
    request = make_request(model, arguments.output, **cut, annotate=arguments.annotate)
    check_places(request, clips)
    with plain_warnings():
        rows, failed = _predict_all(model, clips, request)
    if rows:
        _print(rows, model.labels)
    print(f"Model: {exported_model.sentence(model.about['accuracy'])}.")
    if note := model.about["trained_on"]["note"]:
        print(note)
    if failed:
        more = f" (and {len(failed) - 1} more of {len(clips)} clips)" if failed[1:] else ""
        raise DataError(f"{failed[0]}{more}")


def _predict_all(
    model: Exported, clips: list[Clip], request: Request
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of the clips with a prediction, and why others have none."""
    import pandas as pd

    from microexpr.apps.predict.prediction_files import DECIMALS, flat
    from microexpr.apps.predict.run import predict_clip
    from microexpr.runtime.files import write_text

    rows, failed = [], []
    for clip in clips:
        try:
            with about_clip(clip.clip_id):
                rows.append(predict_clip(model, clip, request))
        except DataError as error:
            failed.append(str(error))
            if len(clips) > 1:
                log.error("%s", failed[-1])
    if rows:
        table = pd.DataFrame(map(flat, rows))
        text = table.to_csv(index=False, float_format=f"%.{DECIMALS}f", lineterminator="\n")
        write_text(request.folder / "clips.csv", text)
    return rows, failed


def _print(rows: list[dict[str, Any]], labels: list[str]) -> None:
    from rich.table import Table

    from microexpr.apps.predict.pieces import WHAT
    from microexpr.cli.show import console

    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("clip", "frames", "no face", "pieces", "windows", "predicted", *labels):
        table.add_column(name, justify="left" if name in ("clip", "predicted") else "right")
    for row in rows:
        pieces = f"{row['pieces_predicted']}/{row['pieces']}"
        counts = map(str, (row["frames"], row["frames_without_face"], pieces, row["windows"]))
        shares = (f"{row['probabilities'][label]:.2f}" for label in labels)
        table.add_row(row["clip"], *counts, row["predicted"], *shares)
    console().print(table)
    print(WHAT)
