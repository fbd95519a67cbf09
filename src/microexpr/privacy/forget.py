"""``microexpr forget``: remove everything of a subject, and leave it out of the next run."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from microexpr import datasets
from microexpr.cache import open_cache
from microexpr.cache.schema import CONTENT
from microexpr.config import Config, overlaid, read_yaml, set_list
from microexpr.datasets import manifest
from microexpr.datasets.indexed import strike
from microexpr.datasets.manifest import Clip
from microexpr.errors import CacheError, ConfigError, DataError, MicroexprError
from microexpr.runtime.tables import seal_of

CACHE = ".h5"
# Stages whose files hold one shard, and nothing that was trained on other shards.
OF_ONE_SHARD = ("demo", "decode", "crop", "magnify", "features")
RESULTS, SNAKEMAKE = Path("results"), Path(".snakemake")
ENVIRONMENTS = ("conda", "conda-archive", "singularity")  # software, below .snakemake
METADATA = SNAKEMAKE / "metadata"
MANIFEST, INDEXED = RESULTS / "manifest.csv", RESULTS / "index.json"
RUN_RECORDS = ("run.json", "weights.json", "adopted.json")


def traces_of(names: Iterable[str]) -> re.Pattern[str]:
    """Return what finds names of subjects and clips as words in a text; ``_`` ends a word."""
    # A bare number is in every text; clips with such names are found by their place.
    words = "|".join(re.escape(name) for name in names if not name.isdigit())
    return re.compile(rf"(?<![^\W_])(?:{words or '(?!)'})(?![^\W_])")


def all_files(folder: Path) -> list[Path]:
    """Return the files below a folder, with hidden ones; links are not followed."""
    return sorted(p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())


def caches_below(results: Path) -> dict[Path, tuple[list[str], str] | None]:
    """Return the clips of each cache, and its attributes as text; None: it is no whole cache."""
    found: dict[Path, tuple[list[str], str] | None] = {}
    for path in all_files(results):
        if path.suffix == CACHE:
            found[path] = None
            with suppress(CacheError, OSError, ValueError), open_cache(path) as cache:
                about = "\n".join(str(value) for value in cache.attributes.values())
                found[path] = cache.clip_ids, about
    return found


def of_others(
    project: Path,
    caches: Mapping[Path, tuple[list[str], str] | None],
    others: Collection[str],
    traces: re.Pattern[str],
    sources: Iterable[Path],
) -> set[Path]:
    """Return the files that contain nothing of the subjects and were not trained on them.

    These are whole caches of `others`, clips that show other subjects, with notes, logs and
    records; records of runs; and the index, from which rows can be removed. No table, figure, model
    or prediction is: it comes from all subjects. `sources` stay; generated faces have a record.
    """
    records = dict(_records(project))
    kept: set[Path] = set()
    for path, found in caches.items():
        if found and set(found[0]) <= set(others):
            about = [found[1], *([_text(records[path])] if path in records else [])]
            kept |= set() if any(map(traces.search, about)) else {path}
    shards = {path.stem for path in kept} - {path.stem for path in caches if path not in kept}
    folders = [f"{folder}/{stage}" for folder in ("logs", "benchmarks") for stage in OF_ONE_SHARD]
    texts = [p for name in (*folders, "sources") for p in all_files(project / "results" / name)]
    kept |= {p for p in texts if p.stem in shards and not traces.search(_text(p))}
    notes = [path for path in all_files(project / "results") if path.suffix == CONTENT]
    kept |= {path for path in notes if _shard(path) in shards}
    kept |= {project / MANIFEST, seal_of(project / MANIFEST), project / INDEXED, *sources}
    notes = [project / "results" / name for name in RUN_RECORDS]
    kept |= {path for path in notes if path.is_file() and not traces.search(_text(path))}
    for path, record in records.items():
        # Decoded frames are removed after use; their record shows whether they would be the same.
        temporary = _shard(path) in shards and not path.exists()
        if path in kept or (temporary and not traces.search(_text(record))):
            kept.add(record)
    return kept


def _shard(path: Path) -> str | None:
    """Return the shard of a cache, or of the note beside one; None for any other file."""
    cache = path.with_suffix("") if path.suffix == CONTENT else path
    return cache.stem if cache.suffix == CACHE else None


def _records(project: Path) -> Iterable[tuple[Path, Path]]:
    """Yield the output file of each of Snakemake's records, and the record."""
    folder = project / METADATA
    for record in all_files(folder):
        # Names are base64; long ones are cut into folders that begin with @.
        name = "".join(part.removeprefix("@") for part in record.relative_to(folder).parts)
        with suppress(ValueError):
            yield project / urlsafe_b64decode(name).decode(), record


def _text(path: Path) -> str:
    """Return the content of a text file, without the escapes that JSON has for letters."""
    text = path.read_text(encoding="utf-8", errors="replace")
    with suppress(ValueError):
        return json.dumps(json.loads(text), ensure_ascii=False)
    return text


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

    The configuration is written first, so that a run after an interruption leaves them out too, to
    the last of `files`, which wins. ConfigError: a file is no configuration, or belongs to another
    data set. DataError: an unknown subject, or a run is active.
    """
    config = Config.parse(overlaid({}, *map(read_yaml, files)))
    if all_files(project / SNAKEMAKE / "locks"):
        raise DataError("a run is active here; after a killed run: snakemake --unlock")
    clips, caches = _clips(project, config), caches_below(project / RESULTS)
    _check_known(subjects, clips, config.data.leave_out)
    theirs = frozenset(clip.clip_id for clip in clips if clip.subject in subjects)
    traces = traces_of({*subjects, *theirs})
    others = {clip.clip_id for clip in clips} - theirs
    sources = _source_files(project, config, clips, traces)
    kept = of_others(project, caches, others, traces, sources)
    folder, present = project / SNAKEMAKE, all_files(project / RESULTS)
    present += [p for p in all_files(folder) if p.relative_to(folder).parts[0] not in ENVIRONMENTS]
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
    project: Path, config: Config, clips: Sequence[Clip], traces: re.Pattern[str]
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
        if not traces.search(str(path.relative_to(root)))
        and not (path.suffix == ".json" and traces.search(_text(path)))
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


def _remove(files: Sequence[Path], stop: Path) -> None:
    """Delete files, and the folders that become empty."""
    for path in files:
        path.unlink(missing_ok=True)
    folders = {folder for path in files for folder in path.parents if stop in folder.parents}
    for folder in sorted(folders, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
