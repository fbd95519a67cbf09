"""Recompute a sample of a job with the code as it is, and compare with the result that is there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np

from microexpr import cache
from microexpr.adopt import differences
from microexpr.adopt.jobs import Job
from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.errors import CacheError, DataError
from microexpr.pipeline import record
from microexpr.protocol import Fold, predictions
from microexpr.runtime.resources import choose_device
from microexpr.stages import crop, decode, features, index, inner, magnify, train
from microexpr.training.store import open_features

FRAMES = 32  # copied at a time
COORDINATES = ("frame", "time", "detected", "box")
# Snakemake sets these for its jobs: with other numbers of threads sums are rounded otherwise.
THREADS = (
    *("OMP_NUM_THREADS", "GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
)
NAMES = ("clip_id", "seed", "feature_mode", "fold")  # of a row of predictions
Sampler = Callable[[Job, Sequence[Job], Path], str]


def sampled(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    """Recompute a sample of a job.

    Parameters
    ----------
    job : Job
        A finished one.
    jobs : sequence of Job
        All finished ones: frames of a clip are decoded again for the stage crop.
    folder : Path
        For what is computed; results are not touched.

    Returns
    -------
    str
        Empty when all values are equal; else what differs, in which clip and by how much.

    Raises
    ------
    MicroexprError
        When the sample cannot be computed, such as without the data set.
    """
    return SAMPLERS.get(job.stage, _whole)(job, jobs, folder)


def _index(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    del jobs
    # Written anew before a run, so that the command on record may be an older one.
    config, output = Config.parse(dict(record.read().config)), Path(job.outputs[0])
    index.run(config, folder / output.name, folder / "report.csv", config.windows.n)
    return differences.of_files(output, folder / output.name)


def _decode(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    del jobs
    faces = Path("results/faces") / Path(_frames_of(job)).name
    clip = _chosen_clip(faces)
    anew = _decoded(job, clip, folder)
    with cache.open_cache(faces, "faces") as here, cache.open_cache(anew, "frames") as now:
        old, new = here[clip], now[clip]
        for name in ("fps", "apex", "frames_sha256"):
            if old.attributes.get(name) != new.attributes.get(name):
                was, is_now = old.attributes.get(name), new.attributes.get(name)
                return f"clip {clip}: {name} is {was}, now {is_now}"
        same = all(np.array_equal(old[name], new[name]) for name in ("frame", "time"))
    return "" if same else f"clip {clip}: numbers or times of frames differ"


def _crop(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    source, output = (Path(place) for place in job.arguments())
    clip = _chosen_clip(output)
    makers = [j for j in jobs if j.stage == "decode" and _frames_of(j) == str(source)]
    if not makers:
        raise DataError(f"{source}: its frames cannot be decoded again")
    frames = _decoded(makers[0], clip, folder)
    crop.run(_config(job), frames, folder / "faces.h5")
    return _of_clip(output, folder / "faces.h5", clip)


def _magnify(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    del jobs
    source, output = (Path(place) for place in job.arguments())
    clip = _chosen_clip(output)
    _one_clip(source, clip, folder / "faces.h5")
    magnify.run(_config(job), job.option("--method")[0], folder / "faces.h5", folder / "new.h5")
    return _of_clip(output, folder / "new.h5", clip)


def _features(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    del jobs
    source, output = (Path(place) for place in job.arguments())
    clip = _chosen_clip(output)
    _one_clip(source, clip, folder / "images.h5")
    features.run(_config(job), folder / "images.h5", folder / "new.h5", choose_device("auto"))
    return _of_clip(output, folder / "new.h5", clip)


def _train(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    del jobs
    config, chunk = _config(job), int((job.option("--chunk") or ["0"])[0])
    output = Path(job.option("--output")[0])
    # One feature mode and one seed: the others run through the same code.
    first = {"feature_modes": config.train.feature_modes[:1], "seeds": config.train.seeds[:1]}
    config = config.changed({"train": first})
    caches, folds_path = [Path(p) for p in job.arguments()], Path(job.option("--folds")[0])
    with open_features(caches, job.option("--manifest")[0]) as store:
        folds = train.folds_of_chunk(config, folds_path, store, chunk)
        fold = _chosen_fold(folds, str(output))
        if job.stage == "inner":
            fold = inner.split_fold(config, store, fold)[0]
        train.train_folds(
            config,
            store,
            [fold],
            folder / "new.csv",
            stage=job.stage,
            method=job.option("--method")[0],
            n=int(job.option("--n")[0]),
            device=choose_device("auto"),
        )
    here, anew = (predictions.read([p], config.data.labels) for p in (output, folder / "new.csv"))
    return differences.of_tables(here, anew, NAMES)


def _whole(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    """Run the whole command with other places for what it writes."""
    del jobs
    places = {*job.outputs, *(str(Path(p).parent) for p in job.outputs)}
    places |= {str(Path(p).with_suffix("")) for p in job.outputs}
    log = job.command.partition(" > ")[2].split()[:1]
    command = job.command
    for place in sorted({*places, *log} - {"results", "."}, key=len, reverse=True):
        new = shlex.quote(str(folder / place))
        command = re.sub(rf"(?<![\w./-]){re.escape(place)}(?![\w./-])", lambda _, n=new: n, command)
    for place in (*job.outputs, *log):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
    # The rules' python is the one that runs this.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        ["bash", "-c", command],
        env=os.environ | {"PATH": path} | dict.fromkeys(THREADS, "1"),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        text = (folder / log[0]).read_text(encoding="utf-8") if log else done.stderr
        raise DataError((text.splitlines() or ["its command fails"])[-1])
    for place in job.outputs:
        # Seals follow from what they seal, and name the libraries.
        if place.endswith((".sha256", ".content")) or ".epochs." in place:
            continue
        if found := differences.of_files(Path(place), folder / place):
            return f"{place}: {found}"
    return ""


SAMPLERS: dict[str, Sampler] = {
    "index": _index,
    "decode": _decode,
    "crop": _crop,
    "magnify": _magnify,
    "features": _features,
    "train": _train,
    "inner": _train,
}


def _config(job: Job) -> Config:
    return Config.load(job.option("--config")[0])


def _frames_of(job: Job) -> str:
    """Return the cache that a job of stage decode writes."""
    return job.arguments()[1]


def _chosen_clip(path: Path) -> str:
    """Choose a clip of a shard: always the same one, and not always the first."""
    with cache.open_cache(path) as here:
        return here.clip_ids[len(str(path)) % len(here.clip_ids)]


def _chosen_fold(folds: Sequence[Fold], output: str) -> Fold:
    """Choose a fold: not the same one in all trainings."""
    return folds[sum(output.encode()) % len(folds)]


def _decoded(job: Job, clip_id: str, folder: Path) -> Path:
    """Decode one clip again."""
    # The disk may be elsewhere now than when the command was run.
    root = Path(Config.parse(dict(record.read().config)).data.root)
    output = folder / "frames.h5"
    clips = [clip for clip in manifest.read(job.arguments()[0]) if clip.clip_id == clip_id]
    if not output.exists():
        manifest.write(folder / "manifest.csv", clips)
        decode.run(root, folder / "manifest.csv", [clips[0].subject], output)
    return output


def _one_clip(source: Path, clip_id: str, target: Path) -> None:
    """Copy one clip of a cache into a cache of its own."""
    with cache.open_cache(source) as here:
        clip = here[clip_id]
        about = cache.Provenance()
        with (
            cache.create(target, here.kind, about, compression="none") as out,
            out.clip(clip_id, **clip.attributes) as group,
        ):
            values = {name: clip[name] for name in COORDINATES if name in clip}
            for start in range(0, len(clip), FRAMES):
                rows = slice(start, start + FRAMES)
                group.append(clip.data[rows], **{k: v[rows] for k, v in values.items()})


def _of_clip(here: Path, anew: Path, clip_id: str) -> str:
    try:
        with h5py.File(here, "r") as old, h5py.File(anew, "r") as new:
            found = differences.of_groups(old[clip_id], new[clip_id])
    except OSError as error:
        raise CacheError(f"{here}: cannot be read ({error})") from None
    return f"clip {clip_id}: {found}" if found else ""
