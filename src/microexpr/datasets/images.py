"""Folders of numbered images: which files are frames, and in which order."""

from __future__ import annotations

import re
from pathlib import Path

from microexpr.errors import DataError

SUFFIXES = {".bmp", ".png", ".jpg", ".jpeg"}


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
    found: dict[int, Path] = {}
    for path in folder.iterdir():
        # "._image1.bmp" and the like are left behind by file managers.
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        match = re.search(r"(\d+)$", path.stem)
        if match is None:
            raise DataError(f"clip {folder.name}: image {path.name} has no frame number")
        counter = int(match[1])
        if counter in found:
            raise DataError(
                f"clip {folder.name}: frame {counter} exists twice, "
                f"{found[counter].name} and {path.name}"
            )
        found[counter] = path
    return sorted(found.items())
