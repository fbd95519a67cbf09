"""Runs beside the table's own: which method, which N, under which changes of the configuration.

A *variant* is a named set of changes of the configuration. A method stands with ``magnify.alpha``
or, as ``pmm-a5``, with another alpha.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from microexpr.config import Changes, Config, KeyFrames, Magnify, NoiseFloor, Select, Train, Windows
from microexpr.config.base import Only, Settings
from microexpr.magnify.methods import METHODS
from microexpr.training.controls import CONTROLS

REDRAW = "redraw"
OURS, THEIRS = ("onset", "offset"), ("onset", "apex")  # key frames that methods and systems use

BEST_EPOCH = "best_epoch_on_test"  # a variant, shown beside the score of the same training


@dataclass(frozen=True)
class Run:
    """One method's training at one N: all folds, feature modes and seeds."""

    method: str  # of magnification, and alpha
    n: int  # frames per window
    variant: str = ""  # the configuration as it is

    @property
    def name(self) -> str:
        """Name of the method in its predictions."""
        return f"{self.method}-{self.variant}" if self.variant else self.method


class ChoiceSettings(Settings):
    """What nested choices follow from."""

    magnify: Annotated[Magnify, Only("methods", "alpha")]
    windows: Annotated[Windows, Only("n")]
    select: Annotated[Select, Only("n", "alpha", "alphas")]


def method_pattern() -> str:
    """Return a regular expression of a method's name, with or without an alpha."""
    return rf"(?:{'|'.join(METHODS)})(?:-a[0-9.]+)?"


def split_method(method: str, alpha: float) -> tuple[str, float]:
    """Split a name such as ``pmm-a5`` into method and alpha; `alpha` is ``magnify.alpha``."""
    base, _, own = method.partition("-a")
    return base, float(own) if own else alpha


def controls_trained(names: Sequence[str]) -> list[str]:
    """Return the controls that change the training; a placebo changes what is magnified."""
    return [name for name in names if not CONTROLS[name].placebo]


def controls(names: Sequence[str], methods: Sequence[str], n: int) -> list[Run]:
    """Return the runs of ``evaluate.controls``: each control of each method that it has one for."""
    trained = controls_trained(names)
    placebos = [row.name for row in METHODS.values() if row.placebo_of in methods]
    return [
        *(Run(method, n, name) for name in trained for method in methods),
        *(Run(name, n) for name in placebos if len(trained) < len(names)),
    ]


class NoiseFloorSettings(Settings):
    """What is drawn again."""

    noise_floor: NoiseFloor
    magnify: Annotated[Magnify, Only("methods")]


def study_changes(variant: str, train: Train) -> tuple[Changes, ...]:
    """Return what a variant of these studies changes; nothing where it is none of theirs.

    ``redraw3`` has the folds of subjects and the seed number 3, ``onset2`` clips whose onset is two
    frames beside the annotated one.
    """
    found = re.fullmatch(r"(redraw|onset|apex|offset)(\d+)", variant)
    if found is None:
        return ()
    kind, number = found[1], int(found[2])
    first: Changes = {"train": {"feature_modes": train.feature_modes[:1]}}
    if kind != REDRAW:
        return first, {"key_frames": {f"{kind}_error": number}}
    return first, {
        "train": {"seeds": [number]},
        "protocol": {"name": "group_kfold", "seed": number},
    }


def best_epoch_changes(config: Config) -> dict[str, Changes]:
    """Return what the labelled sin changes: the same trainings, the epoch chosen on the test."""
    modes = {"feature_modes": config.train.feature_modes[:1]}
    return {BEST_EPOCH: {"select": {"epoch": BEST_EPOCH}, "train": modes}}


def redrawn(settings: NoiseFloorSettings) -> list[Run]:
    """Return the runs of the noise floor: each method under each draw."""
    noise = settings.noise_floor
    methods = noise.methods or settings.magnify.methods
    return [Run(m, noise.n, f"{REDRAW}{k}") for m in methods for k in range(noise.redraws)]


def with_errors(settings: KeyFrames) -> list[Run]:
    """Return the runs of our methods: without an error, then with each of one key frame."""
    names = ["", *(f"{key}{error}" for key in OURS for error in settings.errors)]
    return [Run(method, settings.n, name) for method in settings.methods for name in names]


def systems_with_errors(settings: KeyFrames) -> dict[str, list[str]]:
    """Return the variants of each compared system that has errors of a key frame."""
    names = ["", *(f"{key}{error}" for key in THEIRS for error in settings.errors)]
    return dict.fromkeys(settings.systems, names)


def choices(settings: ChoiceSettings) -> dict[tuple[str, int | None], list[Run]]:
    """Return the candidates of each nested choice that is asked for, by method and N.

    A choice of N stands under None, one of alpha under each N. Smaller N and alpha come first.
    """
    select = settings.select
    if select.n == select.alpha == "none":
        return {}
    own, found = settings.magnify.alpha, {}
    for method in settings.magnify.methods:
        choose = select.alpha == "nested" and METHODS[method].uses_alpha
        alphas = sorted(set(select.alphas)) if choose else [own]
        names = [method if alpha == own else f"{method}-a{alpha:g}" for alpha in alphas]
        for n in [None] if select.n == "nested" else settings.windows.n:
            sizes = sorted(settings.windows.n) if n is None else [n]
            found[method, n] = [Run(name, size) for size in sizes for name in names]
    return {key: runs for key, runs in found.items() if len(runs) > 1}
