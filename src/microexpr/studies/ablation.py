"""The planned rows of ``ablation.csv``: levels of each factor, and the run behind each row.

The poster (ICIP 2021) prints four such figures; they stand beside the rows that repeat them. The
table is made in :mod:`microexpr.studies.ablation_table`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from microexpr.backbones.networks import NETWORKS
from microexpr.config import Changes, Config
from microexpr.errors import ConfigError
from microexpr.magnify.methods import METHODS
from microexpr.studies.variants import Run

FACTORS = ("magnification", "head", "feature_mode", "weights", "blocks")
HEADS = ("bilstm", "frame_fc")
FEATURE_MODES = ("onset_difference", "raw")
POSTER = {
    ("default", ""): "75.76 %",
    ("magnification", "none"): "60.60 %",
    ("head", "frame_fc"): "41.9 %",
    ("weights", "imagenet"): "37.9 %",
}


@dataclass(frozen=True)
class Row:
    """One row of the table: what is changed, and the training that its predictions come from."""

    factor: str  # "default" in the first row, "product" in the full product
    level: str
    levels: Mapping[str, str]  # of every factor
    run: Run
    changes: tuple[Changes, ...]  # of the configuration, apart from method and feature mode

    @property
    def system(self) -> tuple[str, str, int]:
        """Method, feature mode and N of its predictions."""
        return self.run.name, self.levels["feature_mode"], self.run.n


def default_levels(config: Config) -> dict[str, str]:
    """Return the level of each factor in the configuration as it is."""
    network = NETWORKS[config.features.backbone]
    return {
        "magnification": config.ablation.method,
        "head": config.train.head,
        "feature_mode": config.train.feature_modes[0],
        "weights": network.trained_on,
        "blocks": "frozen" if config.features.cut == network.blocks else "retrained",
    }


def levels(config: Config) -> dict[str, list[str]]:
    """Return the levels of each factor, the configuration's own first."""
    settings = config.ablation
    others = {
        "magnification": METHODS.own,
        "head": HEADS,
        "feature_mode": FEATURE_MODES,
        "weights": [name for name, change in settings.weights.items() if change is not None],
        "blocks": [name for name, change in settings.blocks.items() if change is not None],
    }
    own = default_levels(config)
    return {factor: list(dict.fromkeys([own[factor], *others[factor]])) for factor in own}


def rows(config: Config, *, full: bool = False) -> list[Row]:
    """List the rows: the default and one factor changed at a time, or all combinations (`full`).

    Raises
    ------
    ConfigError
        When the changes of a level do not give that level.
    """
    own, every = default_levels(config), levels(config)
    first = _row(config, "default", "", own)
    if full:
        combined = [dict(zip(every, chosen, strict=True)) for chosen in product(*every.values())]
        return [first, *(_row(config, "product", "", chosen) for chosen in combined[1:])]
    single = [
        _row(config, factor, level, own | {factor: level})
        for factor, names in every.items()
        for level in names[1:]
    ]
    return [first, *single]


def variants(config: Config) -> dict[str, tuple[Changes, ...]]:
    """Return what each variant of the full product changes, by its name."""
    return {
        row.run.variant: (*row.changes, {"train": {"feature_modes": [row.levels["feature_mode"]]}})
        for row in rows(config, full=True)
        if row.run.variant
    }


def _row(config: Config, factor: str, level: str, chosen: Mapping[str, str]) -> Row:
    own = default_levels(config)
    different = {f: chosen[f] for f in ("head", "weights", "blocks") if chosen[f] != own[f]}
    changes = tuple(_changes(config, *item) for item in different.items())
    _check(config, changes, chosen)
    names = list(different.values())
    # The table's own runs hold all of train.feature_modes.
    if chosen["feature_mode"] != own["feature_mode"] and (
        names or chosen["feature_mode"] not in config.train.feature_modes
    ):
        names.append(chosen["feature_mode"])
    run = Run(chosen["magnification"], config.ablation.n, "-".join(names))
    return Row(factor, level, chosen, run, changes)


def _changes(config: Config, factor: str, level: str) -> Changes:
    if factor == "head":
        return {"train": {"head": level}}
    return getattr(config.ablation, factor)[level]


def _check(config: Config, changes: tuple[Changes, ...], chosen: Mapping[str, str]) -> None:
    """Refuse changes that do not give the level they stand under, or another network besides."""
    changed = config.changed(*changes)
    found = default_levels(changed)
    backbone, cut = changed.features.backbone, changed.features.cut
    network, mine = (NETWORKS[c.features.backbone].family for c in (changed, config))
    if chosen["weights"] == "random" and network != mine:
        raise ConfigError(
            f"ablation.weights.random: {backbone} is another network than "
            f"{config.features.backbone}; write random_{mine}, or null for no such row"
        )
    for factor in ("weights", "blocks"):
        if found[factor] != chosen[factor]:
            raise ConfigError(
                f"ablation: {chosen['weights']} weights, blocks {chosen['blocks']}: the changes "
                f"give {backbone} cut at B{cut}, which is {found[factor]}"
            )
