"""The ablation, the leak, controls and nested choices: targets beside the table, and rows in it."""

from __future__ import annotations

import pandas as pd
import pytest

pytestmark = pytest.mark.workflow
ABLATION = "results/ablation.csv"
LEAK = "results/figures/leak.pdf"
HERE = "ablation: {n: 9}\nleak: {n: 9}\n"
# Everything that stands beside the table, as small as it gets.
STUDIES = """
magnify: {methods: [pmm]}
windows: {n: [7, 9]}
train: {chunks: 1}
select: {n: nested, alpha: nested, alphas: [5, 10], folds: 2}
evaluate: {controls: [single_frame, permuted_labels, placebo], permutations: 2}
ablation: {n: 9, weights: {imagenet: null}, blocks: {retrained: {train: {chunks: 1, epochs: 1}}}}
leak: {n: 9, methods: [pmm]}
"""


def test_the_table_gains_no_job(finished):
    assert finished.planned(extra=HERE) == {}


def test_the_ablation_runs_only_what_the_table_lacks(finished):
    # Two shards and two parts. Caches: two further methods, and three further networks.
    expected = {"magnify": 4, "features": 4 + 6, "train": 4, "train_variant": 10}
    expected |= {"tabulate_ablation": 1}
    assert finished.planned(extra=HERE, target=ABLATION) == expected
    # All heads, weights and blocks in both feature modes, without what the table has.
    full = finished.planned(extra=HERE, target="results/ablation_full.csv")
    runs = 4 * (2 * 2 * 3 * 2 - 1) + 2  # methods x combinations; the methods amm and filter_only
    assert full["train"] + full["train_variant"] == 2 * runs
    assert full["features"] == 2 * (4 * 6 - 2)
    assert full["tabulate_ablation_full"] == 1


@pytest.fixture(scope="module")
def studied(finished, tmp_path_factory):
    """Return a finished run of all of it. Do not change it: copy it."""
    project = finished.copy(tmp_path_factory.mktemp("studied") / "project")
    return project.finish(extra=STUDIES, target=f"results/table.csv {ABLATION} {LEAK}")


def test_rows_of_the_ablation(studied):
    table = pd.read_csv(studied.folder / ABLATION, keep_default_na=False)
    rows = [tuple(row) for row in table[["factor", "level"]].to_numpy()]
    assert rows == [
        ("default", ""),
        *(("magnification", method) for method in ("none", "filter_only", "amm")),
        *(("head", "frame_fc"), ("feature_mode", "raw"), ("weights", "random")),
        ("blocks", "retrained"),
    ]
    assert set(table["clips"]) == {9}
    by_level = table.set_index("level")
    assert by_level.loc["retrained", "cut"] == 11
    assert by_level.loc["random", "backbone"] == "random_mobilenet"
    digests = by_level["weights_sha256"]
    assert digests["random"] != digests["retrained"] == digests["frame_fc"]
    assert by_level.loc["", "poster_accuracy"] == "75.76 %"
    metrics = pd.read_csv(studied.folder / "results/metrics.csv")
    own = metrics.query("method == 'pmm' and n == 9 and metric == 'accuracy'")
    assert float(by_level.loc["", "accuracy"]) == own["value"].item()


def test_controls_and_choices_are_rows_of_the_metrics_and_the_table(studied):
    results = studied.folder / "results"
    metrics = pd.read_csv(results / "metrics.csv", keep_default_na=False)
    accuracy = metrics[metrics["metric"] == "accuracy"].set_index("method")
    assert accuracy.loc["pmm-permuted_labels", "seeds"] == 2
    assert accuracy.loc["pmm-single_frame", "n"] == "9"
    assert accuracy.loc["placebo_pmm", "n"] == "9"
    beside = pd.read_csv(results / "controls.csv")
    assert set(beside["control"]) == {"single_frame", "permuted_labels", "placebo"}
    assert accuracy.loc["pmm_nested", "n"] == ""
    table = pd.read_csv(results / "table.csv")
    nested = table[table["class"] == "Accuracy, N chosen"]
    assert list(nested["method"]) == ["pmm"]
    assert (
        nested["n_7"].item() == nested["n_9"].item() == float(accuracy.loc["pmm_nested", "value"])
    )
    selected = pd.read_csv(results / "selected.csv")
    assert list(selected["fold"]) == ["s1", "s2", "s3"]
    assert set(selected["chosen_method"]) <= {"pmm", "pmm-a5"}
    assert set(selected["chosen_n"]) <= {7, 9}
    assert set(selected["inner_clips"]) == {6}
    inner = pd.read_csv(results / "inner/pmm-a5/N7/chunk0.csv")
    assert not (inner["fold"].str.split("-").str[0] == inner["subject"]).any()


def test_the_leak_is_a_table_and_a_figure(studied):
    figures = studied.folder / "results/figures"
    names = {"leak.csv", "leak.csv.sha256", "leak.pdf", "leak.png"}
    assert {path.name for path in figures.iterdir()} == names
    table = pd.read_csv(figures / "leak.csv")
    assert list(table["split"]) == ["windows", "clips", "best_epoch_on_test", "subjects"]
    assert set(table["data"]) == {"synthetic"}
    assert (figures / "leak.png").stat().st_size > 10_000


def test_a_change_reruns_its_own_rows(studied):
    targets = f"results/table.csv {ABLATION} {LEAK}"
    assert studied.planned(extra=STUDIES, target=targets) == {}
    longer = STUDIES.replace("epochs: 1", "epochs: 2")
    assert studied.planned(extra=longer, target=targets) == {
        "train_variant": 1,
        "tabulate_ablation": 1,
    }
    more = STUDIES.replace("permutations: 2", "permutations: 3")
    assert studied.planned(extra=more, target=targets) == {"train_controls": 1, "evaluate": 1}
