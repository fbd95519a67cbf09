"""comparison.csv: every number against its definition, published figures kept apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score, recall_score

from microexpr import baselines
from microexpr.baselines import Published
from microexpr.config import Config, Evaluate
from microexpr.datasets.manifest import write
from microexpr.errors import ConfigError, DataError, ProtocolError
from microexpr.evaluation.metrics import holm
from microexpr.evaluation.pooled import MAJORITY, Evaluation, Origin
from microexpr.protocol import predictions
from microexpr.studies.tables import COMPARISON, comparison
from running import run_stage
from simulated import CLASSES, basis, manifest

SKILL = {"pmm": 0.8, "evm_tim": 0.75, "ststnet": 0.35, "vggface2_bilstm": 0.5}
PUBLISHED = {
    name: baselines.SYSTEMS[name].published for name in ("ststnet", "vggface2_bilstm", "evm_tim")
}
OURS = Published(protocol="of ours", source="a poster", accuracy=0.7576)


BASIS = basis(
    manifest(8),
    Origin("loso", "mobilenet_vggface2", 13, "", "synthetic"),
    Evaluate(draws=200),
)


def simulated(method: str, *, feature_mode: str = "raw", n: int = 0, seeds=(0,)) -> pd.DataFrame:
    """Predictions of a system that knows a clip's class with the probability in SKILL."""
    rng, rows = np.random.default_rng([n, *method.encode()]), []
    for seed in seeds:
        for clip in manifest(8):
            knows = rng.random() < SKILL[method]
            answer = clip.label if knows else CLASSES[rng.integers(3)]
            shares = {f"p_{name}": 0.9 if name == answer else 0.05 for name in CLASSES}
            rows.append(
                {"clip_id": clip.clip_id, "subject": clip.subject, "label": clip.label}
                | {"method": method, "feature_mode": feature_mode, "n": n, "seed": seed}
                | {"protocol": "loso", "fold": clip.subject, "n_windows": 1, "predicted": answer}
                | shares
            )
    return pd.DataFrame(rows)


def method(**options) -> pd.DataFrame:
    return simulated("pmm", feature_mode="onset_difference", **options)


def everything(**changes: pd.DataFrame) -> pd.DataFrame:
    parts = {
        "method": method(n=14),
        "another_n": method(n=7),
        "evm_tim": simulated("evm_tim", n=10),
    }
    parts |= {"ststnet": simulated("ststnet", n=2, seeds=(0, 1, 2))}
    parts |= {"vggface2_bilstm": simulated("vggface2_bilstm", n=14)} | changes
    return pd.concat(parts.values(), ignore_index=True)


def best_epoch(*names: str) -> pd.DataFrame:
    """Give all clips of some systems rightly: no honest score is as high."""
    runs = [simulated(name) for name in names]
    for name, run in zip(names, runs, strict=True):
        run["method"] = (
            f"{name}-best_epoch_on_test" if name == "pmm" else f"{name}_best_epoch_on_test"
        )
        run["predicted"] = run["label"]
    return pd.concat(runs, ignore_index=True)


def table(frame: pd.DataFrame | None = None, **changes) -> pd.DataFrame:
    options = {
        "best_epoch": best_epoch("pmm", "ststnet"),
        "reference": ("pmm", "onset_difference", 14),
        "published": {"pmm": OURS, **PUBLISHED},
        "with_backbone": ["vggface2_bilstm"],
    }
    return comparison(everything() if frame is None else frame, BASIS, **options | changes)


def right(frame: pd.DataFrame) -> np.ndarray:
    """Give clips that more than half of the seeds answer rightly."""
    hits = (frame["predicted"] == frame["label"]).groupby(frame["clip_id"]).mean()
    return (hits > 0.5).to_numpy()


def test_rows_are_the_reference_the_systems_and_the_majority():
    found = table()
    assert list(found.columns) == COMPARISON
    sins = ["pmm_best_epoch_on_test", "ststnet_best_epoch_on_test"]
    assert list(found["method"]) == ["pmm", *PUBLISHED, MAJORITY, *sins]
    assert list(found["n"])[:4] == [14, 2, 14, 10]
    assert list(found["seeds"])[:4] == [1, 3, 1, 1]
    assert (found["clips"] == 48).all()
    assert (found["subjects"] == 8).all()
    assert set(found["protocol"]) == {"loso"}
    known = "mobilenet_vggface2"
    assert list(found["backbone"]) == [known, "", known, "", "", "", ""]


def test_an_epoch_chosen_on_the_test_is_a_labelled_row_and_no_test_refers_to_it():
    found = table()
    chosen = found[found["method"].str.endswith("_best_epoch_on_test")]
    assert len(chosen) == 2
    assert (chosen["accuracy"] == 1).all()
    tests = ["against", "b", "c", "p", "p_holm", "difference", "published_accuracy"]
    assert chosen[tests].isna().all(axis=None)
    # The others are as without it: the family of tests, too.
    without = table(best_epoch=best_epoch("ststnet").iloc[:0])
    pd.testing.assert_frame_equal(found[: len(without)], without, check_dtype=False)
    honest = simulated("ststnet")
    with pytest.raises(DataError, match="ststnet: its epoch was not chosen on the tested clips"):
        table(best_epoch=honest)
    with pytest.raises(ConfigError, match="no predictions of ststnet"):
        table(everything(ststnet=best_epoch("ststnet")))
    both = pd.concat([method(n=14), best_epoch("pmm")])
    cells = {"methods": ["pmm"], "feature_modes": ["onset_difference"], "n": [14]}
    with pytest.raises(DataError, match="also hold method pmm-best_epoch_on_test"):
        predictions.check_grid(both, **cells)


@pytest.mark.parametrize("name", list(SKILL))
def test_metrics_are_pooled_and_averaged_over_seeds(name):
    row = table().set_index("method").loc[name]
    frame = everything()
    runs = [
        run
        for _, run in frame[(frame["method"] == name) & (frame["n"] == row["n"])].groupby("seed")
    ]
    hits = [(run["label"] == run["predicted"]).mean() for run in runs]
    assert row["accuracy"] == pytest.approx(np.mean(hits))
    f1 = [f1_score(run["label"], run["predicted"], average="macro") for run in runs]
    recall = [recall_score(run["label"], run["predicted"], average="macro") for run in runs]
    assert row["uf1"] == pytest.approx(np.mean(f1))
    assert row["uar"] == pytest.approx(np.mean(recall))
    for metric in ("accuracy", "uf1", "uar"):
        assert row[f"{metric}_low"] <= row[metric] <= row[f"{metric}_high"]
    if len(runs) > 1:
        assert row["accuracy_sd_seeds"] == pytest.approx(np.std(hits, ddof=1))


def test_tests_are_exact_and_corrected_for_the_systems():
    found, frame = table().set_index("method"), everything()
    ours = right(frame[(frame["method"] == "pmm") & (frame["n"] == 14)])
    values = []
    for name in PUBLISHED:
        theirs, row = right(frame[frame["method"] == name]), found.loc[name]
        b, c = int((theirs & ~ours).sum()), int((ours & ~theirs).sum())
        assert (row["b"], row["c"]) == (b, c)
        assert row["p_mcnemar"] == pytest.approx(binomtest(b, b + c).pvalue)
        assert 0 < row["p"] <= row["p_holm"]
        assert row["tests"] == len(PUBLISHED)
        assert row["against"] == "pmm onset_difference N=14"
        assert row["difference"] == pytest.approx(row["accuracy"] - found.loc["pmm", "accuracy"])
        assert row["difference_low"] <= row["difference"] <= row["difference_high"]
        values.append(row["p"])
    assert found.loc[list(PUBLISHED), "p_holm"].to_list() == pytest.approx(holm(values).tolist())
    assert found.loc[["pmm", MAJORITY], "p"].isna().all()


def test_intervals_are_those_of_the_other_tables():
    frame = everything()
    evaluation = Evaluation(frame[(frame["method"] == "pmm") & (frame["n"] == 14)], BASIS)
    metrics = evaluation.metrics().set_index(["method", "metric", "class"])
    row = table().iloc[0]
    wanted = metrics.loc["pmm", "accuracy", "all"]
    assert (row["accuracy_low"], row["accuracy_high"]) == (wanted["low"], wanted["high"])


def test_published_figures_stand_in_their_own_columns_and_are_marked():
    found = table().set_index("method")
    assert found.loc["evm_tim", "published_accuracy"] == 0.6890
    assert np.isnan(found.loc["ststnet", "published_accuracy"])
    assert found.loc["ststnet", "published_uar"] == 0.6703
    assert found.loc["ststnet", "published_macro_precision"] == 0.7013
    named = found.loc[: list(PUBLISHED)[-1]]
    assert named["published_protocol"].str.startswith("as published, another protocol: ").all()
    assert (named["published_source"] != "").all()
    assert found.loc[MAJORITY, ["published_accuracy", "published_source"]].isna().all()


def test_the_reference_is_the_one_that_is_named_and_not_the_best():
    at_seven = table(reference=("pmm", "onset_difference", 7))
    assert at_seven.iloc[0]["n"] == 7
    assert list(at_seven["against"])[1] == "pmm onset_difference N=7"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"method": method(n=12)},
            ConfigError,
            "compare.against: no predictions of method pmm.*N 14",
        ),
        ({"evm_tim": method(n=9)}, ConfigError, "compare.systems: no predictions of evm_tim"),
        ({"evm_tim": simulated("evm_tim").iloc[1:]}, ProtocolError, "1 clips have no row"),
        ({"evm_tim": simulated("evm_tim").assign(fold="s1")}, ProtocolError, "different folds"),
        ({"evm_tim": simulated("evm_tim").assign(label="positive")}, DataError, "manifest says"),
        ({"evm_tim": simulated("evm_tim").assign(protocol="holdout")}, ProtocolError, "holdout"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        table(everything(**changes))


def test_the_stage_writes_the_table(tmp_path):
    sources = []
    for (method, n), rows in everything().groupby(["method", "n"]):
        sources.append(tmp_path / f"{method}{n}.csv")
        predictions.write(sources[-1], rows)
    write(tmp_path / "manifest.csv", manifest(8))
    values = {"compare": {"systems": list(PUBLISHED)}, "evaluate": {"draws": 100}}
    config = Config.parse(values)
    output = tmp_path / "comparison.csv"
    chosen = tmp_path / "best.csv"
    predictions.write(chosen, best_epoch("pmm", "evm_tim"))
    files = {"manifest": tmp_path / "manifest.csv", "table": output, "best_epoch": [chosen]}
    run_stage("tabulate_systems", config, systems=sources[1:], method=sources[:1], **files)
    text = output.read_text()
    written = pd.read_csv(output)
    assert list(written.columns) == COMPARISON
    sins = [f"{name}_best_epoch_on_test" for name in ("pmm", "evm_tim")]
    assert list(written["method"]) == ["pmm", *PUBLISHED, MAJORITY, *sins]
    assert written.loc[0, "published_accuracy"] == 0.7576
    assert set(written["data"]) == {"synthetic"}
    assert "nan" not in text
    run_stage("tabulate_systems", config, systems=sources[:1], method=sources[:0:-1], **files)
    assert output.read_text() == text
