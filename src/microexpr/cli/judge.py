"""``microexpr judge``, predictions of any system; ``microexpr folds``, lists that papers cite."""

import argparse
import json
from pathlib import Path

from microexpr.cli.options import Commands, new_command
from microexpr.runtime.files import write_text

DESCRIPTION = """\
Score predictions of any system as this project scores its own: all tested clips together, with
intervals over subjects, by class, subject and data set, beside controls that see no face; and
find what a reviewer would: subjects on both sides, missing and doubled clips, means over folds,
the best epoch on the test clips, "UAR" that is macro precision, impossible rounding."""
EPILOG = """\
reads: a table (.csv, .xlsx) with clip, subject, label and predicted, optionally fold, seed, epoch,
data_set, content (a checksum), split, p_CLASS; a log with lines "clip label prediction" below each
subject; a log with "Subject:", "Predicted :" and "Ground Truth :".
writes: judgement.html and judgement.json

examples:
  microexpr judge results/predictions.csv --systems pmm/onset_difference/14
  microexpr judge STSTNet_logfile.txt --folds folds/megc2019-loso-v1.csv \\
      --claimed uf1=.7353 uar=.7605 smic:uar=.7013
  microexpr judge theirs.csv --against ours.csv --claimed table2.csv

docs/judge.md explains the findings."""

FOLDS = """\
Write a list of folds, clip_id, subject, label, fold, and its checksum beside it, from any file that
judge reads; predictions are not needed, results/folds.csv serves."""
AFTER_FOLDS = """\
example: microexpr folds STSTNet_logfile.txt folds/megc2019-loso-v1.csv --labels 0=negative
1=positive 2=surprise"""


def add_command(commands: Commands) -> None:
    """Register the command."""
    text = "score predictions of any system, and find what is wrong with them"
    style = argparse.RawDescriptionHelpFormatter
    about = {"description": DESCRIPTION, "epilog": EPILOG, "formatter_class": style}
    parser = new_command(commands, "judge", _judge, text, **about)
    add = parser.add_argument
    add("predictions", type=Path, help="table or log")
    text = "printed values, [DATA_SET:]METRIC=VALUE, or a table with metric, value[, data_set]"
    add("--claimed", nargs="+", default=[], metavar="VALUE", help=text)
    add("--against", type=Path, metavar="FILE", help="predictions of another system")
    text = "list of folds, such as folds/megc2019-loso-v1.csv: clips, labels and folds are compared"
    add("--folds", type=Path, metavar="FILE", help=text)
    text = "METHOD/FEATURE_MODE/N, where a file holds several systems; a second one of --against"
    add("--systems", nargs="+", default=[""], metavar="SYSTEM", help=text)
    add("--output", type=Path, default=Path(), metavar="DIR", help="folder of the two files [.]")


def add_folds(commands: Commands) -> None:
    """Register ``folds``."""
    text = "write a list of folds with its checksum, for protocol.file and papers"
    parser = new_command(commands, "folds", _folds, text, description=FOLDS, epilog=AFTER_FOLDS)
    parser.add_argument("source", type=Path, help="table or log")
    parser.add_argument("list", type=Path, help="list that is written (.csv)")
    text = "what a fold is, where the source names none [subject]"
    parser.add_argument("--by", choices=["subject", "data_set"], default="subject", help=text)
    text = "other names of labels, OLD=NEW"
    parser.add_argument("--labels", nargs="+", default=[], metavar="NAME", help=text)


def _folds(arguments: argparse.Namespace) -> None:
    from microexpr.apps.judge import reading
    from microexpr.protocol import write_list

    rows = reading.read(arguments.source, scored=False).frame
    rows = rows.assign(fold=rows["fold"].where(rows["fold"] != "", rows[arguments.by]))
    names = dict(pair.partition("=")[::2] for pair in arguments.labels)
    rows = rows.rename(columns={"clip": "clip_id"}).replace({"label": names})
    print(f"{write_list(arguments.list, rows.to_dict('records'))}  {arguments.list}")


def _judge(arguments: argparse.Namespace) -> None:
    """Judge, print, and write the page and the JSON."""
    from microexpr.apps.judge import page
    from microexpr.apps.judge.judgement import judge

    names = ("claimed", "against", "folds", "systems")
    found = judge(arguments.predictions, **{name: getattr(arguments, name) for name in names})
    print(*page.lines(found), sep="\n")
    written = {"html": page.html(found), "json": json.dumps(found, indent=1) + "\n"}
    for suffix, text in written.items():
        path = arguments.output / f"judgement.{suffix}"
        write_text(path, text)
        print(f"written: {path}")
