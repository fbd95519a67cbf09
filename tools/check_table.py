"""Check what a run has made, target by target: the gate's look at the files.

``python tools/check_table.py [--config FILE] TARGET...`` in the folder that holds ``results``.
Every target of README.md has its files here. `FILE` is laid over config.yaml. Each target has its
line; ends with 1 where files of one are missing or empty, or the table has another shape.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from microexpr.config import Config, overlaid, read_yaml

ROOT = Path(__file__).resolve().parents[1]
# By target, patterns of its files; each pattern has to find one.
FILES = {
    "results/table.csv": (
        *("table.csv", "metrics.csv", "predictions.csv", "comparisons.csv", "confusion.csv"),
        *("table_feature_modes.csv", "folds.csv", "manifest.csv"),
    ),
    "all": ("summary.md", "pages/table.html", "pages/summary.html"),
    "caches": ("features/*/*/*.h5", "faces/*.h5"),
    "results/comparison.csv": ("comparison.csv",),
    "results/ablation.csv": ("ablation.csv",),
    "results/figures/leak.png": ("figures/leak.png", "figures/leak.pdf", "figures/leak.csv"),
    "figures": tuple(
        f"figures/{name}"
        for name in (
            *("accuracy.png", "accuracy.pdf", "accuracy.svg", "crops_1.png", "windows.png"),
            *("confusion_*.png", "training_*.png", "tsne_*.png", "slices_*.png", "motion_*.mp4"),
        )
    ),
    "explain": ("gradcam/regions.csv", "gradcam/pointing.png", "gradcam/overlay/*"),
    "results/model/model.safetensors": (
        *("model/model.safetensors", "model/config.json", "model/provenance.json"),
    ),
    "report": ("report.html", "report.zip"),
}


def missing(target: str, results: Path) -> list[str]:
    """Say which files of a target are not there or are empty.

    Parameters
    ----------
    target : str
        One of `FILES`.
    results : Path
        The folder results.
    """
    problems = []
    for pattern in FILES[target]:
        found = sorted(results.glob(pattern))
        problems += [f"{path} is empty" for path in found if not path.stat().st_size]
        problems += [] if found else [f"there is no {results / pattern}"]
    return problems


def wrong_shape(path: Path, config: Config) -> list[str]:
    """Say what of a table of accuracies is not what the configuration asks for."""
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])  # NA is a name
    sizes = [f"n_{n}" for n in config.windows.n]
    classes = ["Accuracy", *config.data.labels]
    rows = [(method, name) for method in config.magnify.methods for name in classes]
    columns = list(table.columns[: 2 + len(sizes)])
    if columns != ["method", "class", *sizes]:
        return [f"{path} has the columns {columns}"]
    problems = []
    found = list(zip(table["method"], table["class"], strict=True))
    if found != [*rows, ("majority", "Accuracy")]:
        problems.append(f"{path} has the rows {found}")
    bounds = [f"{n}_{side}" for n in sizes for side in ("low", "high")]
    values = table[[*sizes, *bounds]]
    if not (values.ge(0) & values.le(1)).all(axis=None):  # false for an empty cell as well
        problems.append(f"{path} has cells that are empty or not between 0 and 1")
    of_class = config.demo.subjects * config.demo.clips_per_class
    of_all = of_class * len(config.data.labels)  # recall of a class rests on its own clips
    wanted = [of_all if name == "Accuracy" else of_class for name in table["class"]]
    if list(table["clips"]) != wanted:
        problems.append(f"{path} is of {list(table['clips'])} clips, not of {wanted}")
    if set(table["data"]) != {"synthetic"}:
        problems.append(f"{path} does not call its data synthetic")
    return problems


def main(arguments: list[str] | None = None) -> int:
    """Check the targets and print a line each; return 1 when one is not complete."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, help="laid over config.yaml")
    parser.add_argument("targets", nargs="+", choices=FILES, metavar="TARGET")
    given = parser.parse_args(arguments)
    files = [ROOT / "config.yaml", *([given.config] if given.config else [])]
    config = Config.parse(overlaid({}, *map(read_yaml, files)))
    results, failed = Path("results"), False
    for target in given.targets:
        problems = missing(target, results)
        if target == "results/table.csv" and not problems:
            problems = wrong_shape(results / "table.csv", config)
        print(f"target {target}: {'; '.join(problems) or 'complete'}", flush=True)
        failed |= bool(problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
