"""A plain folder: one folder a class, in it the clips, named after who is seen.

::

    <root>/<label>/<subject>_<clip>/<anything><counter>.png
    <root>/<label>/<subject>_<clip>.mp4

The subject is what stands before the first underscore.
"""

from __future__ import annotations

from pathlib import Path

from microexpr.config import Data
from microexpr.datasets.labels import Labels
from microexpr.datasets.listing import Listing
from microexpr.datasets.manifest import Clip, identifier
from microexpr.errors import ConfigError, DataError
from microexpr.video.suffixes import list_images

VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".wmv", ".mpg"}


def read(data: Data) -> Listing:
    """List the clips of a folder of classes.

    Parameters
    ----------
    data : Data
        ``root``; ``fps`` is needed for folders of images, and wins over a video's time stamps.

    Raises
    ------
    DataError
        When the root is not there.
    ConfigError
        When folders of images come without ``data.fps``.
    """
    root = Path(data.root)
    if not root.is_dir():
        raise DataError(f"data.root: {root} is not a folder")
    listing, labels = Listing(), Labels(data)
    for folder in sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")):
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or not (path.is_dir() or path.suffix.lower() in VIDEOS):
                continue
            with listing.noted("unreadable_rows", path.relative_to(root).as_posix()):
                _add(listing, labels, folder.name, path, data)
    return listing


def _add(listing: Listing, labels: Labels, emotion: str, path: Path, data: Data) -> None:
    source = path.relative_to(data.root).as_posix()
    name = path.name if path.is_dir() else path.stem
    subject, underscore, _ = name.partition("_")
    who = {"clip_id": identifier(name), "subject": identifier(subject)}
    if not (subject and underscore):
        detail = f"{source}: a clip is named subject_clip, such as s1_03"
        listing.add("unreadable_rows", "dropped", detail, clip_id=who["clip_id"])
        return
    label = labels.of(emotion, listing, detail=f"folder {emotion}", **who)
    if label is None:
        return
    common = {**who, "label": label, "source": source}
    if not path.is_dir():
        clip = Clip(**common, kind="video", frames=0, first=0, last=0, fps=data.fps or 0.0)
        listing.clips.append(clip)
        return
    if data.fps is None:
        raise ConfigError(f"data.fps: {source} is a folder of images, which needs a frame rate")
    with listing.noted("unreadable_files", **who):
        listing.add_images(list_images(path), fps=data.fps, **common)
