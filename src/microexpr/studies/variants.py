"""Runs beside the table's own: which method, which N, under which changes of the configuration.

A *variant* is a named set of changes of the configuration. A method of magnification at another
alpha than ``magnify.alpha`` has the alpha in its name: ``pmm-a5``.
"""

from __future__ import annotations

from dataclasses import dataclass

from microexpr.config import Changes, Config
from microexpr.magnify.methods import METHODS


@dataclass(frozen=True)
class Run:
    """One method's training at one N: all folds, feature modes and seeds."""

    method: str  # with alpha, where it is another one
    n: int
    variant: str = ""  # empty: the configuration as it is

    @property
    def name(self) -> str:
        """Name of the method in its predictions."""
        return f"{self.method}-{self.variant}" if self.variant else self.method

    def predictions(self, chunks: int) -> list[str]:
        """Files of its predictions, one for each of ``train.chunks``."""
        folder = f"results/variants/{self.variant}" if self.variant else "results"
        return self._files(f"{folder}/train", chunks)

    def inner(self, chunks: int) -> list[str]:
        """Files of its predictions on inner folds."""
        return self._files("results/inner", chunks)

    def _files(self, folder: str, chunks: int) -> list[str]:
        return [f"{folder}/{self.method}/N{self.n}/chunk{chunk}.csv" for chunk in range(chunks)]


def method_at(method: str, alpha: float, config: Config) -> str:
    """Return the name of a method at some alpha: ``pmm-a5`` where it is not that of the table."""
    return method if alpha == config.magnify.alpha else f"{method}-a{alpha:g}"


def method_pattern() -> str:
    """Return a regular expression of the methods' names, at any alpha."""
    return f"(?:{'|'.join(METHODS)})(?:-a[0-9.]+)?"


def split_method(method: str, config: Config) -> tuple[str, float]:
    """Split a name such as ``pmm-a5`` into method and alpha."""
    base, _, alpha = method.partition("-a")
    return base, float(alpha) if alpha else config.magnify.alpha


def controls(config: Config) -> dict[str, Run]:
    """Return the runs of ``evaluate.controls``, by the control's name."""
    chosen = config.ablation
    return {name: Run(chosen.method, chosen.n, name) for name in config.evaluate.controls}


def control_changes(config: Config) -> dict[str, Changes]:
    """Return what the controls that are trained change in the configuration.

    single_frame sees the middle frame alone, raw: the difference to the onset would show motion.
    permuted_labels is trained on permuted labels several times, with the first feature mode.
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


def candidates(config: Config, method: str, n: int | None) -> list[Run]:
    """Return the runs among which a nested choice is made, smaller N and alpha first.

    There is one where there is no choice. `n` is a fixed N; None: all of ``windows.n``.
    """
    choose = config.select.alpha == "nested" and METHODS[method].uses_alpha
    alphas = sorted(set(config.select.alphas)) if choose else [config.magnify.alpha]
    sizes = sorted(config.windows.n) if n is None else [n]
    return [Run(method_at(method, alpha, config), size) for size in sizes for alpha in alphas]


def choices(config: Config) -> dict[tuple[str, int | None], list[Run]]:
    """Return the nested choices that the configuration asks for, by method and N.

    A choice of N stands under None; a choice of alpha alone is one for each N.
    """
    select = config.select
    if select.n == select.alpha == "none":
        return {}
    sizes = [None] if select.n == "nested" else config.windows.n
    made = {(m, n): candidates(config, m, n) for m in config.magnify.methods for n in sizes}
    return {key: runs for key, runs in made.items() if len(runs) > 1}
