"""Run every stage on a disk that is full, then on one that is read-only; a program of its own.

Started in a mount namespace: ``unshare --mount python full_disk.py FOLDER``. FOLDER becomes a small
disk that is gone when this program ends. The working folder is a finished project. What happened
is printed as JSON.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

import pandas as pd
import yaml

import microexpr.stages
from microexpr.ablation import rows
from microexpr.cli import main
from microexpr.config import Config

# Sections beside those of the smallest run: all of it about one arm and one N.
N = 9
SETTINGS = {
    "train": {"epochs": 2, "readings": ["onset_difference"], "parts": 1},
    "select": {"folds": 2},
    "ablation": {"method": "none", "n": N},
    "leak": {"methods": ["none"], "n": N},
    "compare": {"systems": ["evm_tim"], "against": {"method": "none", "n": N}},
    "explain": {"methods": ["none"], "n": N, "blocks": [13]},
    "model": {"method": "none", "n": N},
}
NEEDED = ("decode", "train --models", "compare", "leak", "model", "motion", "gradcam")
CLIP = "s3_po_01"
SHARDS = ("s1-s2", "s3")
FACES = [f"results/faces/{shard}.h5" for shard in SHARDS]
FEATURES = [f"results/features/mobilenet_vggface2/none/{shard}.h5" for shard in SHARDS]
PARTS = [
    f"results/train/{m}/N{n}/part{p}.csv" for m in ("pmm", "none") for n in (7, 9) for p in (0, 1)
]
MANIFEST = ("--manifest", "results/manifest.csv")
FOLDS = ("--folds", "results/folds.csv")
ONE_CACHE = ("--features", FEATURES[0])
TABLES = [f"--{name}=results/{name}.csv" for name in ("metrics", "predictions", "confusion")]
ALL_CACHES = ("--faces", *FACES, "--images", *FACES, "--features", *FEATURES)


def clips(out: Path, made: Path) -> dict[str, list[object]]:
    """Give the command line of each stage that works on clips."""
    manifest = MANIFEST[1]
    return {
        "index": ["index", out / "manifest.csv"],
        "demo": ["demo", out / "demo", "--subjects", "s3"],
        "decode": ["decode", manifest, out / "frames.h5", "--subjects", "s3"],
        "crop": ["crop", made / "frames.h5", out / "faces.h5"],
        "magnify": ["magnify", FACES[1], out / "magnified.h5", "--method", "pmm"],
        "features": ["features", FACES[1], out / "features.h5"],
    }


def networks(out: Path, made: Path) -> dict[str, list[object]]:
    """Give the command line of each stage that trains, tests or counts."""
    arm = ("--method", "none")
    training = (*FOLDS, *arm, "--n", N)
    train = ["train", *FEATURES, "--output", out / "train.csv", *training]
    systems = [made / "evm_tim.csv", made / "train.csv"]
    return {
        "split": ["split", MANIFEST[1], out / "folds.csv"],
        "train": train,
        "train --models": [*train, "--models", out / "models"],
        "inner": ["inner", *FEATURES, "--output", out / "inner.csv", *training],
        "evaluate": ["evaluate", *PARTS, *MANIFEST, *ONE_CACHE, "--folder", out / "tables"],
        "compare": [
            *("compare", *FACES, "--output", out / "evm_tim.csv", *FOLDS, "--system", "evm_tim")
        ],
        "comparison": ["comparison", *systems, "--output", out / "comparison.csv", *MANIFEST],
        "ablation": [
            *("ablation", made / "rows.csv", "--output", out / "ablation.csv"),
            *(*MANIFEST, *ONE_CACHE),
        ],
        "leak": ["leak", *FEATURES, "--output", out / "leak.csv", *arm],
        "model": ["model", *FEATURES, "--metrics=results/metrics.csv", "--output", out / "model"],
    }


def pictures(out: Path, made: Path) -> dict[str, list[object]]:
    """Give the command line of each stage that draws or makes pages."""
    epochs = [path.replace(".csv", ".epochs.csv") for path in PARTS]
    shown, table = ("--clips", CLIP), "results/table.csv"
    magnified = "results/magnified/pmm/s3.h5"
    folder = ("--folder", out / "figures")
    return {
        "figures": ["figures", *epochs, *TABLES, *folder],
        "quality": ["quality", *FACES, *folder],
        "embedding": ["embedding", *FEATURES, "--method", "none", "--stem", out / "tsne"],
        "motion": ["motion", FACES[1], magnified, "--clip", CLIP, *folder],
        "leak_plot": ["leak_plot", made / "leak.csv", "--output", out / "leak_plot.csv"],
        "gradcam": [
            *("gradcam", *ALL_CACHES, "--models", made / "models", *FOLDS),
            *("--output", out / "none", *shown),
        ],
        "explain": [
            *("explain", made / "none/maps.h5", *MANIFEST, "--folder", out / "explain", *shown)
        ],
        "summary": [
            *("summary", table, out / "summary.md", *MANIFEST, *ONE_CACHE),
            *("--pages", out / "pages"),
        ],
        "pages": ["pages", table, "--output", out / "table.html", "--cells", out / "cells"],
    }


def by_hand(out: Path, made: Path) -> dict[str, list[object]]:
    """Give the command lines of what no rule runs."""
    video = made / f"figures/motion_{CLIP}.mp4"
    low = ("--method", "amm", "--passband", 1, 4)  # the video plays slowly
    answers = ("--model", made / "model", "--output", out / "answers")
    return {
        "magnify a video": ["magnify", video, out / "magnified.mp4", *low],
        "predict": ["predict", video, *answers],
    }


def run(arguments: list[object], log: Path) -> int:
    """Run a command in a child, which ends as any process does; give its exit code."""
    child = os.fork()
    if child == 0:
        sys.stderr = sys.stdout = log.open("w")
        os.dup2(sys.stderr.fileno(), 2)
        code = 1
        try:
            code = main([str(argument) for argument in arguments])
        except BaseException:  # the interpreter itself would do no more
            traceback.print_exc()
        gc.collect()  # what lets go of its file only now
        sys.stderr.flush()
        os._exit(code)  # torch alone takes two seconds to leave
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fill(disk: Path) -> None:
    """Leave no byte."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


def clear(disk: Path) -> None:
    """Remove what the stage before left."""
    for path in disk.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def everything(disk: Path, made: Path, config: Path, how: str) -> dict[str, dict[str, object]]:
    """Run all stages, or those that others need; give exit code, message and files left of each."""
    found, log = {}, made.with_name("log")
    commands = clips(disk, made) | networks(disk, made) | pictures(disk, made)
    commands = {stage: [*words, "--config", config] for stage, words in commands.items()}
    for stage, arguments in (commands | by_hand(disk, made)).items():
        if how == "well" and stage not in NEEDED:
            continue
        if how in ("nearly", "wholly"):
            clear(disk)
        if how == "wholly":
            fill(disk)
        code = run(arguments, log)
        lines = [line for line in log.read_text().splitlines() if line]
        left = sorted(str(p.relative_to(disk)) for p in disk.rglob("*") if p.is_file())
        found[stage] = {"code": code, "lines": lines, "left": left}
    return found


def write_rows(made: Path) -> None:
    """Answers of one run under the names of all rows of the ablation."""
    answers = pd.read_csv(made / "train.csv", dtype=str, keep_default_na=False)
    systems = [row.system for row in rows(Config.parse(SETTINGS))]
    named = [answers.assign(method=method, reading=reading) for method, reading, _ in systems]
    pd.concat(named).to_csv(made / "rows.csv", index=False)


def program(disk: Path) -> None:
    for stage in pkgutil.iter_modules(microexpr.stages.__path__):
        # Loaded once for all children.
        importlib.import_module(f"microexpr.stages.{stage.name}")
    gc.freeze()
    made, config = disk.with_name("made"), disk.with_name("config.yaml")
    made.mkdir()
    smallest = yaml.safe_load(Path("config/ci.yaml").read_text(encoding="utf-8"))
    config.write_text(json.dumps(smallest | SETTINGS), encoding="utf-8")
    # On a good disk: what the stages read that stand behind others.
    found = {"well": everything(made, made, config, "well")}
    write_rows(made)
    # The tables fit, no cache does.
    mount("-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk))
    for how in ("nearly", "wholly"):
        found[how] = everything(disk, made, config, how)
    clear(disk)
    (disk / "frames.h5").write_text("an older result")
    mount("-o", "remount,ro", str(disk))
    found["read-only"] = everything(disk, made, config, "read-only")
    print(json.dumps(found))


if __name__ == "__main__":
    program(Path(sys.argv[1]))
