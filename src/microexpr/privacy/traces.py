"""Find the files of a project that contain nothing of some subjects; all others must go."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from microexpr.cache import open_cache
from microexpr.cache.schema import CONTENT
from microexpr.errors import CacheError
from microexpr.runtime.tables import seal_of

CACHE = ".h5"
# Stages whose files hold one shard, and nothing that was trained on other shards.
OF_ONE_SHARD = ("demo", "decode", "crop", "magnify", "features")
METADATA = Path(".snakemake/metadata")
MANIFEST = Path("results/manifest.csv")
INDEXED = Path("results/index.json")
RUN_RECORDS = ("run.json", "weights.json", "adopted.json")


@dataclass(frozen=True)
class Traces:
    """Names by which some subjects can be found: of subjects and clips, as in the manifest."""

    subjects: frozenset[str]
    clips: frozenset[str]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # A bare number is in every text; clips with such names are found by their place.
        names = [re.escape(name) for name in self.subjects | self.clips if not name.isdigit()]
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(names) or '(?!)'})(?![^\W_])")

    def mentioned_in(self, text: str) -> bool:
        """Whether a text contains one of the names as a word; ``_`` ends a word."""
        return self._pattern.search(text) is not None

    def mentioned_by(self, path: Path) -> bool:
        """Whether a text file contains one of the names."""
        return self.mentioned_in(path.read_text(encoding="utf-8", errors="replace"))


def all_files(folder: Path) -> list[Path]:
    """Return the files below a folder, with hidden ones; links are not followed."""
    return sorted(p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())


def caches_below(results: Path) -> dict[Path, list[str] | None]:
    """Return the clips of each cache; None for a file that is no whole cache."""
    return {path: _clips(path) for path in all_files(results) if path.suffix == CACHE}


def _clips(path: Path) -> list[str] | None:
    try:
        with open_cache(path) as cache:
            return cache.clip_ids
    except (CacheError, OSError, ValueError):
        return None


def of_others(
    project: Path,
    caches: Mapping[Path, Sequence[str] | None],
    others: Collection[str],
    traces: Traces,
    sources: Iterable[Path] = (),
) -> set[Path]:
    """Return the files that contain nothing of the subjects and were not trained on them.

    These are whole caches of other subjects, with the notes beside them, the records of what was
    decoded for them, their logs, benchmarks and Snakemake's records; the records of the last run;
    and the manifest with its seal and the record of the index, from which rows can be removed:
    without them everything would be decoded again. Other files are never returned: a table, figure,
    model or prediction comes from all subjects, and an unknown file may.

    Parameters
    ----------
    project : Path
        Folder of the Snakefile.
    caches : mapping
        See :func:`caches_below`.
    others : collection of str
        Clips that show other subjects. A cache with an unknown clip is not returned.
    traces : Traces
        Names of the subjects.
    sources : iterable of Path
        Source data that stay; generated faces are made by a job, and have a record.
    """
    records = dict(_records(project))
    kept = {
        path
        for path, clips in caches.items()
        if clips is not None
        and set(clips) <= set(others)
        and not _names(path, records.get(path), traces)
    }
    shards = {path.stem for path in kept} - {path.stem for path in caches if path not in kept}
    folders = [f"{folder}/{stage}" for folder in ("logs", "benchmarks") for stage in OF_ONE_SHARD]
    texts = [p for name in (*folders, "sources") for p in all_files(project / "results" / name)]
    kept |= {p for p in texts if p.stem in shards and not traces.mentioned_by(p)}
    notes = [path for path in all_files(project / "results") if path.suffix == CONTENT]
    kept |= {path for path in notes if _shard(path) in shards}
    kept |= {project / MANIFEST, seal_of(project / MANIFEST), project / INDEXED, *sources}
    notes = [project / "results" / name for name in RUN_RECORDS]
    kept |= {path for path in notes if path.is_file() and not traces.mentioned_by(path)}
    for path, record in records.items():
        # Decoded frames are removed after use; their record shows whether they would be the same.
        temporary = _shard(path) in shards and not path.exists()
        if path in kept or (temporary and not traces.mentioned_in(_text(record))):
            kept.add(record)
    return kept


def _shard(path: Path) -> str | None:
    """Return the shard of a cache, or of the note beside one; None for any other file."""
    cache = path.with_suffix("") if path.suffix == CONTENT else path
    return cache.stem if cache.suffix == CACHE else None


def _names(cache: Path, record: Path | None, traces: Traces) -> bool:
    """Whether a cache's attributes, or Snakemake's record of it, name one of the subjects."""
    with open_cache(cache) as opened:
        texts = [str(value) for value in opened.attributes.values()]
    return any(map(traces.mentioned_in, [*texts, _text(record) if record else ""]))


def _records(project: Path) -> Iterable[tuple[Path, Path]]:
    """Yield the output file of each of Snakemake's records, and the record."""
    folder = project / METADATA
    for record in all_files(folder):
        # Names are base64; long ones are cut into folders that begin with @.
        name = "".join(part.removeprefix("@") for part in record.relative_to(folder).parts)
        try:
            yield project / urlsafe_b64decode(name).decode(), record
        except ValueError:
            continue


def _text(record: Path) -> str:
    """Return the content of a record, without escapes for letters."""
    text = record.read_text(encoding="utf-8", errors="replace")
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text
