"""The clips that the workflow plans with: from the data set where it is there, else as indexed."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel

from microexpr import datasets
from microexpr.config import Data, Demo, Windows
from microexpr.config.base import Only, Settings, Without
from microexpr.datasets import manifest
from microexpr.datasets.listing import Listing
from microexpr.datasets.manifest import Clip, natural
from microexpr.errors import ConfigError, DataError
from microexpr.fingerprints.code import Code
from microexpr.runtime import resume
from microexpr.runtime.files import write_json

MANIFEST, RECORD, REPORT = "manifest.csv", "index.json", "manifest_report.csv"
# What may change without the data set: where it lies, and how its clips are shared out.
CLIPS = (
    *("seed", "subjects", "clips_per_class", "sequence_share"),
    *("median_frames", "min_frames", "max_frames"),
)
DRAWN = ("frames", "first", "last")  # of a generated clip: follow from the settings
ELSEWHERE = {"root", "leave_out", "allow", "expected"}


class IndexSettings(Settings):
    """What the manifest and its report follow from."""

    data: Annotated[Data, Without("subjects_per_shard")]
    demo: Annotated[Demo, Only(*CLIPS)]
    windows: Annotated[Windows, Only("n")]


class Record(BaseModel):
    """What lies beside the manifest, and is not in it."""

    key: str  # see :func:`key`
    data: dict[str, Any]  # see :func:`selection`
    leave_out: list[str]
    left_out: list[Clip]
    dropped: list[Clip]  # listed, but their files cannot be read


def listed(settings: IndexSettings) -> Listing:
    """List the data set and check it as a whole; DataError: it is not as it should be."""
    listing = datasets.read(settings.data, settings.demo, names_only=True)
    manifest.check(listing.clips, settings.data.labels)
    return listing


def indexed(settings: IndexSettings, results: Path) -> Listing:
    """Read what the stage index found: ``manifest.csv`` and the record beside it in `results`.

    Subjects and clips that ``data.leave_out`` names since then are left out. DataError: they are
    not there or cannot be read. ConfigError: other clips are asked for than were indexed.
    """
    path, record = results / MANIFEST, results / RECORD
    try:
        before = Record.model_validate_json(record.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{record}: cannot be read ({type(error).__name__})") from None
    changed = [key for key, value in selection(settings).items() if before.data.get(key) != value]
    back = [name for name in before.leave_out if name not in settings.data.leave_out]
    if changed or back:
        what = ", ".join([*changed, *(["data.leave_out"] if back else [])])
        raise ConfigError(
            f"data.root: {settings.data.root} is not there, and {what} changed since {path} was "
            "written: connect the data set, or undo the change"
        )
    # In the order of the readers.
    clips = [*map(manifest.planned, manifest.read(path)), *before.dropped]
    if settings.data.kind == "demo":  # as `listed` lists it
        clips = [clip.model_copy(update=dict.fromkeys(DRAWN, 0)) for clip in clips]
    listing = Listing(clips=sorted(clips, key=lambda c: (natural(c.subject), natural(c.clip_id))))
    added = [name for name in settings.data.leave_out if name not in before.leave_out]
    if added:
        listing.leave_out(added)
    listing.left_out += before.left_out
    return listing


def selection(settings: IndexSettings) -> dict[str, Any]:
    """Return the keys that decide which clips there are, by full name."""
    values = {f"data.{k}": v for k, v in settings.data.model_dump(mode="json").items()}
    if settings.data.kind == "demo":
        values |= {f"demo.{k}": v for k, v in settings.demo.model_dump(mode="json").items()}
    return {k: v for k, v in values.items() if k.removeprefix("data.") not in ELSEWHERE}


def key(settings: IndexSettings, listing: Listing) -> str:
    """Return what ``manifest.csv`` and its report follow from: another one writes them anew."""
    rows = [manifest.planned(clip) for clip in listing.clips]
    follows = {
        "settings": selection(settings),
        "rows": manifest.digest([*rows, *listing.findings]),
        "windows": settings.windows.n,
        "expected": settings.data.expected.model_dump(mode="json"),
        "code": Code("index").accepted,
    }
    return resume.digest(follows)


def write_record(
    path: Path, settings: IndexSettings, listing: Listing, dropped: Sequence[Clip], follows: str
) -> None:
    """Write what :func:`indexed` reads beside the manifest, with the :func:`key` `follows`."""
    about: dict[str, Any] = {"key": follows, "data": selection(settings), "dropped": dropped}
    record = Record(**about, leave_out=settings.data.leave_out, left_out=listing.left_out)
    write_json(path, record.model_dump(mode="json"))


def strike(path: Path, subjects: Collection[str], clips: Collection[str]) -> None:
    """Remove subjects and their clips from the record, and its key: a new index is made."""
    if not path.is_file():
        return
    about = json.loads(path.read_text(encoding="utf-8"))
    for name in ("left_out", "dropped"):
        about[name] = [clip for clip in about[name] if clip["subject"] not in subjects]
    gone = {*subjects, *clips}
    about["leave_out"] = [name for name in about["leave_out"] if name not in gone]
    write_json(path, about | {"key": ""})
