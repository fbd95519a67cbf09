"""Which rows ``ablation.csv`` has: levels of each factor, and the run behind each row.

The poster (ICIP 2021) prints four such figures; they stand beside the rows that repeat them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated

from microexpr.backbones.networks import NETWORKS
from microexpr.config import Ablation, Changes, Config, Features, Train, overlaid
from microexpr.config.base import Only, Settings
from microexpr.errors import ConfigError
from microexpr.magnify.methods import METHODS
from microexpr.studies.variants import Run

FACTORS = ("magnification", "head", "feature_mode", "weights", "blocks")
HEADS = ("bilstm", "frame_fc")
FEATURE_MODES = ("onset_difference", "raw")
NETWORK_KEYS = ("backbone", "cut")
POSTER = {
    ("default", ""): "75.76 %",
    ("magnification", "none"): "60.60 %",
    ("head", "frame_fc"): "41.9 %",
    ("weights", "imagenet"): "37.9 %",
}


class AblationSettings(Settings):
    """What the rows follow from."""

    features: Annotated[Features, Only(*NETWORK_KEYS)]
    train: Annotated[Train, Only("head", "feature_modes")]
    ablation: Ablation


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    factor: str  # that is changed; ``default`` in the first row, ``product`` in the full product
    level: str  # of it; empty for these two
    levels: Mapping[str, str]  # of every factor
    run: Run  # where its predictions are
    changes: tuple[Changes, ...]  # of the configuration, apart from method and feature mode
    network: tuple[str, int]  # backbone and last frozen block

    @property
    def system(self) -> tuple[str, str, int]:
        """Method, feature mode and N of its predictions."""
        return self.run.name, self.levels["feature_mode"], self.run.n


def default_levels(settings: AblationSettings) -> dict[str, str]:
    """Return the level of each factor in the configuration as it is."""
    return {
        "magnification": settings.ablation.method,
        "head": settings.train.head,
        "feature_mode": settings.train.feature_modes[0],
        **_of_network(settings.features),
    }


def _of_network(features: Features) -> dict[str, str]:
    network = NETWORKS[features.backbone]
    blocks = "frozen" if features.cut == network.blocks else "retrained"
    return {"weights": network.trained_on, "blocks": blocks}


def levels(settings: AblationSettings) -> dict[str, list[str]]:
    """Return the levels of each factor, the configuration's own first."""
    ablation = settings.ablation
    others = {
        "magnification": [name for name in METHODS.own if not METHODS[name].placebo_of],
        "head": HEADS,
        "feature_mode": FEATURE_MODES,
        "weights": [name for name, change in ablation.weights.items() if change is not None],
        "blocks": [name for name, change in ablation.blocks.items() if change is not None],
    }
    own = default_levels(settings)
    return {factor: list(dict.fromkeys([own[factor], *others[factor]])) for factor in own}


def rows(settings: AblationSettings, *, full: bool = False) -> list[Row]:
    """List the rows; ConfigError: a level is of another network than it says."""
    own, every = default_levels(settings), levels(settings)
    first = _row(settings, "default", "", own)
    if full:
        combined = [dict(zip(every, chosen, strict=True)) for chosen in product(*every.values())]
        return [first, *(_row(settings, "product", "", chosen) for chosen in combined[1:])]
    single = [
        _row(settings, factor, level, own | {factor: level})
        for factor, names in every.items()
        for level in names[1:]
    ]
    return [first, *single]


def variants(settings: AblationSettings) -> dict[str, tuple[Changes, ...]]:
    """Return what each variant of the full product changes, by its name."""
    return {
        row.run.variant: (*row.changes, {"train": {"feature_modes": [row.levels["feature_mode"]]}})
        for row in rows(settings, full=True)
        if row.run.variant
    }


def _row(settings: AblationSettings, factor: str, level: str, chosen: Mapping[str, str]) -> Row:
    own = default_levels(settings)
    different = {f: chosen[f] for f in ("head", "weights", "blocks") if chosen[f] != own[f]}
    changes = tuple(_changes(settings, *item) for item in different.items())
    keys = [{k: v for k, v in c.get("features", {}).items() if k in NETWORK_KEYS} for c in changes]
    features = overlaid(settings.features.model_dump(), *keys)
    network = Config.parse({"features": features}).features
    _check(settings, network, chosen)
    names = list(different.values())
    # The table's own runs hold all of train.feature_modes.
    if chosen["feature_mode"] != own["feature_mode"] and (
        names or chosen["feature_mode"] not in settings.train.feature_modes
    ):
        names.append(chosen["feature_mode"])
    run = Run(chosen["magnification"], settings.ablation.n, "-".join(names))
    return Row(factor, level, chosen, run, changes, (network.backbone, network.cut))


def _changes(settings: AblationSettings, factor: str, level: str) -> Changes:
    if factor == "head":
        return {"train": {"head": level}}
    found: Mapping[str, Changes] = getattr(settings.ablation, factor)
    return {**found[level]}


def _check(settings: AblationSettings, network: Features, chosen: Mapping[str, str]) -> None:
    """Refuse a network that is not of the level under which it stands, or another one besides."""
    found, own = _of_network(network), settings.features.backbone
    family, mine = (NETWORKS[name].family for name in (network.backbone, own))
    if chosen["weights"] == "random" and family != mine:
        raise ConfigError(
            f"ablation.weights.random: {network.backbone} is another network than {own}; write "
            f"random_{mine}, or null for no such row"
        )
    for factor in ("weights", "blocks"):
        if found[factor] != chosen[factor]:
            raise ConfigError(
                f"ablation: {chosen['weights']} weights, blocks {chosen['blocks']}: the changes "
                f"give {network.backbone} cut at B{network.cut}, which is {found[factor]}"
            )
