"""Recompute a sample of a job with the code as it is, and compare with the result that is there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from microexpr import cache, stages
from microexpr.adopt import differences
from microexpr.adopt.jobs import Job
from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.datasets.indexed import IndexSettings
from microexpr.errors import CacheError, DataError
from microexpr.pipeline import layout, record
from microexpr.protocol import Fold, predictions
from microexpr.runtime.resources import choose_device
from microexpr.stages.train import InnerSettings, TrainSettings
from microexpr.training import chunks
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
    anew = folder / output.name
    stages.declared("index").run(IndexSettings.of(config), manifest=anew)
    return differences.of_files(output, anew)


def _decode(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    del jobs
    (faces,) = layout.each(layout.FACES, shard=job.path("--frames").stem)
    clip = _chosen_clip(Path(faces))
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
    source, clip = job.path("--frames"), _chosen_clip(job.path("--faces"))
    makers = [j for j in jobs if j.stage == "decode" and j.path("--frames") == source]
    if not makers:
        raise DataError(f"{source}: its frames cannot be decoded again")
    frames = _decoded(makers[0], clip, folder)
    return _of_clip(job, "faces", clip, folder, frames=frames)


def _magnify(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    del jobs
    clip = _chosen_clip(job.path("--magnified"))
    faces = _one_clip(job.path("--faces"), clip, folder / "faces.h5")
    method = job.option("--method")[0]
    return _of_clip(job, "magnified", clip, folder, faces=faces, method=method)


def _features(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    del jobs
    clip = _chosen_clip(job.path("--features"))
    images = _one_clip(job.path("--images"), clip, folder / "images.h5")
    device = choose_device("auto")
    return _of_clip(job, "features", clip, folder, images=images, device=device)


def _train(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    del jobs
    settings, output = job.settings, job.path("--predictions")
    assert isinstance(settings, TrainSettings)
    train, device = settings.train, choose_device("auto")
    # One feature mode and one seed: the others run through the same code.
    first = {"feature_modes": train.feature_modes[:1], "seeds": train.seeds[:1]}
    settings = settings.model_copy(update={"train": train.model_copy(update=first)})
    with open_features(job.option("--features"), job.path("--manifest")) as store:
        folds = chunks.folds_of_chunk(
            job.path("--folds"),
            store,
            protocol=settings.protocol.name,
            chunk=int(job.option("--chunk")[0]),
            chunks=train.chunks,
        )
        fold = _chosen_fold(folds, str(output))
        if isinstance(settings, InnerSettings) and "--inner" in job.words:
            fold = chunks.inner_folds_of(settings, store, fold)[0]
        chunks.train_folds(
            settings,
            store,
            [fold],
            folder / "new.csv",
            method=job.option("--method")[0],
            n=int(job.option("--n")[0]),
            source_sha256="",
            device=device,
        )
    classes = settings.data.labels
    here, anew = (predictions.read([p], classes) for p in (output, folder / "new.csv"))
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
        pattern = rf"(?<![\w./-]){re.escape(place)}(?![\w./-])"
        command = re.sub(pattern, new.replace("\\", r"\\"), command)
    # The folder of all results is replaced where it is written to, and nowhere else.
    here = shlex.quote(str(folder / "results")).replace("\\", r"\\")
    command = re.sub(r"(?<=--folder )results(?= )", here, command)
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
}


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
    clips = [clip for clip in manifest.read(job.path("--manifest")) if clip.clip_id == clip_id]
    if not output.exists():
        manifest.write(folder / "manifest.csv", clips)
        stages.declared("decode").run(
            job.settings,
            manifest=folder / "manifest.csv",
            frames=output,
            root=root,
            subjects=[clips[0].subject],
        )
    return output


def _one_clip(source: Path, clip_id: str, target: Path) -> Path:
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
    return target


def _of_clip(job: Job, name: str, clip_id: str, folder: Path, **values: Any) -> str:
    """Run a job's stage on one clip, and compare that of the output `name`."""
    here, anew = job.path(f"--{name}"), folder / "new.h5"
    stages.declared(job.stage).run(job.settings, **values, **{name: anew})
    try:
        with h5py.File(here, "r") as old, h5py.File(anew, "r") as new:
            found = differences.of_groups(old[clip_id], new[clip_id])
    except OSError as error:
        raise CacheError(f"{here}: cannot be read ({error})") from None
    return f"clip {clip_id}: {found}" if found else ""
