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
    """Rows by name, those of this package first; `key` is the configuration key of such a name."""

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

    @property
    def _all(self) -> dict[str, RowT]:
        extension_packages()  # which may add some
        return self._rows

    def __getitem__(self, name: str) -> RowT:
        """Return a row; ConfigError on an unknown name."""
        if name not in self._all:
            raise ConfigError(f"{self.key}: {name!r} is none of {', '.join(self._rows)}")
        return self._rows[name]

    def load(self, name: str, field: str) -> Any:
        """Import what a field of a row refers to; ConfigError: an unknown name, no such function.

        Code that uses a row's functions takes them from here: so its fingerprint covers them.
        """
        return resolve(getattr(self[name], field))

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names: this package's first."""
        return iter(tuple(self._all))

    def __len__(self) -> int:
        return len(self._all)


@cache
def resolve(reference: str) -> Any:
    """Import what ``"package.module:name"`` refers to; ConfigError: it cannot be imported."""
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{reference}: cannot be imported ({error})") from None


_found: list[frozenset[str]] = []  # packages of the extensions, once they have been looked for


def extension_packages() -> frozenset[str]:
    """Import the modules that add rows, once; return their packages; ConfigError: one fails."""
    if not _found:
        _found.append(frozenset())  # a module that is imported here may ask for rows
        entries = sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value))
        for entry in entries:
            try:
                import_module(entry.module)
            except Exception as error:  # whatever another package's code does
                _found.clear()
                text = " ".join(str(error).split())
                raise ConfigError(
                    f"entry point {entry.name} = {entry.value!r} of group {GROUP}: "
                    f"{type(error).__name__}: {text}"
                ) from None
        _found[0] = frozenset(entry.module.partition(".")[0] for entry in entries)
    return _found[0]
