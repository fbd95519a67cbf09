"""The stages of the pipeline: what each of them reads, writes and depends on.

A stage is a public function of a module here, and its signature declares it: its command, that of
its rule, and the configuration that its results follow from. Planning reads the declarations where
Snakemake alone is installed: a stage imports its libraries in its function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from microexpr.config.base import Settings
from microexpr.fingerprints.code import functions

# In the order of the workflow.
NAMES = (
    *("index", "demo", "decode", "crop", "magnify", "features"),
    *("split", "train", "train_controls", "evaluate", "summary", "pages"),
    *("figures", "quality", "embedding", "motion"),
    *("train_system", "tabulate_systems", "tabulate_ablation", "train_leak", "tabulate_leak"),
    *("tabulate_noise_floor", "tabulate_key_frames"),
    *("gradcam", "explain", "model"),
)


@dataclass(frozen=True)
class Reads:
    """Mark an argument of a stage: a file or folder that it reads, and what that is."""

    help: str


@dataclass(frozen=True)
class Writes:
    """Mark an argument of a stage: a file or folder that it writes, and what that is."""

    help: str


@dataclass(frozen=True)
class Option:
    """Mark an argument of a stage that is no file; a `decisive` one decides what settings exist."""

    help: str
    decisive: bool = False


Manifest = Annotated[Path, Reads("manifest.csv: subjects and labels")]
Folds = Annotated[Path, Reads("folds.csv")]
FaceCaches = Annotated[list[Path], Reads("caches of faces: all shards (.h5)")]
FeatureCaches = Annotated[list[Path], Reads("caches of features: all shards (.h5)")]


@dataclass(frozen=True)
class Argument:
    """An argument of a stage, and an option of its command; default ``...``: it has to be given."""

    mark: Reads | Writes | Option
    type: Callable[[str], Any]
    many: bool
    default: object

    @classmethod
    def of(cls, parameter: inspect.Parameter) -> Argument:
        """Read it from a signature, such as ``faces: Annotated[Path, Reads("cache of faces")]``."""
        kind, mark = get_args(parameter.annotation)
        default = ... if parameter.default is parameter.empty else parameter.default
        many = get_origin(kind) in (list, Sequence)
        return cls(mark, (*get_args(kind), kind)[0], many, default)


@dataclass(frozen=True)
class Stage:
    """A stage: its name, and the function that does its work."""

    name: str
    function: Callable[..., None]

    @cached_property
    def _signature(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.function, eval_str=True).parameters

    @property
    def help(self) -> str:
        """What it does, in a few words: the first line of its docstring."""
        text = (self.function.__doc__ or "").partition("\n")[0].rstrip(".")
        return text[:1].lower() + text[1:]

    @property
    def settings(self) -> type[Settings]:
        """What it reads of the configuration. Any other key does not exist in the function."""
        kind = self._signature["settings"].annotation
        assert isinstance(kind, type) and issubclass(kind, Settings)
        return kind

    @property
    def device(self) -> bool:
        """Whether it works on a GPU where there is one."""
        return "device" in self._signature

    @cached_property
    def arguments(self) -> dict[str, Argument]:
        """What it reads and writes, and its options, by name."""
        others = {"settings", "device"}
        return {k: Argument.of(v) for k, v in self._signature.items() if k not in others}

    @property
    def decisive(self) -> list[str]:
        """Names of the options on which it depends which settings are read."""
        marks = {name: argument.mark for name, argument in self.arguments.items()}
        return [k for k, mark in marks.items() if isinstance(mark, Option) and mark.decisive]

    def run(self, settings: Settings, **values: Any) -> None:
        """Run the stage with its settings, and with its arguments by name."""
        self.function(settings, **values)

    def command(self, *flags: str, **given: str) -> str:
        """Return the command of the stage's rule.

        `flags` stand alone; `given` is by argument what replaces ``{input.<name>}`` or
        ``{output.<name>}``. What is optional and not given is left out.
        """
        # -P: a file of the working folder, such as h5py.py, is not taken for a library.
        words = {
            name: f"{{{place}.{name}}}"
            for place, kind in (("input", Reads), ("output", Writes))
            for name, argument in self.arguments.items()
            if isinstance(argument.mark, kind) and argument.default is ...
        }
        pairs = [f"--{name} {word}" for name, word in (words | given).items()]
        head = f"python -P -m microexpr stage {self.name}"
        tail = "--threads {threads} --config {params.settings:q} > {log[0]} 2>&1"
        return " ".join([head, *pairs, *flags, tail])


@cache
def declared(name: str) -> Stage:
    """Return a stage by its name."""
    return Stage(name, getattr(import_module(functions()[name].module), name))
