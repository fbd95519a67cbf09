"""Train the flow networks on the flow maps that others published, under leave one subject out.

The repository wangzhifengharrison/HTNet holds flow and strain (28 x 28) of all 442 clips of the
composite of SMIC, CASME II and SAMM, without faces: each map scaled to 0..255 per clip and
channel. No clip of these data sets is needed to check a network against figures of other groups.

    git clone https://github.com/wangzhifengharrison/HTNet
    python benchmarks/published_maps.py HTNet --systems ststnet --seeds 0 1 2

Finished folds are kept in ``--keep``: a run that was stopped goes on. SSSNet, whose inputs have 64
x 64 px, is made for the 28 x 28 of these maps.
"""

import argparse
import csv
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from sklearn.metrics import f1_score, precision_score, recall_score

from microexpr import baselines
from microexpr.baselines.apex_networks import SSSNet
from microexpr.baselines.base import Descriptors
from microexpr.baselines.networks import NetworkSystem
from microexpr.config import Config
from microexpr.protocol import Fold
from microexpr.protocol.splits import make_folds

TABLE = "combined_3_class2_for_optical_flow.csv"
FOLDER = "datasets/STSNet_whole_norm_u_v_os"
CLASSES = ("negative", "positive", "surprise")
PARTS = ("", "smic", "casme2", "samm")
CHANNELS = {"off_apexnet": [2, 1]}  # horizontal, vertical; the pictures have strain, v, u
OTHERS = """\
others, UF1 (full, SMIC, CASME II, SAMM):
  STSTNet, meb, 500 epochs, last epoch     .713 .714 .704 .662
  STSTNet, meb, best epoch on the subject  .774 .721 .869 .704
  STSTNet, authors' log                    .735 .680 .838 .659
  STSTNet, authors' weights                .721
  OFF-ApexNet, meb, last epoch             .703 .683 .774 .605
  OFF-ApexNet, meb, best epoch on subject  .839 .782 .928 .790
  SSSNet, meb, SMIC                             .699"""


class Maps(NamedTuple):
    """The published maps, their data sets, and the folds."""

    clips: Descriptors
    datasets: np.ndarray  # (clips,) text
    folds: list[Fold]


def read_maps(repository: Path) -> Maps:
    """Read the maps, (442, 3, 28, 28) grey levels in the order strain, vertical, horizontal."""
    with (repository / TABLE).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    maps = []
    for row in rows:
        path = repository / FOLDER / f"{row['sub']}_{row['filename_o']} .png"
        picture = cv2.imread(str(path))
        if picture is None:
            raise SystemExit(f"{path}: no picture")
        maps.append(picture.transpose(2, 0, 1))
    names = tuple(f"{row['dataset']}_{row['sub']}_{row['filename_o']}" for row in rows)
    subjects = tuple(f"{row['dataset']}_{row['sub']}" for row in rows)
    labels = tuple(CLASSES[int(row["label"])] for row in rows)
    values = np.stack(maps).astype(np.float32)
    clips = Descriptors(names, subjects, labels, values, digest="published maps")
    folds = make_folds(names, subjects, labels, name="loso", classes=CLASSES)
    return Maps(clips, np.array([row["dataset"] for row in rows]), folds)


def system_for_maps(name: str, epochs: int | None) -> NetworkSystem:
    """Build a system that takes the maps as they are."""
    changes: dict[str, Any] = {"epochs": epochs, "ststnet": {"maps": "grey_levels"}}
    config: Any = Config.parse({"compare": changes})
    system = baselines.build(name, config)
    assert isinstance(system, NetworkSystem)
    if isinstance(system, SSSNet):
        system.size_px = 28
    return system


def history(system: NetworkSystem, maps: Maps, seed: int, keep: Path, threads: int) -> np.ndarray:
    """Return the class predicted for each clip after each epoch, (epochs, clips) int8."""
    clips, folds = maps.clips, maps.folds
    chosen = CHANNELS.get(system.name)
    if chosen:
        values = np.ascontiguousarray(clips.values[:, chosen])
        clips = Descriptors(clips.clip_ids, clips.subjects, clips.labels, values, digest="two")
    found = np.full((system.schedule.epochs, len(clips.clip_ids)), -1, np.int8)
    size = system.together
    groups = [folds[i : i + size] for i in range(0, len(folds), size)]

    def train(number: int) -> np.ndarray:
        file = keep / f"{system.name}_{len(found)}_{seed}_{number}.npy"
        if not file.is_file():
            start = time.thread_time()
            steps = system.each_epoch(clips, groups[number], seed=seed)
            rows = [np.concatenate([p.predicted for p in step]) for step in steps]
            np.save(file, np.array(rows, np.int8))
            seconds = time.thread_time() - start
            print(f"{system.name} seed {seed}: group {number + 1} of {len(groups)}, {seconds:.0f} s"
                  " of processor time", flush=True)  # fmt: skip
        return np.load(file)

    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(train, range(len(groups))))
    for group, rows in zip(groups, results, strict=True):
        found[:, [clip for fold in group for clip in fold.test]] = rows
    return found


def best_on_test(found: np.ndarray, truth: np.ndarray, folds: Sequence[Fold]) -> np.ndarray:
    """Choose in each fold the epoch that is best on the tested clips: what nobody may do."""
    chosen = found[-1].copy()
    for fold in folds:
        test = list(fold.test)
        right = (found[:, test] == truth[test]).mean(axis=1)
        chosen[test] = found[right.argmax(), test]
    return chosen


def show(title: str, predicted: np.ndarray, truth: np.ndarray, datasets: np.ndarray) -> None:
    """Print UF1, mean recall and macro precision of all clips and of each data set."""
    rows = []
    for score in (f1_score, recall_score, precision_score):
        parts = [(datasets == part) if part else (truth >= 0) for part in PARTS]
        options: dict[str, Any] = {"average": "macro", "zero_division": 0}
        rows.append(" ".join(f"{score(truth[p], predicted[p], **options):.3f}" for p in parts))
    print(f"{title:44s} UF1 {rows[0]} | UAR {rows[1]} | precision {rows[2]}", flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("repository", type=Path, help="HTNet's repository")
    parser.add_argument("--systems", nargs="+", default=["ststnet", "off_apexnet", "sssnet"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="of all systems [each one's own]")
    parser.add_argument("--threads", type=int, default=2, help="groups of folds at a time")
    parser.add_argument("--keep", type=Path, default=Path("published_maps.progress"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.keep.mkdir(parents=True, exist_ok=True)
    maps = read_maps(given.repository)
    truth = np.array([CLASSES.index(label) for label in maps.clips.labels])
    for name in given.systems:
        for seed in given.seeds:
            system = system_for_maps(name, given.epochs)
            start = time.perf_counter()
            found = history(system, maps, seed, given.keep, given.threads)
            print(f"{name}, seed {seed}: {time.perf_counter() - start:.0f} s")
            if len(found) > 500:
                show(f"{name}, seed {seed}, 500 epochs", found[499], truth, maps.datasets)
            show(f"{name}, seed {seed}, {len(found)} epochs", found[-1], truth, maps.datasets)
            chosen = best_on_test(found, truth, maps.folds)
            show(f"{name}, seed {seed}, BEST EPOCH ON TEST", chosen, truth, maps.datasets)
    print(OTHERS)


if __name__ == "__main__":
    main()
