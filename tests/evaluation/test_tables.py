"""From files of predictions to tables: shape, agreement, refusals, identical bytes on reruns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn.metrics import f1_score

from microexpr.cli import main
from microexpr.config import Evaluate
from microexpr.config.evaluation import Primary
from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError, ProtocolError
from microexpr.evaluation.metrics import holm
from microexpr.evaluation.pooled import Evaluation, Origin
from microexpr.evaluation.tables import FILES, SHOWN, poster_table, render_table, write_results
from microexpr.protocol import predictions
from microexpr.protocol.splits import make_folds
from microexpr.runtime.tables import seal, write_table
from simulated import CLASSES, ORIGIN, basis, columns, manifest

METHODS = ["amm", "pmm", "none", "filter_only"]
FEATURE_MODES = ["onset_difference", "raw"]
SIZES = [7, 8, 9, 10, 11, 12, 13, 14]
SKILL = {"amm": 0.6, "pmm": 0.9, "none": 0.4, "filter_only": 0.4}


def simulate(
    clips: list[Clip],
    *,
    protocol: str = "loso",
    seeds: tuple[int, ...] = (0,),
    sizes: list[int] = SIZES,
    feature_modes: list[str] = FEATURE_MODES,
) -> pd.DataFrame:
    """Predictions of a classifier that knows a clip's class with the probability in SKILL."""
    rng = np.random.default_rng(0)
    folds = make_folds(*columns(clips), name=protocol, classes=CLASSES)
    rows = []
    for method in METHODS:
        for feature_mode in feature_modes:
            for n in sizes:
                for seed in seeds:
                    for fold in folds:
                        for clip in (clips[i] for i in fold.test):
                            knows = rng.random() < SKILL[method]
                            share = rng.dirichlet([1, 1, 1])
                            if knows:
                                share = np.roll(np.sort(share)[::-1], CLASSES.index(clip.label))
                            rows.append(
                                (
                                    *(clip.clip_id, clip.subject, clip.label),
                                    *(method, feature_mode, n, seed, protocol, fold.name),
                                    *(9, CLASSES[share.argmax()], *share),
                                )
                            )
    return pd.DataFrame(rows, columns=[*predictions.COLUMNS, *(f"p_{name}" for name in CLASSES)])


def write_parts(frame: pd.DataFrame, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for (method, n), part in frame.groupby(["method", "n"]):
        paths.append(folder / f"{method}-{n}.csv")
        predictions.write(paths[-1], part)
    return paths


def results(
    sources: list[Path],
    clips: list[Clip],
    folder: Path,
    *,
    origin: Origin = ORIGIN,
    **changes: object,
) -> Path:
    options = {"methods": METHODS, "feature_modes": FEATURE_MODES, "n": SIZES} | changes
    write_results(sources, basis(clips, origin), folder, **options)
    return folder


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return manifest()


@pytest.fixture(scope="module")
def frame(clips: list[Clip]) -> pd.DataFrame:
    return simulate(clips)


@pytest.fixture(scope="module")
def sources(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_parts(frame, tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def done(sources, clips, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return results(sources, clips, tmp_path_factory.mktemp("results"))


def load(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def test_table_has_the_posters_shape(done: Path) -> None:
    table = load(done / "table.csv")
    assert list(table.columns) == [
        *("method", "class", *(f"n_{n}" for n in SIZES)),
        *("clips", "subjects", "seeds", "protocol", "backbone", "feature_mode", "data"),
        *(f"n_{n}_{side}" for n in SIZES for side in ("low", "high")),
    ]
    classes = ["Accuracy", "negative", "positive", "surprise"]
    assert list(zip(table["method"], table["class"], strict=True)) == [
        *((method, name) for method in METHODS for name in classes),
        ("majority", "Accuracy"),
    ]
    assert set(table["feature_mode"].dropna()) == {"onset_difference"}
    assert set(table["data"]) == {"synthetic"}
    # The denominator of the row.
    assert set(table["clips"][table["class"] == "Accuracy"]) == {72}
    assert set(table["clips"][table["class"] != "Accuracy"]) == {24}
    assert set(table["subjects"]) == {12}


def test_other_readings_have_the_same_shape(done: Path) -> None:
    first, second = load(done / "table.csv"), load(done / "table_feature_modes.csv")
    assert list(first.columns) == list(second.columns)
    assert list(first["class"]) == list(second["class"])
    assert set(second["feature_mode"].dropna()) == {"raw"}


def test_cells_are_the_accuracy_and_recall_of_the_predictions(done: Path, frame) -> None:
    table = load(done / "table.csv").set_index(["method", "class"])
    for method in METHODS:
        for n in SIZES:
            run = frame[(frame.method == method) & (frame.n == n)]
            run = run[run.feature_mode == "onset_difference"]
            right = run.predicted == run.label
            assert table.loc[(method, "Accuracy"), f"n_{n}"] == pytest.approx(
                right.mean(), abs=1e-4
            )
            for name in CLASSES:
                recall = right[run.label == name].mean()
                cell = table.loc[(method, name), f"n_{n}"]
                assert cell == pytest.approx(recall, abs=1e-4)
    assert (table.loc[("majority", "Accuracy"), [f"n_{n}" for n in SIZES]] == 0.3333).all()


def test_metrics_are_tidy_and_complete(done: Path, frame) -> None:
    metrics = load(done / "metrics.csv")
    assert list(metrics.columns) == [
        *("method", "feature_mode", "n", "metric", "class", "value", "low", "high", "sd_seeds"),
        *("confidence", "clips", "subjects", "seeds", "protocol", "subject_independent"),
        *("backbone", "cut", "weights_sha256", "data"),
    ]
    systems = len(METHODS) * len(FEATURE_MODES) * len(SIZES)
    # The area under the curve needs probabilities, which controls without a face have not.
    assert len(metrics) == (systems + 3) * (4 + 4 * 3) - 3
    assert not metrics.duplicated(["method", "feature_mode", "n", "metric", "class"]).any()
    assert metrics["subject_independent"].all()
    assert metrics["sd_seeds"][metrics["method"] != "stratified_random"].isna().all()
    run = frame[(frame.method == "pmm") & (frame.n == 9) & (frame.feature_mode == "raw")]
    chosen = metrics.query("method == 'pmm' and n == 9 and feature_mode == 'raw'").set_index(
        "metric"
    )
    expected = f1_score(run.label, run.predicted, average="macro")
    assert chosen.loc["uf1", "value"] == pytest.approx(expected, abs=1e-4)
    assert chosen.loc["uf1", "low"] < expected < chosen.loc["uf1", "high"]


def test_controls_are_rows_of_metrics(done: Path) -> None:
    metrics = load(done / "metrics.csv").query("metric == 'accuracy'").set_index("method")
    assert metrics.loc["majority", "value"] == pytest.approx(1 / 3, abs=1e-4)
    assert metrics.loc["majority_training", "value"] == pytest.approx(1 / 3, abs=1e-4)
    chance = metrics.loc["stratified_random"]
    assert chance["value"] == pytest.approx(1 / 3, abs=2e-3)
    assert chance["low"] < 1 / 3 < chance["high"]
    assert chance["sd_seeds"] == pytest.approx(np.sqrt(2 / 9 / 72), rel=0.15)


def test_comparisons_pair_clips_and_correct_over_all_that_is_shown(done: Path, frame) -> None:
    table = load(done / "comparisons.csv")
    assert len(table) == 6 * len(FEATURE_MODES) * len(SIZES)
    assert set(table["role"]) == {"exploratory"}
    assert set(table["tests"]) == {len(table)}
    first = table.iloc[0]
    assert tuple(first[["method_a", "method_b"]]) == ("amm", "pmm")
    pair = frame[(frame.n == first.n) & (frame.feature_mode == first.feature_mode)]
    right = (pair.predicted == pair.label).groupby([pair.method, pair.clip_id]).first()
    assert first.b == (right["amm"] & ~right["pmm"]).sum()
    assert first.c == (right["pmm"] & ~right["amm"]).sum()
    assert first.difference == pytest.approx((first.b - first.c) / 72, abs=1e-4)
    assert first.difference_low < first.difference < first.difference_high
    assert list(table["p_holm"]) == pytest.approx(holm(table["p"]), rel=1e-3)
    assert (table[["p", "p_mcnemar"]] > 0).all(axis=None)
    equal = table[(table.method_a == "none") & (table.method_b == "filter_only")]
    assert (equal["p_holm"] > 0.05).all()
    better = table[(table.method_a == "pmm") & (table.method_b == "none")]
    assert (better["p"] < 0.05).mean() > 0.9
    # Twelve subjects that all agree give 2 / 2^12; no smaller p is possible.
    assert table["p"].min() >= 2 / 2**12 - 1e-6


@pytest.mark.parametrize("metric", ["accuracy", "uf1"])
def test_the_primary_comparison_is_first_and_tested_alone(
    frame, clips, tmp_path: Path, metric: str
) -> None:
    named = Primary(method="filter_only", against="amm", n=7, feature_mode="raw", metric=metric)
    small = frame[frame["n"].isin([7, 8])]
    parts = write_parts(small, tmp_path / "parts")
    table = load(results(parts, clips, tmp_path, n=[7, 8], primary=named) / "comparisons.csv")
    first, others = table.iloc[0], table.iloc[1:]
    cell = ["method_a", "method_b", "feature_mode", "n", "metric"]
    assert list(first[cell]) == ["filter_only", "amm", "raw", 7, metric]
    assert (first["role"], first["tests"], first["p_holm"]) == ("primary", 1, first["p"])
    assert first["difference"] < 0
    assert set(others["role"]) == {"exploratory"}
    # Tested once: another metric of the same cell is exploratory.
    assert set(others["tests"]) == {len(others)} == {6 * 2 * 2 - (metric == "accuracy")}
    assert set(others["metric"]) == {"accuracy"}


def test_confusion_counts_every_clip(done: Path) -> None:
    table = pd.read_csv(done / "confusion.csv", keep_default_na=False)
    totals = table.groupby(["method", "feature_mode", "n", "seed"])["clips"].sum()
    assert set(totals) == {72}
    assert len(totals) == len(METHODS) * len(FEATURE_MODES) * len(SIZES)


def test_reruns_are_identical_whatever_the_order_of_files_and_rows(
    done: Path, frame, clips, tmp_path: Path
) -> None:
    shuffled = frame.sample(frac=1, random_state=1)
    parts = write_parts(shuffled, tmp_path / "parts")[::-1]
    again = results(parts, clips[::-1], tmp_path / "results")
    for name in FILES:
        assert (done / name).read_bytes() == (again / name).read_bytes(), name
    once_more = results([again / "predictions.csv"], clips, tmp_path / "results2")
    assert (once_more / "table.csv").read_bytes() == (done / "table.csv").read_bytes()
    seals = [f"{name}.sha256" for name in FILES]
    assert sorted(path.name for path in again.iterdir()) == sorted([*FILES, *seals])


def test_a_clip_without_an_answer_lowers_the_accuracy(frame, clips, tmp_path: Path) -> None:
    run = frame.copy()
    lost = (run.method == "pmm") & (run.n == 14) & (run.label == "negative")
    run.loc[lost, ["predicted", *(f"p_{name}" for name in CLASSES)]] = ["", *[np.nan] * 3]
    run.loc[lost, "n_windows"] = 0
    folder = results(write_parts(run, tmp_path / "parts"), clips, tmp_path)
    table = load(folder / "table.csv").set_index(["method", "class"])
    assert table.loc[("pmm", "negative"), "n_14"] == 0
    assert table.loc[("pmm", "Accuracy"), "n_14"] <= 2 / 3
    assert table.loc[("pmm", "Accuracy"), "clips"] == 72
    written = pd.read_csv(folder / "predictions.csv", keep_default_na=False)
    assert (written["predicted"] == "").sum() == lost.sum()


def test_several_seeds_give_mean_and_sd(clips, tmp_path: Path) -> None:
    sizes = [7, 8]
    run = simulate(clips, seeds=(0, 1, 2), sizes=sizes, feature_modes=["raw"])
    folder = results(
        write_parts(run, tmp_path / "parts"), clips, tmp_path, feature_modes=["raw"], n=sizes
    )
    row = load(folder / "metrics.csv").query("method == 'amm' and n == 7 and metric == 'accuracy'")
    mine = run[(run.method == "amm") & (run.n == 7)]
    per_seed = (mine.predicted == mine.label).groupby(mine.seed).mean()
    assert row["value"].item() == pytest.approx(per_seed.mean(), abs=1e-4)
    assert row["sd_seeds"].item() == pytest.approx(per_seed.std(), abs=1e-4)
    assert row["seeds"].item() == 3
    compared = load(folder / "comparisons.csv").query("method_a == 'amm' and method_b == 'pmm'")
    theirs = run[(run.method == "pmm") & (run.n == 7)]
    mostly = [(x.predicted == x.label).groupby(x.clip_id).sum() >= 2 for x in (mine, theirs)]
    assert compared.iloc[0].b == (mostly[0] & ~mostly[1]).sum()
    assert len(load(folder / "table_feature_modes.csv")) == 0


def test_leaking_protocol_says_so(clips, tmp_path: Path) -> None:
    run = simulate(clips, protocol="clip_kfold", sizes=[7], feature_modes=["raw"])
    origin = Origin("clip_kfold", "random_mobilenet", 13, "", "SMIC-HS")
    parts = write_parts(run, tmp_path / "parts")
    folder = results(parts, clips, tmp_path, feature_modes=["raw"], n=[7], origin=origin)
    assert not load(folder / "metrics.csv")["subject_independent"].any()
    text = " ".join(shown(folder / "table.csv").split())
    assert "the same subjects are trained on and tested" in text


def test_holdout_takes_the_training_majority_from_the_manifest(clips, tmp_path: Path) -> None:
    run = simulate(clips, protocol="holdout", sizes=[7], feature_modes=["raw"])
    origin = Origin("holdout", "random_mobilenet", 13, "", "SMIC-HS")
    parts = write_parts(run, tmp_path / "parts")
    trained = next(clip for clip in clips if clip.subject not in set(run.subject))
    extra = trained.model_copy(update={"clip_id": "extra", "label": "positive"})
    folder = results(parts, [*clips, extra], tmp_path, feature_modes=["raw"], n=[7], origin=origin)
    metrics = load(folder / "metrics.csv").set_index(["method", "metric", "class"])["value"]
    assert metrics["majority_training", "recall", "positive"] == 1
    assert metrics["majority", "recall", "negative"] == 1


def test_each_test_set_of_an_official_split_has_its_own_rows(clips, tmp_path: Path) -> None:
    run = simulate(clips, sizes=[7], feature_modes=["raw"])
    people = sorted(set(run.subject))
    part = {who: ("train", "testA", "testB")[i % 3] for i, who in enumerate(people)}
    clips = [clip.model_copy(update={"split": part[clip.subject]}) for clip in clips]
    set_of = run.subject.map(part)
    run = run.assign(protocol="official", fold="official")[set_of != "train"]
    origin = Origin("official", "random_mobilenet", 13, "", "DFME")
    parts = write_parts(run, tmp_path / "parts")
    folder = results(parts, clips, tmp_path, feature_modes=["raw"], n=[7], origin=origin)
    rows = load(folder / "test_sets.csv")
    found = rows.query("metric == 'accuracy'").set_index(["test_set", "method"])
    for name in ("testA", "testB"):
        mine = run[(set_of[run.index] == name) & (run.method == "pmm")]
        correct = (mine.predicted == mine.label).mean()
        assert found.loc[(name, "pmm"), "value"] == pytest.approx(correct, abs=1e-4)
        assert found.loc[(name, "pmm"), "clips"] == len(set(mine.clip_id))
        # Trained on the training set alone: the other test set does not count.
        trained = [clip.label for clip in clips if part[clip.subject] == "train"]
        most = max(CLASSES, key=trained.count)
        share = (mine.label == most).mean()
        assert found.loc[(name, "majority_training"), "value"] == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize("protocol", ["loso", "leave_one_dataset_out"])
def test_a_composite_is_printed_with_its_parts(clips, tmp_path: Path, protocol, capsys) -> None:
    people = sorted({clip.subject for clip in clips})
    part = {who: ("smic", "casme2", "samm")[i % 3] for i, who in enumerate(people)}
    clips = [clip.model_copy(update={"split": part[clip.subject]}) for clip in clips]
    run = simulate(clips, sizes=[7, 9], feature_modes=["raw"])
    if protocol != "loso":
        run = run.assign(protocol=protocol, fold=run["subject"].map(part))
    origin = Origin(protocol, "random_mobilenet", 13, "", "MEGC 2019")
    parts = write_parts(run, tmp_path / "parts")
    folder = results(parts, clips, tmp_path, feature_modes=["raw"], n=[7, 9], origin=origin)
    rows = load(folder / "test_sets.csv")
    assert list(dict.fromkeys(rows["test_set"])) == ["all", "casme2", "samm", "smic"]
    whole = rows[rows["test_set"] == "all"].drop(columns="test_set").reset_index(drop=True)
    pd.testing.assert_frame_equal(whole, load(folder / "metrics.csv"))
    found = rows.query("n == 9 or n.isna()").set_index(["test_set", "metric", "class", "method"])
    labels = pd.Series([clip.label for clip in clips])
    of = pd.Series([part[clip.subject] for clip in clips])
    for name in ("smic", "casme2", "samm"):
        mine = run[(run["subject"].map(part) == name) & (run.method == "pmm") & (run.n == 9)]
        value = f1_score(mine.label, mine.predicted, average="macro", labels=CLASSES)
        assert found.loc[(name, "uf1", "all", "pmm"), "value"] == pytest.approx(value, abs=1e-4)
        if protocol != "loso":  # trained on the other data sets alone
            most = labels[of != name].value_counts().reindex(CLASSES).idxmax()
            share = (labels[of == name] == most).mean()
            control = found.loc[(name, "accuracy", "all", "majority_training"), "value"]
            assert control == pytest.approx(share, abs=1e-4)
    assert main(["show", str(folder / "test_sets.csv")]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"Full \(\d+\) .*CASME II \(\d+\) .*SAMM \(\d+\) .*SMIC \(\d+\)", printed)
    pmm = next(line for line in printed.splitlines() if "PMM" in line and " 9 " in line)
    order = [(name, metric) for name in ("all", "casme2", "samm", "smic") for metric in SHOWN]
    cells = [f"{found.loc[(*cell, 'all', 'pmm'), 'value']:.4f}" for cell in order]
    assert pmm.split()[-8:] == cells


def test_tables_are_shown_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classes = ("1", "NA")  # names, not numbers and not missing
    table = pd.DataFrame({"class": classes, "n_7": ["0.5", ""], "protocol": ["loso", "loso"]})
    write_table(tmp_path / "table.csv", table)
    assert main(["show", "--json", str(tmp_path / "table.csv")]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"class": "1", "n_7": 0.5, "protocol": "loso"},
        {"class": "NA", "n_7": None, "protocol": "loso"},
    ]
    assert main(["show", "--csv", str(tmp_path / "table.csv")]) == 0
    assert capsys.readouterr().out == (tmp_path / "table.csv").read_text()


def test_holdout_of_one_subject_has_no_interval(tmp_path: Path) -> None:
    clips = manifest(subjects=4)
    run = simulate(clips, protocol="holdout", sizes=[7], feature_modes=["raw"])
    assert len(set(run["subject"])) == 1
    origin = Origin("holdout", "random_mobilenet", 13, "", "SMIC-HS")
    parts = write_parts(run, tmp_path / "parts")
    folder = results(parts, clips, tmp_path, feature_modes=["raw"], n=[7], origin=origin)
    assert load(folder / "table.csv")["n_7_low"].isna().all()
    assert "Accuracy" in shown(folder / "table.csv")


def shown(path: Path, width: int = 100) -> str:
    console = Console(width=width, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    console.print(render_table(path))
    return console.export_text()


def test_the_printed_table_fits_and_warns(done: Path) -> None:
    text = shown(done / "table.csv")
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "…" not in text + shown(done / "table.csv", width=80)
    assert "SYNTHETIC DATA" in text
    assert "72 clips, 12 subjects" in text
    table = load(done / "table.csv").set_index(["method", "class"])
    row = table.loc[("pmm", "Accuracy")]
    best = max(SIZES, key=lambda n: row[f"n_{n}"])
    assert f"{best}: {row[f'n_{best}_low']:.2f}-{row[f'n_{best}_high']:.2f}" in text


def test_real_data_are_not_called_synthetic(done: Path, tmp_path: Path) -> None:
    text = (done / "table.csv").read_text().replace(",synthetic,", ",SMIC-HS,")
    (tmp_path / "table.csv").write_text(text)
    seal(tmp_path / "table.csv")
    assert "SYNTHETIC" not in shown(tmp_path / "table.csv")
    (tmp_path / "other.csv").write_text("method,class,n_7\namm,Accuracy,0.5\n")
    seal(tmp_path / "other.csv")
    with pytest.raises(DataError, match="column clips is missing"):
        render_table(tmp_path / "other.csv")
    with pytest.raises(DataError, match="cannot be read"):
        render_table(tmp_path / "absent.csv")


Change = Callable[[pd.DataFrame], pd.DataFrame]


def first(frame: pd.DataFrame, **values: object) -> pd.DataFrame:
    frame = frame.copy()
    for column, value in values.items():
        frame.loc[frame.index[0], column] = value
    return frame


def every(frame: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Change all rows of the first clip, so that the systems still agree with each other."""
    frame = frame.copy()
    for column, value in values.items():
        frame.loc[frame["clip_id"] == frame["clip_id"].iloc[0], column] = value
    return frame


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda f: pd.concat([f, f.iloc[:1]]), DataError, "seed 0: clip s1_ne_01 occurs twice"),
        (lambda f: f.iloc[1:], ProtocolError, "1 clips have no row, first s1_ne_01"),
        (lambda f: f[f.clip_id != "s1_ne_01"], ProtocolError, "1 clips have no row"),
        (lambda f: first(f, predicted="happy"), DataError, "predicted 'happy' is none of"),
        (lambda f: first(f, label="happy"), DataError, "label 'happy' is none of"),
        (lambda f: every(f, label="surprise"), DataError, "the manifest says s1, negative"),
        (lambda f: every(f, subject="s2"), DataError, "predictions say subject s2"),
        (lambda f: every(f, clip_id="x"), DataError, "clip x: predicted, but not in the manifest"),
        (lambda f: first(f, protocol="clip_kfold"), ProtocolError, "under protocol clip_kfold"),
        (lambda f: first(f, fold="s2"), ProtocolError, "clip s1_ne_01 is tested in 2 different"),
        (lambda f: every(f, fold="s2"), ProtocolError, "subject s1 is tested in 2 different"),
        (lambda f: f[(f.method != "amm") | (f.n != 7)], DataError, "lack method amm, feature mode"),
        (lambda f: f.assign(n=f.n.replace(7, 15)), DataError, "lack method amm.*n 7"),
        (lambda f: f.assign(seed=(f.n == 7) * 1), ProtocolError, r"seeds \[1\] of \[0, 1\]"),
        (lambda f: f.drop(columns="fold"), DataError, "column fold is missing"),
        (lambda f: f.drop(columns="p_surprise"), DataError, "column p_surprise is missing"),
        (lambda f: f.assign(p_happy=0), DataError, "column p_happy is unknown"),
        (lambda f: f.assign(n="seven"), DataError, "column n: "),
    ],
)
def test_planted_errors_are_refused_and_nothing_is_written(
    frame, clips, tmp_path: Path, *, change: Change, error: type[Exception], message: str
) -> None:
    small = frame[frame["n"].isin([7, 8])]
    path = tmp_path / "predictions_in.csv"
    predictions.write(path, change(small))
    with pytest.raises(error, match=message):
        results([path], clips, tmp_path / "results", n=[7, 8])
    assert not (tmp_path / "results").exists()


def test_no_files_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file of predictions"):
        predictions.read([], CLASSES)
    with pytest.raises(DataError, match=r"absent\.csv: cannot be read"):
        predictions.read([tmp_path / "absent.csv"], CLASSES)


def test_poster_table_refuses_a_missing_cell(frame, clips) -> None:
    small = frame[(frame["n"] == 7) & (frame["feature_mode"] == "raw")]
    evaluation = Evaluation(small, basis(clips, statistics=Evaluate(draws=100)))
    metrics = evaluation.metrics()
    with pytest.raises(DataError, match="no accuracy of method amm, feature mode raw, n 8"):
        poster_table(metrics, classes=CLASSES, n=[7, 8], feature_mode="raw")
    with pytest.raises(DataError, match="no metrics for feature mode 'onset_difference'"):
        poster_table(metrics, classes=CLASSES, n=[7], feature_mode="onset_difference")


def test_methods_that_are_not_the_posters_follow_by_name() -> None:
    assert predictions.method_order(["zeta", "none", "pmm", "alpha", "amm"]) == [
        *("amm", "pmm", "none", "alpha", "zeta")
    ]
