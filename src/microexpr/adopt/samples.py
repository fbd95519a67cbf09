"""Recompute a sample of a job with the code as it is, and compare with the result that is there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from microexpr import cache, stages
from microexpr.adopt.jobs import Job
from microexpr.cache.disk import reading
from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.datasets.indexed import IndexSettings
from microexpr.errors import CacheError, DataError, damage
from microexpr.pipeline import layout, record
from microexpr.protocol import predictions
from microexpr.runtime.resources import choose_device
from microexpr.stages import Writes
from microexpr.stages.train import ControlSettings, TrainSettings
from microexpr.training import chunks
from microexpr.training.controls import controlled, split_control
from microexpr.training.store import open_features

FRAMES = 32  # of a clip at a time
# Snakemake sets these for its jobs: with other numbers of threads sums are rounded otherwise.
THREADS = (
    *("OMP_NUM_THREADS", "GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
)
NAMES = ("clip_id", "seed", "feature_mode", "fold")  # of a row of predictions
TEXTS = (".csv", ".md", ".html", ".yaml", ".svg", ".txt")
# Say when and by what a file was made, not what is in it.
ABOUT = {"created", "software", "source_sha256", "environment_json", "inputs_json", "params_json"}
ABOUT |= {"attributes_sha256", "content_sha256", "environment", "made", "digest"}


def sampled(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    """Say what differs in a sample of a job (of `jobs`); MicroexprError: it cannot be computed."""
    match job.stage:
        case "crop":
            return _crop(job, jobs, folder)
        case "magnify":
            return _of_one_clip(job, "faces", "magnified", folder, method=job.option("method"))
        case "features":
            return _of_one_clip(job, "images", "features", folder, device=choose_device("auto"))
    own = {"index": _index, "decode": _decode, "train": _train, "train_controls": _train}
    return own.get(job.stage, _whole)(job, folder)


def _index(job: Job, folder: Path) -> str:
    # Written anew before a run, so that the command on record may be an older one.
    output = Path(job.outputs[0])
    anew = folder / output.name
    stages.declared("index").run(IndexSettings.of(_last_config()), manifest=anew)
    return _of_files(output, anew)


def _last_config() -> Config:
    return Config.parse(dict(record.read().config))


def _decode(job: Job, folder: Path) -> str:
    (faces,) = layout.each(layout.FACES, shard=Path(job.option("frames")).stem)
    clip = _chosen_clip(faces)
    anew = _decoded(job, clip, folder)
    with cache.open_cache(faces, "faces") as here, cache.open_cache(anew, "frames") as now:
        old, new = here[clip], now[clip]
        for name in ("fps", "apex", "frames_sha256"):
            was, is_now = (found.attributes.get(name) for found in (old, new))
            if was != is_now:
                return f"clip {clip}: {name} is {was}, now {is_now}"
        same = all(np.array_equal(old[name], new[name]) for name in ("frame", "time"))
    return "" if same else f"clip {clip}: numbers or times of frames differ"


def _crop(job: Job, jobs: Sequence[Job], folder: Path) -> str:
    source = job.option("frames")
    makers = [j for j in jobs if j.stage == "decode" and j.option("frames") == source]
    if not makers:
        raise DataError(f"{source}: its frames cannot be decoded again")
    clip = _chosen_clip(job.option("faces"))
    return _compared(job, "faces", clip, folder, frames=_decoded(makers[0], clip, folder))


def _of_one_clip(job: Job, source: str, target: str, folder: Path, **values: Any) -> str:
    """Make one clip of a cache again from the same clip of the cache that it was made from."""
    clip = _chosen_clip(job.option(target))
    values[source] = _one_clip(job.option(source), clip, folder / "source.h5")
    return _compared(job, target, clip, folder, **values)


def _compared(job: Job, target: str, clip_id: str, folder: Path, **values: Any) -> str:
    """Run a job's stage on one clip, and compare that of the cache `target`."""
    here, anew = job.option(target), folder / "new.h5"
    stages.declared(job.stage).run(job.settings, **values, **{target: anew})
    unreadable = damage(CacheError, f"{here}: cannot be read")
    with unreadable, reading(here) as old, reading(anew) as new:
        found = _of_groups(old[clip_id], new[clip_id])
    return f"clip {clip_id}: {found}" if found else ""


def _train(job: Job, folder: Path) -> str:
    """Train one fold of one N or control: all others run through the same code."""
    settings, outputs = job.settings, job.options["predictions"]
    assert isinstance(settings, TrainSettings)
    draw = sum("".join(outputs).encode())  # not the same one in all jobs
    here = predictions.read([Path(outputs[draw % len(outputs)])], settings.data.labels)
    method, n = here[["method", "n"]].iloc[0]
    if isinstance(settings, ControlSettings):
        control, times = split_control(method)[1], settings.evaluate.permutations
        settings = controlled(settings, control, times)
    train, device = settings.train, choose_device("auto")
    # One feature mode and one seed, for the same reason.
    first = {"feature_modes": train.feature_modes[:1], "seeds": train.seeds[:1]}
    settings = settings.with_values({"train": first})
    with open_features(job.options["features"], job.option("manifest")) as store:
        which = {"chunk": int(job.option("chunk")), "chunks": train.chunks}
        inner, path = "inner" in job.options, Path(job.option("folds"))
        folds = chunks.folds_of_chunk(settings, path, store, **which, inner=inner)
        run: dict[str, Any] = {"method": method, "n": int(n), "source_sha256": "", "device": device}
        chunks.train_folds(settings, store, [folds[draw % len(folds)]], folder / "new.csv", **run)
    anew = predictions.read([folder / "new.csv"], settings.data.labels)
    return _of_tables(here, anew, NAMES)


def _whole(job: Job, folder: Path) -> str:
    """Run the whole stage with other places for what it writes."""
    arguments, words = stages.declared(job.stage).arguments, [job.stage]
    for name, given in job.options.items():
        writes = name in arguments and isinstance(arguments[name].mark, Writes)
        words += [f"--{name}", *(str(folder / word) if writes else word for word in given)]
    for place in job.outputs:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", "microexpr", "stage", *words]
    threads = os.environ | dict.fromkeys(THREADS, "1")
    done = subprocess.run(command, env=threads, check=False, capture_output=True, text=True)
    if done.returncode:
        raise DataError((done.stderr.splitlines() or ["its command fails"])[-1])
    for place in job.outputs:
        # Seals follow from what they seal, and name the libraries.
        if place.endswith((".sha256", ".content")) or ".epochs." in place:
            continue
        if found := _of_files(Path(place), folder / place):
            return f"{place}: {found}"
    return ""


def _chosen_clip(path: str) -> str:
    """Choose a clip of a shard: always the same one, and not always the first."""
    with cache.open_cache(path) as here:
        return here.clip_ids[len(path) % len(here.clip_ids)]


def _decoded(job: Job, clip_id: str, folder: Path) -> Path:
    # The disk may be elsewhere now than when the command was run.
    root = Path(_last_config().data.root)
    output = folder / "frames.h5"
    clips = [clip for clip in manifest.read(job.option("manifest")) if clip.clip_id == clip_id]
    if not output.exists():
        rows, subjects = folder / "manifest.csv", [clips[0].subject]
        manifest.write(rows, clips)
        decode = stages.declared("decode").run
        decode(job.settings, manifest=rows, frames=output, root=root, subjects=subjects)
    return output


def _one_clip(source: str, clip_id: str, target: Path) -> Path:
    with (
        cache.open_cache(source) as here,
        cache.create(target, here.kind, cache.Provenance(), compression="none") as out,
        out.clip(clip_id, **(clip := here[clip_id]).attributes) as group,
    ):
        group.extend((clip.data[k : k + FRAMES] for k in range(0, len(clip), FRAMES)), clip)
    return target


def _of_groups(here: Mapping[str, Any], anew: Mapping[str, Any]) -> str:
    """Compare two groups of HDF5 files, or tensors by name: those there, and of today's code."""
    names = sorted({*here, *anew})
    for name in names:
        if name not in here or name not in anew:
            return f"{name} is in one of them only"
        if isinstance(here[name], h5py.Group):
            found = _of_groups(here[name], anew[name])
        else:
            found = _of_arrays(here[name], anew[name])
        if found:
            return f"{name}: {found}"
    return _of_attributes(*(dict(getattr(found, "attrs", {})) for found in (here, anew)))


def _of_arrays(here: Any, anew: Any) -> str:
    if here.shape != anew.shape or here.dtype != anew.dtype:
        return f"{here.shape} {here.dtype}, now {anew.shape} {anew.dtype}"
    if not here.shape:
        return "" if np.array_equal(here[()], anew[()]) else f"{here[()]}, now {anew[()]}"
    differ, largest = 0, 0.0
    for start in range(0, len(here), FRAMES):
        old, new = (values[start : start + FRAMES] for values in (here, anew))
        if old.tobytes() == new.tobytes():
            continue
        if old.dtype.kind not in "iuf":
            return "other values"
        gap = np.abs(old.astype(np.float64) - new.astype(np.float64))
        equal = (old == new) | (np.isnan(gap) & np.isnan(old) & np.isnan(new))
        differ += int((~equal).sum())
        largest = max(largest, float(np.nanmax(np.where(equal, 0, gap), initial=0)))
    return f"{differ} of {here.size} values differ, by up to {largest:.3g}" if differ else ""


def _of_attributes(here: dict[str, Any], anew: dict[str, Any]) -> str:
    for name in sorted({*here, *anew} - ABOUT):
        # Names of other objects of the file, by address.
        if name in ("DIMENSION_LIST", "REFERENCE_LIST"):
            continue
        old, new = (np.asarray(values.get(name, "")) for values in (here, anew))
        if old.shape != new.shape or old.tobytes() != new.tobytes():
            return f"attribute {name} is {_short(here.get(name))}, now {_short(anew.get(name))}"
    return ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _of_tables(here: pd.DataFrame, anew: pd.DataFrame, keys: Iterable[str]) -> str:
    """Compare predictions: each row of `anew` with the row of the same keys, which are columns."""
    old, new = here.set_index([*keys]), anew.set_index([*keys])
    if not new.index.isin(old.index).all():
        return "rows are missing"
    old = old.loc[new.index, new.columns]
    other = ~((old == new) | (old.isna() & new.isna()))
    if not other.any(axis=None):
        return ""
    numbers = new.select_dtypes("float").columns
    worst = np.nanmax((old[numbers] - new[numbers]).abs().to_numpy(), initial=0)
    first, count = other.index[other.any(axis=1)][0][0], other.to_numpy().sum()
    return f"clip {first}: {count} values differ, by up to {worst:.3g}"


def _of_files(here: Path, anew: Path) -> str:
    """Compare two files, or the files of two folders, as a whole."""
    if here.is_dir():
        return _of_folders(here, anew)
    if not anew.is_file():
        return "is not written any more"
    if here.suffix == ".h5":
        with reading(here) as old, reading(anew) as new:
            return _of_groups(old, new)
    if here.read_bytes() == anew.read_bytes():
        return ""
    if here.suffix == ".safetensors":
        from safetensors.numpy import load_file  # noqa: PLC0415 (for models only)

        return _of_groups(load_file(here), load_file(anew))
    return _of_texts(here, anew)


def _of_folders(here: Path, anew: Path) -> str:
    files = ((top, path) for top in (here, anew) for path in top.rglob("*"))
    # Snakemake leaves a hidden file in each folder that a job made.
    names = {p.relative_to(top) for top, p in files if p.is_file() and not p.name.startswith(".")}
    for name in sorted(names):
        if found := _of_files(here / name, anew / name):
            return f"{name}: {found}"
    return ""


def _of_texts(here: Path, anew: Path) -> str:
    """Return how two files differ that are not equal to the byte."""
    if here.suffix == ".json":
        old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (here, anew))
        return "" if _without(old) == _without(new) else "other content"
    if here.suffix in TEXTS:
        old, new = (path.read_text(encoding="utf-8").splitlines() for path in (here, anew))
        line = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
        return f"differs from line {line + 1}"
    return "other bytes"


def _without(values: Any) -> Any:
    """Leave out what says when and by what a file was made."""
    if isinstance(values, dict):
        return {name: _without(value) for name, value in values.items() if name not in ABOUT}
    return values
