"""``microexpr forget``: nothing of a subject remains, and the next run leaves it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microexpr import datasets
from microexpr.config import Config, overlaid, read_yaml
from microexpr.config.editing import set_list
from microexpr.datasets import manifest
from microexpr.datasets.manifest import Clip
from microexpr.errors import ConfigError, DataError, MicroexprError
from microexpr.pipeline.listing import strike
from microexpr.privacy.traces import INDEXED, MANIFEST, Traces, all_files, caches_below, of_others

RESULTS, SNAKEMAKE = Path("results"), Path(".snakemake")
ENVIRONMENTS = ("conda", "conda-archive", "singularity")  # software, below .snakemake


@dataclass(frozen=True)
class Forgotten:
    """What becomes of the files.

    Parameters
    ----------
    removed, kept : list of Path
        Below ``results`` and ``.snakemake``.
    size : int
        Bytes of what is removed.
    sources : list of Path
        The subjects' source data: the user's own, untouched.
    """

    removed: list[Path]
    kept: list[Path]
    size: int
    sources: list[Path]


def forget(
    project: Path, files: Sequence[Path], subjects: Sequence[str], *, dry_run: bool = False
) -> Forgotten:
    """Delete all that was made from some subjects, and leave them out from now on.

    The configuration is written first: a run after an interruption does not bring them back.

    Parameters
    ----------
    project : Path
        Folder of the Snakefile.
    files : sequence of Path
        Configuration files, later ones win; the last one gets ``data.leave_out``.
    subjects : sequence of str
        As ``results/manifest.csv`` names them.
    dry_run : bool
        Say what would be done, and do nothing.

    Raises
    ------
    ConfigError
        When a file is no configuration, or of another data set than the results.
    DataError
        When a subject is not known, or Snakemake is running.
    """
    config = Config.parse(overlaid({}, *map(read_yaml, files)))
    if all_files(project / SNAKEMAKE / "locks"):
        raise DataError("a run goes on here; after one that was killed: snakemake --unlock")
    clips, caches = _clips(project, config), caches_below(project / RESULTS)
    _check_known(subjects, clips, config.data.leave_out)
    theirs = frozenset(clip.clip_id for clip in clips if clip.subject in subjects)
    traces = Traces(frozenset(subjects), theirs)
    others = {clip.clip_id for clip in clips} - theirs
    sources = _source_files(project, config, clips, traces)
    kept = of_others(project, caches, others, traces, sources)
    present = [*all_files(project / RESULTS), *_records(project)]
    removed = [path for path in present if path not in kept]
    drawn = config.data.kind == "demo"  # its faces are ours, and removed
    result = Forgotten(
        removed,
        kept=[path for path in present if path in kept],
        size=sum(path.lstat().st_size for path in removed),
        sources=[] if drawn else _sources(project / config.data.root, clips, subjects),
    )
    if not dry_run:
        # The subject's name stands for its clips, whose names say more.
        left_out = {*config.data.leave_out} - theirs | {*subjects}
        set_list(files[-1], "data", "leave_out", sorted(left_out, key=manifest.natural))
        _strike(project / MANIFEST, subjects)
        strike(project / INDEXED, {*subjects}, theirs)
        _remove(removed, stop=project)
    return result


def _strike(path: Path, subjects: Sequence[str]) -> None:
    """Take the subjects' rows out of the manifest."""
    if path.exists():
        manifest.write(path, [c for c in manifest.read(path) if c.subject not in subjects])


def _clips(project: Path, config: Config) -> list[Clip]:
    """Clips of the data set, where it is still there, and of the last run's manifest."""
    path = project / MANIFEST
    indexed = [*map(manifest.planned, manifest.read(path))] if path.exists() else []
    try:
        listing = datasets.read(config.data, config.demo)
    except MicroexprError:
        return indexed
    listed = [*listing.clips, *listing.left_out]
    if indexed and not set(listed) & set(indexed):
        raise ConfigError(
            f"{path}: is of another data set than this configuration; name the file that it was "
            "made with: --configfile FILE"
        )
    return list(dict.fromkeys([*listed, *indexed]))


def _check_known(subjects: Sequence[str], clips: Sequence[Clip], left_out: Sequence[str]) -> None:
    present = {clip.subject for clip in clips}
    # Of those that are left out already the data may be gone, and with them who is a subject.
    gone = {*left_out} - {clip.clip_id for clip in clips}
    known = sorted(present | gone, key=manifest.natural)
    for subject in subjects:
        if subject not in known:
            raise DataError(f"there is no subject {subject!r}, only {', '.join(known)}")


def _source_files(
    project: Path, config: Config, clips: Sequence[Clip], traces: Traces
) -> set[Path]:
    """Source data that lie below the results and stay: the user's own, or other drawn faces."""
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
    """Give the highest folders, or the files, in which nobody but the subjects is seen."""
    shared = {root, *root.parents}
    shared |= {f for c in clips if c.subject not in subjects for f in (root / c.source).parents}
    found = []
    for path in (root / clip.source for clip in clips if clip.subject in subjects):
        highest = path
        while highest.parent not in shared:
            highest = highest.parent
        found.append(highest)
    return list(dict.fromkeys(found))


def _records(project: Path) -> list[Path]:
    """All that Snakemake wrote down; environments hold software only."""
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
