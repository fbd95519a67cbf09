"""Folders of numbered images: which files are frames, and in which order."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from pathlib import Path

from microexpr.errors import DataError

SUFFIXES = (".bmp", ".png", ".jpg", ".jpeg")
# First bytes of a file, whatever its suffix says.
SIGNATURES = (b"BM", b"\x89PNG", b"\xff\xd8")
MAX_COUNTER = 2**31 - 1  # caches hold frame numbers as 32-bit integers
COUNTER = re.compile(r"(\d+)\.\w+$", re.ASCII)


def list_images(folder: Path) -> list[tuple[int, Path]]:
    """List the frames of an image sequence.

    Parameters
    ----------
    folder : Path
        Holds ``<anything><counter>.bmp`` (or png, jpg); other files are ignored.

    Returns
    -------
    list of (int, Path)
        Camera counter and file, sorted by the counter as a number: SMIC's counters have 5 to 8
        digits, so that sorting names puts frame 100000 before 99999.

    Raises
    ------
    DataError
        When an image has no number, or two have the same.
    """
    found: dict[int, str] = {}
    # Names only: a folder of CAS(ME)^3 holds thousands of frames, of which a clip needs thirty.
    for name in os.listdir(folder):  # noqa: PTH208
        # "._image1.bmp" and the like are left behind by file managers.
        if name.startswith(".") or not name.lower().endswith(SUFFIXES):
            continue
        match = COUNTER.search(name)
        if match is None:
            raise DataError(f"{folder}: image {name} has no frame number")
        counter = int(match[1])
        if counter > MAX_COUNTER:
            raise DataError(f"{folder}: image {name} has a number above {MAX_COUNTER}")
        if counter in found:
            raise DataError(f"{folder}: frame {counter} exists twice, {found[counter]} and {name}")
        found[counter] = name
    return [(counter, folder / found[counter]) for counter in sorted(found)]


def in_range(images: Iterable[tuple[int, Path]], first: int, last: int) -> list[tuple[int, Path]]:
    """Select the images whose counters lie between `first` and `last`, both included."""
    return [(counter, path) for counter, path in images if first <= counter <= last]


def is_image(path: Path) -> bool:
    """Tell from its first bytes whether a file is a bmp, png or jpg."""
    with path.open("rb") as file:
        return file.read(4).startswith(SIGNATURES)


def is_whole(content: bytes) -> bool:
    """Tell whether a bmp, png or jpg reaches its end: decoders fill what is missing with grey."""
    if content.startswith(b"\x89PNG"):
        return b"IEND" in content
    if content.startswith(b"\xff\xd8"):
        return content.find(b"\xff\xd9", _start_of_scan(content)) != -1
    return content.startswith(b"BM") and len(content) >= int.from_bytes(content[2:6], "little")


def _start_of_scan(content: bytes) -> int:
    """Find where a jpg's picture starts; before it, a thumbnail may have an end of its own."""
    place = 2
    while content[place : place + 1] == b"\xff" and content[place + 1 : place + 2] != b"\xda":
        place += 2 + max(int.from_bytes(content[place + 2 : place + 4], "big"), 2)
    return place


def gaps(present: Iterable[int], first: int, last: int) -> str:
    """Name the counters between `first` and `last` that have no image, such as ``12, 15-17``."""
    have = sorted(counter for counter in present if first <= counter <= last)
    edges = [first - 1, *have, last + 1]
    runs = [(a + 1, b - 1) for a, b in itertools.pairwise(edges) if b - a > 1]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
