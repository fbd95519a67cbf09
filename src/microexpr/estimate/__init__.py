"""What a run costs before it is paid: jobs, disk and time of each stage, on this machine.

Each stage does its own work on a sample: one clip, and a few of them for training. What that takes
is multiplied by what the plan holds. Nothing is written but in a temporary folder.
"""

import logging
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microexpr import datasets, stages
from microexpr.backbones.networks import NETWORKS
from microexpr.backbones.weights import network_of
from microexpr.cache import open_cache
from microexpr.config import Config
from microexpr.datasets import indexed, manifest
from microexpr.errors import DataError, WeightsError
from microexpr.pipeline.plan import Plan
from microexpr.protocol import Fold
from microexpr.protocol.splits import folds_of
from microexpr.runtime.resources import choose_device
from microexpr.stages.train import TrainSettings
from microexpr.studies.variants import controls_trained
from microexpr.training.chunks import fine_tuned_blocks, recipe_of
from microexpr.training.feature_modes import pooled_sums
from microexpr.training.fold import train_fold
from microexpr.training.store import FeatureStore

SAMPLE_CLIPS, SAMPLE_MAPS = 18, 3  # that are trained on: of pooled features, of maps
LONG_S = 4.0
SCHEDULED_S = 0.4  # that Snakemake spends on a job
ON_GPU = ("features", "train", "train_controls")


@dataclass(frozen=True)
class Cost:
    """What a stage costs."""

    stage: str
    jobs: int
    seconds: float  # of one core, or of the GPU
    disk_bytes: int


def estimate(plan: Plan, cores: int) -> tuple[list[Cost], float]:
    """Return the cost of each stage up to ``results/table.csv``, and the seconds on `cores`.

    DataError: there is no clip, or its length is not known yet.
    """
    clips = _clips(plan)
    if not clips or not all(clip.frames for clip in clips):
        raise DataError("lengths of clips are not known yet: snakemake results/manifest.csv first")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the jobs
    try:
        with tempfile.TemporaryDirectory() as folder, _quiet():
            device = choose_device("auto")
            sample = _Sample(plan, clips, Path(folder), device)
            costs = [*sample.of_frames(), *sample.of_training()]
    finally:
        torch.set_num_threads(threads)
    start = _start_s()
    costs = [replace(c, seconds=c.seconds + c.jobs * (start + SCHEDULED_S)) for c in costs]
    at_once = {c.stage: 1 if device != "cpu" and c.stage in ON_GPU else cores for c in costs}
    # Jobs of a stage that is done in fewer jobs than there are cores leave cores idle.
    return costs, sum(c.seconds / min(at_once[c.stage], c.jobs) for c in costs)


def _clips(plan: Plan) -> list[manifest.Clip]:
    """List the clips with their lengths, which a plan does without."""
    if plan.config.data.kind == "demo":
        return datasets.read(plan.config.data, plan.config.demo).clips
    known = Path("results") / indexed.MANIFEST
    return manifest.read(known) if known.is_file() else plan.listing.clips


class _Sample:
    """One clip on its way through the stages."""

    def __init__(self, plan: Plan, clips: list[manifest.Clip], folder: Path, device: str) -> None:
        self._plan, self._clips, self._folder, self._device = plan, clips, folder, device
        self._config = _without_weights(plan.config)
        middle = statistics.median_low(clip.frames for clip in clips)
        self._clip = next(clip for clip in clips if clip.frames == middle)
        self._share = sum(clip.frames for clip in clips) / middle  # of all frames to the sample's
        self._maps: tuple[int, ...] = ()

    def of_frames(self) -> Iterator[Cost]:
        """Run the stages from the data set to features."""
        root, jobs = Path(self._config.data.root), len(self._plan.shards)
        rows, clip = self._folder / "manifest.csv", self._clip
        manifest.write(rows, [clip])
        path = {name: self._folder / f"{name}.h5" for name in ("frames", "faces", "features")}
        given: dict[str, Any] = {"subjects": [clip.subject]}
        if self._config.data.kind == "demo":
            root, whole = (
                self._folder / "demo",
                [c for c in self._clips if c.subject == clip.subject],
            )
            took = self._run("demo", done=self._folder / "demo.json", root=root, **given)
            frames = sum(c.frames for c in self._clips), sum(c.frames for c in whole)
            yield Cost(
                "demo", jobs, took * frames[0] / frames[1], _size(root) * frames[0] // frames[1]
            )
        given |= {"manifest": rows, "root": root}
        yield self._cost("decode", jobs, 0, frames=path["frames"], **given)
        yield self._cost("crop", jobs, path["faces"], frames=path["frames"], faces=path["faces"])
        shown = self._config.magnify.methods
        for method in [name for name in shown if name != "none"]:
            out = self._folder / f"{method}.h5"
            yield self._cost(
                "magnify", jobs, out, faces=path["faces"], magnified=out, method=method
            )
        how = {"images": path["faces"], "features": path["features"], "device": self._device}
        found = self._cost("features", jobs, path["features"], **how)
        with open_cache(path["features"], "features") as cache:
            self._maps = cache[clip.clip_id].data.shape[1:]
        yield _times(found, len(shown))

    def of_training(self) -> Iterator[Cost]:
        """Train on clips of random features, as large as the data set's."""
        config, settings = self._config, TrainSettings.of(self._config)
        labels, train = config.data.labels, config.train
        folds = folds_of(config.protocol, labels, self._clips, {})
        pooled = self._maps[1:] == (1, 1)
        count = min(SAMPLE_CLIPS if pooled else SAMPLE_MAPS, len(self._clips) - 1)
        shape, rng = (self._clip.frames, *self._maps), np.random.default_rng(0)
        clips = {
            f"c{i}": rng.random(shape, np.float32).astype(np.float16) for i in range(count + 1)
        }
        names = [labels[i % len(labels)] for i in range(count + 1)]
        store = FeatureStore.from_arrays(clips, subjects=list(clips), labels=names)
        tuned = fine_tuned_blocks(settings.features, self._device)
        sums = pooled_sums(store, tuned, self._device)
        fold = Fold("sample", tuple(range(count)), (count,))
        sizes = config.windows.n
        recipe = recipe_of(settings, sizes[len(sizes) // 2], "none")

        def seconds(epochs: int) -> float:
            shorter = replace(recipe, train=train.model_copy(update={"epochs": epochs}))
            how: dict[str, Any] = {"fine_tuned": tuned, "pooled": sums, "device": self._device}
            return _took(lambda: train_fold(store, fold, shorter, **how))

        seconds(1)  # what is done once only
        once, thrice = seconds(1), seconds(3)
        epoch = (thrice - once) / 2
        tested = max(once - epoch, 0.0) * len(self._clips)
        trained = epoch / count * train.epochs * sum(len(f.train) for f in folds)
        runs = len(train.feature_modes) * len(train.seeds) * len(config.magnify.methods)
        whole = (tested + trained) * runs
        jobs = train.chunks * len(config.magnify.methods)
        yield Cost("train", jobs, whole * len(sizes), 0)
        if names := controls_trained(config.evaluate.controls):
            yield Cost("train_controls", jobs, whole * len(names), 0)

    def _run(self, stage: str, **values: Any) -> float:
        declared = stages.declared(stage)
        chosen = {k: values[k] for k in declared.decisive if k in values}
        settings = declared.settings.of(self._config, **chosen)
        took = _took(lambda: declared.run(settings, **values))
        # The first time, what is imported takes longer than a short clip.
        return took if took > LONG_S else _took(lambda: declared.run(settings, **values))

    def _cost(self, stage: str, jobs: int, written: Path | int, **values: Any) -> Cost:
        took = self._run(stage, **values) * self._share
        size = _size(written) if isinstance(written, Path) else written
        name = f"{stage} {values['method']}" if "method" in values else stage
        return Cost(name, jobs, took, round(size * self._share))


def _without_weights(config: Config) -> Config:
    """Return the configuration with random weights where those of the network are not there."""
    try:
        network_of(config.features)
    except WeightsError:
        family = NETWORKS[config.features.backbone].family
        return config.changed({"features": {"backbone": f"random_{family}", "weights": None}})
    return config


def _times(cost: Cost, count: int) -> Cost:
    return Cost(cost.stage, cost.jobs * count, cost.seconds * count, cost.disk_bytes * count)


def _took(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _start_s() -> float:
    """Measure how long a job needs to start: Python and the libraries of training."""
    command = [sys.executable, "-P", "-c", "import microexpr.training.chunks"]
    return _took(lambda: subprocess.run(command, check=True))


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the stages say of the sample to themselves."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"), redirect_stderr(StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)
