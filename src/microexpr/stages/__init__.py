"""The stages of the pipeline: what each of them reads, writes and depends on.

A stage is a module ``microexpr.stages.<name>``. It declares itself as ``STAGE`` and does its work
in ``run``. From the declaration follow its command ``microexpr stage <name>``, the command of its
rule in the workflow, and the part of the configuration that makes its results stale.

The workflow plans with the declarations where Snakemake alone is installed. So a stage's module
imports nothing else at its top; the libraries that it works with are imported in ``run``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from microexpr.config.base import Settings

# In the order of the workflow.
NAMES = (
    *("index", "demo", "decode", "crop", "magnify", "features"),
    *("split", "train", "evaluate", "summary", "pages"),
    *("figures", "quality", "embedding", "motion"),
    *("train_system", "tabulate_systems", "tabulate_ablation", "train_leak", "tabulate_leak"),
    *("gradcam", "explain", "model"),
)


@dataclass(frozen=True)
class File:
    """A file or folder that a stage reads or writes: an option of its command.

    Parameters
    ----------
    help : str
        What it is.
    many : bool
        Whether there may be several.
    optional : bool
        Whether the command can do without it.
    """

    help: str
    many: bool = False
    optional: bool = False

    @property
    def about(self) -> str:
        """What the command says of it."""
        return self.help


class Cache(File):
    """A cache (HDF5); `help` says of which kind."""

    @property
    def about(self) -> str:
        """What the command says of it."""
        return f"caches of {self.help}: all shards (.h5)" if self.many else f"cache of {self.help}"


class Table(File):
    """A table (CSV)."""


@dataclass(frozen=True)
class Option:
    """A value that a stage is given beside its files and settings.

    Parameters
    ----------
    help : str
        What it is.
    type : callable
        Makes it from a word of the command line; ``bool``: the option stands alone.
    many : bool
        Whether there may be several.
    default : object, optional
        What is taken where it is not given; without it the option has to be given.
    """

    help: str
    type: Callable[[str], Any] = str
    many: bool = False
    default: Any = ...


@dataclass(frozen=True)
class Stage:
    """What a stage is.

    Parameters
    ----------
    name : str
        Its module, its command and its rule.
    help : str
        What it does, in a few words.
    settings : type of Settings
        What it reads of the configuration. Any other key does not exist in ``run``.
    inputs, outputs : mapping of str to File
        Arguments of ``run``, options of the command, names in the rule.
    options : mapping of str to Option
        Likewise.
    decisive : tuple of str
        Options on which it depends which settings are read.
    device : bool
        Whether it works on a GPU where there is one.
    """

    name: str
    help: str
    settings: type[Settings]
    inputs: Mapping[str, File] = field(default_factory=dict)
    outputs: Mapping[str, File] = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)
    decisive: tuple[str, ...] = ()
    device: bool = False

    def run(self, settings: Settings, **values: Any) -> None:
        """Run the stage with its settings, and with inputs, outputs and options by name."""
        import_module(f"{__name__}.{self.name}").run(settings, **values)

    def command(self, *flags: str, **given: str) -> str:
        """Return the command of the stage's rule.

        Parameters
        ----------
        *flags
            Words that stand alone.
        **given
            Of an input, an output or an option: what stands in place of ``{input.<name>}`` or
            ``{output.<name>}``. What is optional and not given here is left out.
        """
        # -P: a file of the working folder, such as h5py.py, is not taken for a library.
        places = (("input", self.inputs), ("output", self.outputs))
        words = {
            name: f"{{{place}.{name}}}"
            for place, files in places
            for name, file in files.items()
            if not file.optional
        }
        pairs = [f"--{name} {word}" for name, word in (words | given).items()]
        head = f"python -P -m microexpr stage {self.name}"
        tail = "--threads {threads} --config {params.settings:q} > {log[0]} 2>&1"
        return " ".join([head, *pairs, *flags, tail])


MANIFEST = File("manifest.csv: subjects and labels")
FOLDS = Table("folds.csv")


@cache
def declared(name: str) -> Stage:
    """Return the declaration of a stage."""
    stage = import_module(f"{__name__}.{name}").STAGE
    assert isinstance(stage, Stage)
    return stage
