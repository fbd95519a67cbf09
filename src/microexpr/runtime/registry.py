"""Names that a configuration may use, each with one row: those of this package and of extensions.

A row is light: what needs NumPy or PyTorch stands in it as a reference, ``"package.module:name"``.
An extension is a package whose entry point of group ``microexpr`` names a module that adds rows
when it is imported: when a registry is first asked for its rows, in every job.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Protocol, TypeVar

from microexpr.errors import ConfigError

GROUP = "microexpr"
NAME = re.compile(r"[a-z][a-z0-9_]*")  # also a folder of results


class Row(Protocol):
    """What every row has."""

    @property
    def name(self) -> str:
        """As in the configuration."""

    @property
    def code(self) -> tuple[str, ...]:
        """What results follow from, for fingerprints: references, and any other text."""


RowT = TypeVar("RowT", bound=Row)


class Registry(Mapping[str, RowT]):
    """Rows by name: `rows` of this package, in the order in which people see them, and others.

    `key` is the configuration key that holds such a name; `own` are the names of this package.
    """

    def __init__(self, key: str, rows: Iterable[RowT]) -> None:
        self.key = key
        self._rows = {row.name: row for row in rows}
        self.own = tuple(self._rows)

    def add(self, row: RowT) -> None:
        """Add a row of an extension; ConfigError: the name is taken, or is no lower-case word."""
        if not NAME.fullmatch(row.name):
            raise ConfigError(
                f"{self.key}: {row.name!r} must be lower-case letters, digits and underscores"
            )
        if self._rows.setdefault(row.name, row) != row:
            raise ConfigError(f"{self.key}: there are two rows named {row.name!r}")

    def __getitem__(self, name: str) -> RowT:
        """Return a row; ConfigError on an unknown name."""
        load_extensions()
        if name not in self._rows:
            raise ConfigError(f"{self.key}: {name!r} is none of {', '.join(self._rows)}")
        return self._rows[name]

    def load(self, name: str, field: str) -> Any:
        """Import what a field of a row refers to; ConfigError: an unknown name, no such function.

        Code that uses a row's functions takes them from here: so its fingerprint covers them.
        """
        return resolve(getattr(self[name], field))

    def __contains__(self, name: object) -> bool:
        load_extensions()
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names: this package's first."""
        load_extensions()
        return iter(tuple(self._rows))

    def __len__(self) -> int:
        load_extensions()
        return len(self._rows)


@cache
def resolve(reference: str) -> Any:
    """Import what ``"package.module:name"`` refers to; ConfigError: it cannot be imported."""
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{reference}: cannot be imported ({error})") from None


class _Extensions:
    """Whether extensions have been looked for, and the packages that they are in."""

    loaded = False
    packages: frozenset[str] = frozenset()


def load_extensions() -> None:
    """Import the modules that add rows, once; a ConfigError names the entry point that fails."""
    if _Extensions.loaded:
        return
    _Extensions.loaded = True  # a module that is imported here may ask for rows
    found = sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value))
    for entry in found:
        try:
            import_module(entry.module)
        except Exception as error:  # whatever another package's code does
            _Extensions.loaded = False
            text = " ".join(str(error).split())
            raise ConfigError(
                f"entry point {entry.name} = {entry.value!r} of group {GROUP}: "
                f"{type(error).__name__}: {text}"
            ) from None
    _Extensions.packages = frozenset(entry.module.partition(".")[0] for entry in found)


def extension_packages() -> frozenset[str]:
    """Return the top-level packages and modules of the extensions."""
    load_extensions()
    return _Extensions.packages
