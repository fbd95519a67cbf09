"""Folders and tables of a release, whatever spelling a copy uses."""

from collections.abc import Sequence
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from microexpr.errors import DataError
from microexpr.runtime.names import alike, fold
from microexpr.video.suffixes import folders, inside, list_images

TABLES = (".xlsx", ".csv", ".xls")


class Tree:
    """Folders below `root`, which holds the subjects of a release, and `images`; listed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders, self.images = cache(folders), cache(list_images)

    def folders(self, parent: Path | None = None) -> list[Path]:
        """Return the folders in `parent` (the root when None) by name, without rubbish."""
        return self._folders(parent or self.root)

    def grandchildren(self) -> list[Path]:
        """Return the folders two levels below the root, such as the clips of all subjects."""
        return [path for parent in self.folders() for path in self.folders(parent)]

    def find(self, *names: str) -> Path | None:
        """Follow names down from the root; return None when a folder does not exist.

        A folder of exactly that name is preferred; else case, outer blanks and leading zeros of
        numbers do not matter (sub1 finds sub01). Raise DataError when two folders fit equally well.
        """
        found = self.root
        for name in names:
            folders = self.folders(found)
            exact = [path for path in folders if path.name == name]
            same = exact or [path for path in folders if alike(path.name) == alike(name)]
            if len(same) > 1:
                raise DataError(f"{found}: {same[0].name} and {same[1].name} are both {name}")
            if not same:
                return None
            found = same[0]
        return found


def find_tree(root: Path, names: Sequence[str], subjects: str) -> Tree:
    """Find the folder of a release that holds the subjects, whose folders match such as ``sub*``.

    `root` is a folder above the tree, or the tree itself; `names` are possible places below it. A
    folder unpacked into one of the same name is found too. DataError: there is none.
    """
    places = [place for name in names for place in (root / name, root / name / Path(name).name)]
    if fold(root.name) in {fold(Path(name).name) for name in names}:
        places.append(root)
    for place in places:
        if any(fnmatch(path.name.casefold(), subjects) for path in folders(place)):
            return Tree(place)
    looked = " or ".join(names)
    raise DataError(f"data.root: no folder {looked} with folders {subjects} in {root}")


def find_table(root: Path, tree: Tree, given: str | None, patterns: Sequence[str]) -> Path:
    """Find the annotation table: `given`, in the tree, in two folders above it, or in `root`."""
    if given is not None:
        if not Path(given).is_file():
            raise DataError(f"data.table: {given} does not exist")
        return Path(given)
    places = dict.fromkeys((tree.root, *tree.root.parents[:2], root))
    below = [place for place in places if place == root or root in place.parents]
    every = [path for place in below for path in inside(place)]
    files = [path for path in every if path.suffix.lower() in TABLES and path.is_file()]
    for pattern in patterns:
        found = [path for path in files if fnmatch(path.stem.casefold(), pattern)]
        if len(found) > 1:
            raise DataError(
                f"data.table: {found[0]} and {found[1].name} are both annotations; name one"
            )
        if found:
            return found[0]
    looked = " or ".join(f"{pattern}.xlsx" for pattern in patterns)
    raise DataError(f"data.table: no {looked} (or .csv) in {', '.join(map(str, below))}")
