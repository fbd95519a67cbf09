"""Which files are frames: suffixes, numbered names, folders and globs. Standard library only."""

import glob
import itertools
import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from microexpr.errors import DataError
from microexpr.runtime.names import readable

IMAGES = (".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
VIDEOS = (
    *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".wmv", ".mpg", ".mpeg", ".ts", ".mts"),
    *(".m2ts", ".flv", ".3gp", ".ogv", ".vob", ".mxf", ".gif", ".y4m"),
)
# What file managers, storage systems and office programs leave in folders.
RUBBISH = (
    *(".*", "~$*", "@*", "#recycle*", "#snapshot*", "$recycle.bin", "__macosx", "lost+found"),
    *("thumbs.db", "ehthumbs*.db", "desktop.ini", "system volume information"),
)
MAX_COUNTER = 2**31 - 1  # caches hold frame numbers as 32-bit integers
COUNTER = re.compile(r"(\d+)\.\w+$", re.ASCII)


def list_images(folder: Path) -> list[tuple[int, Path]]:
    """List counter and file of a folder's images; DataError as :func:`numbered`, or too large."""
    # Names only: a folder of CAS(ME)^3 holds thousands of frames, of which a clip needs thirty.
    names = [name for name in os.listdir(folder) if is_image_name(name)]  # noqa: PTH208
    images = numbered(folder / name for name in names)
    if images and images[-1][0] > MAX_COUNTER:
        name = images[-1][1].name
        raise DataError(f"{folder}: image {name} has a number above {MAX_COUNTER}")
    return images


def numbered(paths: Iterable[Path]) -> list[tuple[int, Path]]:
    """Sort images by the number at the end of their names; DataError: none, or two share it."""
    found: dict[int, Path] = {}
    for path in paths:
        match = COUNTER.search(path.name)
        if match is None:
            raise DataError(f"{path.parent}: image {path.name} has no frame number")
        other = found.setdefault(int(match[1]), path)
        if other is not path:
            raise DataError(
                f"{path.parent}: frame {int(match[1])} exists twice, {other.name} and {path.name}"
            )
    return sorted(found.items())


def is_rubbish(name: str) -> bool:
    """Tell from its name whether a file or a folder is nobody's data: it is passed over."""
    return any(fnmatchcase(name.lower(), pattern) for pattern in RUBBISH)


def inside(folder: Path) -> list[Path]:
    """Return what lies in a folder, by name, without rubbish."""
    return sorted(path for path in folder.iterdir() if not is_rubbish(path.name))


def folders(parent: Path) -> list[Path]:
    """Return the folders in a folder, by name, without rubbish; none where it does not exist."""
    return [path for path in inside(parent) if path.is_dir()] if parent.is_dir() else []


def is_image_name(name: str) -> bool:
    """Tell from its name whether a file is an image."""
    return name.lower().endswith(IMAGES) and not is_rubbish(name)


def in_range(images: Iterable[tuple[int, Path]], first: int, last: int) -> list[tuple[int, Path]]:
    """Select the images whose counters lie between `first` and `last`, both included."""
    return [(counter, path) for counter, path in images if first <= counter <= last]


def gaps(present: Iterable[int], first: int, last: int) -> str:
    """Name the counters between `first` and `last` that have no image, such as ``12, 15-17``."""
    have = sorted(counter for counter in present if first <= counter <= last)
    edges = [first - 1, *have, last + 1]
    runs = [(a + 1, b - 1) for a, b in itertools.pairwise(edges) if b - a > 1]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def matching(text: str) -> list[Path]:
    """Return the path that a text names, or those that match it as a glob; DataError: none does."""
    if Path(text).exists():
        return [Path(readable(text))]
    if not glob.has_magic(text):
        raise DataError(f"{text} does not exist")
    # Path.glob takes no absolute pattern.
    paths = map(Path, map(readable, glob.glob(text, recursive=True)))  # noqa: PTH207
    found = sorted(path for path in paths if not any(map(is_rubbish, path.parts[-2:])))
    if not found:
        raise DataError(f"nothing matches {text}")
    return found
