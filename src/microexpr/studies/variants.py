"""Runs beside the table's own: which method, which N, under which changes of the configuration.

A *variant* is a named set of changes of the configuration. A method stands with ``magnify.alpha``
or, as ``pmm-a5``, with another alpha.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from microexpr.config import Ablation, Changes, Config, Magnify, Select, Windows
from microexpr.config.base import Only, Settings
from microexpr.magnify.methods import METHODS

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


def controls(names: Sequence[str], default: Ablation) -> dict[str, Run]:
    """Return the runs of ``evaluate.controls``, by the control's name."""
    return {name: Run(default.method, default.n, name) for name in names}


def control_changes(config: Config) -> dict[str, Changes]:
    """Return what the controls that are trained change in the configuration.

    single_frame uses the middle frame alone, and features as they are: the difference to the onset
    would show motion. permuted_labels is trained on permuted labels several times, in the table's
    first feature mode.
    """
    return {
        "single_frame": {
            "windows": {"modes": ["middle"]},
            "train": {"head": "frame_fc", "feature_modes": ["raw"]},
            "protocol": {"clip_decision": "mean_softmax"},
        },
        "permuted_labels": {
            "train": {
                "permute_labels": True,
                "feature_modes": config.train.feature_modes[:1],
                "seeds": list(range(config.evaluate.permutations)),
            },
        },
    }


def best_epoch_changes(config: Config) -> dict[str, Changes]:
    """Return what the labelled sin changes: the same trainings, the epoch chosen on the test."""
    modes = {"feature_modes": config.train.feature_modes[:1]}
    return {BEST_EPOCH: {"select": {"epoch": BEST_EPOCH}, "train": modes}}


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
