"""Where the files of the workflow lie, each path once, with Snakemake's wildcards in braces."""

from collections.abc import Iterable
from itertools import product

from microexpr.studies import STUDIES
from microexpr.studies.variants import Run

MANIFEST = "results/manifest.csv"
MANIFEST_REPORT = "results/manifest_report.csv"
INDEX = "results/index.json"
DEMO = "results/demo/{shard}.json"
SOURCES = "results/sources/{shard}.json"

FRAMES = "results/frames/{shard}.h5"
FACES = "results/faces/{shard}.h5"
MAGNIFIED = "results/magnified/{method}/{shard}.h5"
FEATURES = "results/features/{network}/{method}/{shard}.h5"

FOLDS = "results/folds.csv"
TRAINED = "results/train/{method}/N{n}/chunk{chunk}.csv"
VARIANT = "results/variants/{variant}/train/{method}/N{n}/chunk{chunk}.csv"
VARIANT_FOLDS = "results/variants/{variant}/folds.csv"
VARIANT_SYSTEM = "results/variants/{variant}/compare/{system}.csv"
VARIANT_SYSTEM_BEST = "results/variants/{variant}/compare/best_epoch_on_test/{system}.csv"
INNER = "results/inner/{method}/N{n}/chunk{chunk}.csv"

TABLE = "results/table.csv"
TABLE_FEATURE_MODES = "results/table_feature_modes.csv"
METRICS = "results/metrics.csv"
COMPARISONS = "results/comparisons.csv"
CONTROLS = "results/controls.csv"
CONFUSION = "results/confusion.csv"
PREDICTIONS = "results/predictions.csv"
SELECTED = "results/selected.csv"
TEST_SETS = "results/test_sets.csv"
SUMMARY = "results/summary.md"

COMPARED = "results/compare/{system}.csv"
COMPARED_BEST_EPOCH = "results/compare/best_epoch_on_test/{system}.csv"
COMPARISON = STUDIES["comparison"].target
ABLATION = STUDIES["ablation"].target
ABLATION_FULL = STUDIES["ablation_full"].target
NOISE_FLOOR = STUDIES["noise_floor"].target
KEY_FRAMES_FIGURE = STUDIES["key_frames"].target
LEAK = "results/leak/{method}.csv"
LEAK_FIGURE = STUDIES["leak"].target
FIGURE = "results/figures/accuracy.png"
REGIONS = "results/gradcam/regions.csv"
EXPLAINED = "results/gradcam/train/{method}/chunk{chunk}.csv"
EXPLAINED_MODELS = "results/gradcam/train/{method}/chunk{chunk}"
EXPLAINED_CLIPS = "results/gradcam/{method}/clips.csv"
MAPS = "results/gradcam/{method}/maps.h5"
MODEL = "results/model/model.safetensors"


def each(pattern: str, **values: Iterable[object] | object) -> list[str]:
    """Fill wildcards in: one path for each combination of values; those not named stay."""
    lists = {
        name: [value] if isinstance(value, str | int) else list(value)  # type: ignore[call-overload]
        for name, value in values.items()
    }
    paths = []
    for chosen in product(*lists.values()):
        path = pattern
        for name, value in zip(lists, chosen, strict=True):
            path = path.replace(f"{{{name}}}", str(value))
        paths.append(path)
    return paths


def seen(method: str) -> str:
    """Return the caches that the network sees: those of ``none`` are the faces themselves."""
    return FACES if method == "none" else MAGNIFIED


def epochs(predictions: str) -> str:
    """Return the log of the epochs beside predictions."""
    return predictions.replace(".csv", ".epochs.csv")


def trained(run: Run, chunks: int) -> list[str]:
    """Return the predictions of a run, one file per chunk."""
    pattern = VARIANT if run.variant else TRAINED
    return each(pattern, variant=run.variant, method=run.method, n=run.n, chunk=range(chunks))


def system(name: str, variant: str) -> str:
    """Return the predictions of a compared system under a variant of the configuration."""
    return each(VARIANT_SYSTEM if variant else COMPARED, system=name, variant=variant)[0]


def inner(run: Run, chunks: int) -> list[str]:
    """Return its predictions on inner folds."""
    return each(INNER, method=run.method, n=run.n, chunk=range(chunks))
