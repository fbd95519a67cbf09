"""Studies beside the main table: ablation, data leakage, comparison with published systems."""

from dataclasses import dataclass

from microexpr.runtime.registry import Registry


@dataclass(frozen=True)
class Study:
    """A study beside the main table."""

    name: str
    label: str  # for people
    target: str  # the file that Snakemake makes for it
    code: tuple[str, ...] = ()


STUDIES = Registry(
    "study",
    [
        Study("comparison", "systems of other authors", "results/comparison.csv"),
        Study("ablation", "one factor at a time", "results/ablation.csv"),
        Study("ablation_full", "all combinations of factors", "results/ablation_full.csv"),
        Study("noise_floor", "folds and seeds drawn again", "results/noise_floor.csv"),
        Study("key_frames", "errors of onset, apex and offset", "results/figures/key_frames.png"),
        Study("leak", "clips split by window, by clip and by subject", "results/figures/leak.png"),
    ],
)
