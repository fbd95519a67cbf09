"""``microexpr forget``: remove everything of a subject, and leave it out of the next run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microexpr import datasets
from microexpr.config import Config, overlaid, read_yaml
from microexpr.config.editing import set_list
from microexpr.datasets import manifest
from microexpr.datasets.indexed import strike
from microexpr.datasets.manifest import Clip
from microexpr.errors import ConfigError, DataError, MicroexprError
from microexpr.privacy.traces import INDEXED, MANIFEST, Traces, all_files, caches_below, of_others

RESULTS, SNAKEMAKE = Path("results"), Path(".snakemake")
ENVIRONMENTS = ("conda", "conda-archive", "singularity")  # software, below .snakemake


@dataclass(frozen=True)
class Forgotten:
    """Files removed and kept, bytes removed, and the subjects' source data, which stay."""

    removed: list[Path]
    kept: list[Path]
    size: int
    sources: list[Path]


def forget(
    project: Path, files: Sequence[Path], subjects: Sequence[str], *, dry_run: bool = False
) -> Forgotten:
    """Delete everything that was made from some subjects, and leave them out from now on.

    The configuration is written first, so that a run after an interruption leaves them out too.

    Parameters
    ----------
    project : Path
        Folder of the Snakefile.
    files : sequence of Path
        Configuration files, later ones win; ``data.leave_out`` is written to the last one.
    subjects : sequence of str
        Names as in ``results/manifest.csv``.
    dry_run : bool
        Return what would be done, and do nothing.

    Raises
    ------
    ConfigError
        When a file is no configuration, or belongs to another data set than the results.
    DataError
        When a subject is unknown, or Snakemake is running.
    """
    config = Config.parse(overlaid({}, *map(read_yaml, files)))
    if all_files(project / SNAKEMAKE / "locks"):
        raise DataError("a run is active here; after a killed run: snakemake --unlock")
    clips, caches = _clips(project, config), caches_below(project / RESULTS)
    _check_known(subjects, clips, config.data.leave_out)
    theirs = frozenset(clip.clip_id for clip in clips if clip.subject in subjects)
    traces = Traces(frozenset(subjects), theirs)
    others = {clip.clip_id for clip in clips} - theirs
    sources = _source_files(project, config, clips, traces)
    kept = of_others(project, caches, others, traces, sources)
    present = [*all_files(project / RESULTS), *_snakemake_files(project)]
    removed = [path for path in present if path not in kept]
    drawn = config.data.kind == "demo"  # generated faces are removed
    result = Forgotten(
        removed,
        kept=[path for path in present if path in kept],
        size=sum(path.lstat().st_size for path in removed),
        sources=[] if drawn else _sources(project / config.data.root, clips, subjects),
    )
    if not dry_run:
        # The subject's name stands for its clips: their names would tell the label too.
        left_out = {*config.data.leave_out} - theirs | {*subjects}
        set_list(files[-1], "data", "leave_out", sorted(left_out, key=manifest.natural))
        if (rows := project / MANIFEST).exists():
            manifest.write(rows, [c for c in manifest.read(rows) if c.subject not in subjects])
        strike(project / INDEXED, {*subjects}, theirs)
        _remove(removed, stop=project)
    return result


def _clips(project: Path, config: Config) -> list[Clip]:
    """Return the clips of the data set, where it still exists, and of the last run's manifest."""
    path = project / MANIFEST
    indexed = [*map(manifest.planned, manifest.read(path))] if path.exists() else []
    try:
        listing = datasets.read(config.data, config.demo)
    except MicroexprError:
        return indexed
    listed = [*listing.clips, *listing.left_out]
    if indexed and not set(listed) & set(indexed):
        raise ConfigError(
            f"{path}: belongs to another data set than this configuration; name the file that it "
            "was made with: --configfile FILE"
        )
    return list(dict.fromkeys([*listed, *indexed]))


def _check_known(subjects: Sequence[str], clips: Sequence[Clip], left_out: Sequence[str]) -> None:
    present = {clip.subject for clip in clips}
    # The data of those that are left out may be gone, so that only their names are known.
    gone = {*left_out} - {clip.clip_id for clip in clips}
    known = sorted(present | gone, key=manifest.natural)
    for subject in subjects:
        if subject not in known:
            raise DataError(f"there is no subject {subject!r}, only {', '.join(known)}")


def _source_files(
    project: Path, config: Config, clips: Sequence[Clip], traces: Traces
) -> set[Path]:
    """Return source data below the results that stay: the user's own, or other generated faces."""
    root = project / config.data.root
    if config.data.kind != "demo":
        places = [root, project / (config.data.table or root), *(root / c.source for c in clips)]
        inside = [place for place in places if project / RESULTS in place.parents]
        return {file for place in inside for file in (place, *all_files(place))}
    return {
        path
        for path in all_files(root)
        if not traces.mentioned_in(str(path.relative_to(root)))
        and not (path.suffix == ".json" and traces.mentioned_by(path))
    }


def _sources(root: Path, clips: Sequence[Clip], subjects: Sequence[str]) -> list[Path]:
    """Return the highest folders, or the files, that show nobody but the subjects."""
    shared = {root, *root.parents}
    shared |= {f for c in clips if c.subject not in subjects for f in (root / c.source).parents}
    found = []
    for path in (root / clip.source for clip in clips if clip.subject in subjects):
        highest = path
        while highest.parent not in shared:
            highest = highest.parent
        found.append(highest)
    return list(dict.fromkeys(found))


def _snakemake_files(project: Path) -> list[Path]:
    """Return all files of Snakemake but its environments, which hold software only."""
    folder = project / SNAKEMAKE
    inside = all_files(folder)
    return [path for path in inside if path.relative_to(folder).parts[0] not in ENVIRONMENTS]


def _remove(files: Sequence[Path], stop: Path) -> None:
    """Delete files, and the folders that become empty."""
    for path in files:
        path.unlink(missing_ok=True)
    folders = {folder for path in files for folder in path.parents if stop in folder.parents}
    for folder in sorted(folders, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
