"""The comparison as a target of its own: no part of table.csv, and rerun only where needed."""

from __future__ import annotations

import pandas as pd
import pytest

pytestmark = pytest.mark.workflow
TARGET = "results/comparison.csv"
SYSTEMS = ["evm_tim", "off_apexnet", "vggface2_bilstm"]


def settings(systems=SYSTEMS, *, n: int = 9, epochs: int = 2, method: str = "pmm") -> str:
    return (
        f"compare: {{systems: [{', '.join(systems)}], epochs: {epochs},"
        f" against: {{method: {method}, n: {n}}}}}"
    )


def test_the_table_does_not_wait_for_the_systems(finished):
    assert finished.planned(extra=settings(epochs=3)) == {}


def test_comparison_runs_each_system_once_on_what_is_there(finished):
    assert finished.planned(extra=settings(), target=TARGET) == {
        "train_system": 3,
        "train_variant": 2,  # ours once more, with the epoch that is best on the tested clips
        "tabulate_systems": 1,
    }
    # Another N of the method is trained for it, although table.csv does not show it.
    planned = finished.planned(extra=settings(n=8), target=TARGET)
    assert planned == {
        "train_system": 3,
        "train_variant": 2,
        "tabulate_systems": 1,
        "train_other_n": 2,
    }


def test_the_comparison_stands_on_the_clips_of_the_table(complete):
    table = pd.read_csv(complete.folder / TARGET)
    chosen = [f"{name}_best_epoch_on_test" for name in ("pmm", *SYSTEMS)]
    assert list(table["method"]) == ["pmm", *SYSTEMS, "majority", *chosen]
    scores = table.set_index("method")["accuracy"]
    for name in ("pmm", *SYSTEMS):
        assert scores[f"{name}_best_epoch_on_test"] >= scores[name]
    # An SVM has no epochs.
    assert scores["evm_tim_best_epoch_on_test"] == scores["evm_tim"]
    assert (table["clips"] == 9).all()
    assert set(table["data"]) == {"synthetic"}
    metrics = pd.read_csv(complete.folder / "results/metrics.csv")
    ours = metrics[(metrics["method"] == "pmm") & (metrics["n"] == 9)]
    accuracy = ours[ours["metric"] == "accuracy"].iloc[0]
    assert table.loc[0, "accuracy"] == accuracy["value"]
    assert table.loc[0, "accuracy_low"] == accuracy["low"]
    log = (complete.folder / "results/logs/train_system/off_apexnet.log").read_text()
    assert log.count(", known") == 9


def test_only_what_has_changed_runs_again(complete):
    assert complete.planned(extra=settings(), target=TARGET) == {}
    fewer = complete.planned(extra=settings(SYSTEMS[:2]), target=TARGET)
    assert fewer == {"tabulate_systems": 1}
    # The own network reads section train and no epochs of compare.
    more = complete.planned(extra=settings(epochs=3), target=TARGET)
    assert more == {"train_system": 2, "tabulate_systems": 1}


def test_code_of_one_system_runs_that_system_again(complete, tmp_path):
    project = complete.copy(tmp_path / "project")
    module = project.folder / "src/microexpr/baselines/apex_networks.py"
    module.write_text(module.read_text().replace("lr=1e-4", "lr=2e-4"))
    planned = project.planned(extra=settings(), target=TARGET)
    assert planned == {"train_system": 1, "tabulate_systems": 1}


def test_an_epoch_chosen_on_the_test_is_refused_as_a_way_to_choose(project):
    done = project.run("--dry-run", extra="select: {epoch: best_epoch_on_test}")
    assert done.returncode != 0
    said = "select.epoch: best_epoch_on_test is no way to choose; use last or nested"
    assert said in done.stdout + done.stderr


def test_an_arm_that_is_not_magnified_is_refused(project):
    done = project.run("--dry-run", extra=settings(method="amm"), target=TARGET)
    assert done.returncode != 0
    assert "compare.against: amm is not in magnify.methods" in done.stdout + done.stderr
