"""``microexpr judge``: formats, scores, and each finding on predictions in which it is planted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from microexpr.apps.judge import page
from microexpr.apps.judge.judgement import judge
from microexpr.cli import main
from microexpr.errors import ConfigError, DataError
from microexpr.protocol import write_list
from microexpr.runtime.tables import write_table

CLASSES = ["negative", "positive", "surprise"]
FOLDS = Path(__file__).parents[2] / "folds"


def table(seed: int = 0, share: float = 0.8) -> pd.DataFrame:
    """Make predictions for 54 clips of 9 subjects, of which a `share` is right, or by chance."""
    draw = np.random.default_rng(seed)
    names = [f"s{subject:02d}_c{k}" for subject in range(1, 10) for k in range(6)]
    truth = [CLASSES[k % 3] for _ in range(9) for k in range(6)]
    predicted = [t if draw.random() < share else draw.choice(CLASSES) for t in truth]
    subjects = [name[:3] for name in names]
    columns = {"clip_id": names, "subject": subjects, "label": truth, "predicted": predicted}
    return pd.DataFrame(columns | {"fold": subjects})


def judged(folder: Path, frame: pd.DataFrame, *claimed: str, **options: object) -> dict:
    path = folder / "predictions.csv"
    frame.to_csv(path, index=False)
    return judge(path, claimed=claimed, **options)


def kinds(judgement: dict) -> list[str]:
    return [finding["kind"] for finding in judgement["findings"]]


def text(judgement: dict, kind: str) -> str:
    (found,) = [f["text"] for f in judgement["findings"] if f["kind"] == kind]
    return found


def score(judgement: dict, metric: str, data_set: str = "all") -> dict:
    rows = judgement["scores"]
    return next(r for r in rows if (r["data_set"], r["metric"]) == (data_set, metric))


def test_scores_are_those_of_all_clips_together_and_nothing_is_found_in_honest_ones(tmp_path):
    frame = table()
    found = judged(tmp_path, frame)
    truth, predicted = frame["label"], frame["predicted"]
    assert kinds(found) == []
    assert score(found, "accuracy")["value"] == pytest.approx((truth == predicted).mean())
    assert score(found, "uf1")["value"] == pytest.approx(
        f1_score(truth, predicted, average="macro")
    )
    recall = recall_score(truth, predicted, average="macro")
    assert score(found, "uar")["value"] == pytest.approx(recall)
    for row in found["scores"]:
        assert row["low"] < row["value"] < row["high"]
        assert (row["clips"], row["subjects"]) == (54, 9)
    assert [row["class"] for row in found["classes"]] == CLASSES
    assert {row["clips"] for row in found["classes"]} == {18}
    assert sum(row["clips"] for row in found["subjects"]) == 54


def changed(row: int, **cells: str):
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        for name, cell in cells.items():
            frame[name] = frame.get(name, "")
            frame.loc[row, name] = cell
        return frame

    return change


def contents(frame: pd.DataFrame, first: int, second: int) -> pd.DataFrame:
    content = [f"{n:x}" for n in range(len(frame))]
    content[second] = content[first]
    return frame.assign(content=content)


def twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.iloc[[3]]])


def seeds(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame.assign(seed=0), table(1).assign(seed=1).drop(index=[7, 8])])


def relabelled(frame: pd.DataFrame) -> pd.DataFrame:
    again = table(1).assign(seed=1)
    again.loc[4, "label"] = "negative"
    return pd.concat([frame.assign(seed=0), again])


def epochs(frame: pd.DataFrame) -> pd.DataFrame:
    runs = [table(seed, share).assign(epoch=n) for n, seed, share in ((9, 3, 0.9), (10, 4, 0.6))]
    return pd.concat([frame.assign(epoch=8), *runs])


def trained(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame.assign(split="test")
    train = rows[rows["subject"] == "s02"].assign(split="train", fold="s01")
    leak = rows.iloc[[1]].assign(split="train")
    return pd.concat([rows, train, leak])


def by_chance(frame: pd.DataFrame) -> pd.DataFrame:
    return table(5, share=0.0)


def subjects_in_folds(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(fold=[str(n % 5) for n in range(len(frame))])


PLANTED = {
    "one clip of a subject": (
        changed(2, fold="s05"),
        {"subjects_on_both_sides": "1 subjects are in training and in test (6 of 54 clips): s01"},
    ),
    "folds of clips": (subjects_in_folds, {"subjects_on_both_sides": "9 subjects are in training"}),
    "another spelling": (
        changed(2, subject="S1", fold="S1"),
        {"subjects_on_both_sides": "(6 of 54 clips): s01, S1."},
    ),
    "training rows": (
        trained,
        {
            "subjects_on_both_sides": "1 subjects are in training and in test",
            "clips_on_both_sides": "1 clips are in training and in test: s01_c1.",
        },
    ),
    "one content in two folds": (
        lambda frame: contents(frame, 0, 50),
        {
            "contents_on_both_sides": "2 clips share contents in training and in test",
            "doubled_contents": "1 contents are listed as several clips: s01_c0, s09_c2.",
        },
    ),
    "one content in one fold": (
        lambda frame: contents(frame, 0, 1),
        {"doubled_contents": "1 contents are listed as several clips: s01_c0, s01_c1."},
    ),
    "a row twice": (twice, {"doubled_clips": "1 clips stand there more than once"}),
    "a seed without clips": (
        seeds,
        {"missing_clips": "2 clips are missing in seed 1: s02_c1, s02_c2. They count as wrong."},
    ),
    "no prediction": (
        changed(9, predicted=""),
        {"no_prediction": "1 clips have no prediction, and count as wrong: s02_c3."},
    ),
    "two labels": (relabelled, {"several_labels": "1 clips have more than one label: s01_c4."}),
    "two subjects": (
        lambda frame: pd.concat(
            [frame.assign(seed=0), changed(4, subject="s02")(table(1).assign(seed=1))]
        ),
        {"several_subjects": "s01_c4", "subjects_on_both_sides": "s02"},
    ),
    "a class that is never predicted": (
        lambda frame: frame.assign(predicted=frame["predicted"].replace("surprise", "negative")),
        {"never_predicted": "Never predicted: surprise."},
    ),
    "chance": (by_chance, {"not_above_control": "is not shown to be above that of a control"}),
    "epochs": (epochs, {"scores_per_epoch": "Predictions of 3 epochs; the last, 10, is scored"}),
    "an epoch per fold": (
        lambda frame: frame.assign(epoch=frame["fold"].str[1:].astype(int)),
        {"epoch_per_fold": "Folds stop at different epochs"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PLANTED)
def test_what_is_planted_in_a_file_is_found_and_nothing_else(tmp_path, case):
    plant, expected = PLANTED[case]
    found = judged(tmp_path, plant(table()))
    more = {"not_above_control"} - set(expected)  # where planting costs the predictions
    assert [kind for kind in kinds(found) if kind not in more or case == "chance"][: len(expected)]
    assert set(kinds(found)) - more == set(expected)
    for kind, part in expected.items():
        assert any(part in f["text"] for f in found["findings"] if f["kind"] == kind)


def test_a_sealed_file_that_was_edited(tmp_path):
    path = tmp_path / "predictions.csv"
    write_table(path, table())
    assert kinds(judge(path)) == []
    path.write_text(path.read_text().replace("s01_c0,s01,negative,", "s01_c0,s01,surprise,"))
    assert "changed_file" in kinds(judge(path))


def averages(frame: pd.DataFrame) -> dict[str, float]:
    truth, predicted = frame["label"], frame["predicted"]
    macro = {"average": "macro", "zero_division": 0}
    folds = [frame[frame["fold"] == fold] for fold in frame["fold"].unique()]
    return {
        "uar is precision": precision_score(truth, predicted, **macro),
        "weighted": f1_score(truth, predicted, average="weighted"),
        "mean over folds": np.mean(
            [f1_score(fold["label"], fold["predicted"], **macro) for fold in folds]
        ),
    }


@pytest.mark.parametrize(
    ("metric", "value", "kind", "words"),
    [
        ("uar", "uar is precision", "macro_precision", "is the macro precision"),
        ("uf1", "weighted", "weighted_f1", "is the F1 weighted by the clips of each class"),
        ("uf1", "mean over folds", "averaged", "mean over folds"),
    ],
)
def test_a_printed_value_of_another_computation_is_recognised(tmp_path, metric, value, kind, words):
    frame = table()
    frame = frame[~frame["clip_id"].isin(["s01_c2", "s01_c5", "s03_c0", "s04_c5"])]
    printed = averages(frame)[value]
    # Rounded to four decimals, in percent with two, and cut off.
    for spelt in (f"{printed:.4f}"[1:], f"{100 * printed:.2f}%", f"{int(printed * 1e4) / 1e4:.4f}"):
        found = judged(tmp_path, frame, f"{metric}={spelt}")
        assert kinds(found) == [kind]
        assert words in text(found, kind)
        assert found["printed"][0]["agrees"] is False
    right = judged(tmp_path, frame, f"{metric}={found['printed'][0]['value']:.4f}")
    assert kinds(right) == []
    assert right["printed"][0]["agrees"] is True


def test_the_best_epoch_and_the_best_seed_are_recognised(tmp_path):
    frame = pd.concat([table(n).assign(epoch=n) for n in (8, 9)] + [table(4, 0.6).assign(epoch=10)])
    found = judged(tmp_path, frame)
    ways = {row["way"]: row for row in found["ways"]}
    best, each = (next(w for w in ways if w.endswith(end)) for end in ("test clips", "each fold"))
    last = ways["all clips together"]["accuracy"]
    assert last == (table(4, 0.6)["label"] == table(4, 0.6)["predicted"]).mean()
    assert last < ways[best]["accuracy"] < ways[each]["accuracy"]
    for way in (best, each):
        claimed = judged(tmp_path, frame, f"uf1={ways[way]['uf1']:.4f}")
        assert way in text(claimed, "best_epoch")
    runs = pd.concat([table(seed).assign(seed=seed) for seed in range(3)])
    ways = {row["way"]: row for row in judged(tmp_path, runs)["ways"]}
    assert ways["best seed"]["uf1"] > ways["all clips together"]["uf1"]
    claimed = judged(tmp_path, runs, f"uf1={ways['best seed']['uf1']:.4f}")
    assert "best seed" in text(claimed, "best_seed")


def test_an_accuracy_that_no_number_of_clips_gives(tmp_path):
    for printed, is_possible in ((".8148", True), (".8150", False), ("81", True), ("81.5", True)):
        found = judged(tmp_path, table(), f"accuracy={printed}")
        assert found["printed"][0]["possible"] is is_possible
        assert ("impossible_rounding" in kinds(found)) is not is_possible
    # The mean of three seeds of 54 clips is a multiple of 1/162.
    runs = pd.concat([table(seed).assign(seed=seed) for seed in range(3)])
    found = judged(tmp_path, runs, "accuracy=.8154", "accuracy=.8086", "accuracy=.8060")
    assert [row["possible"] for row in found["printed"]] == [False, True, False]
    assert "no whole number of 162 predictions" in found["findings"][0]["text"]


def test_a_value_that_nothing_gives_is_said(tmp_path):
    found = judged(tmp_path, table(), "uar=.1234")
    assert "given by no known way of scoring" in text(found, "not_reproduced")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("auc=.8", "auc is none of accuracy, uf1, uar"),
        ("uar=high", "uar 'high' is no number"),
        ("uar=180", "uar 180 is above 100 %"),
        ("samm:uar=.8", "samm is no data set of all"),
    ],
)
def test_a_printed_value_that_is_none_is_refused(tmp_path, word, message):
    with pytest.raises(ConfigError, match=message):
        judged(tmp_path, table(), word)


def parts() -> pd.DataFrame:
    """Make predictions for clips named as in the composite of MEGC 2019."""
    names = ["smic_s0{}", "casme2_sub0{}", "samm_00{}"]
    frame = table()
    number = frame["subject"].str[2:].astype(int)
    subjects = [names[n % 3].format(n) for n in number]
    clips = [f"{s}_{c}" for s, c in zip(subjects, frame["clip_id"].str[4:], strict=True)]
    return frame.assign(subject=subjects, clip_id=clips, fold=subjects)


def test_a_composite_is_scored_by_its_parts_too(tmp_path):
    frame = parts()
    listed = pd.DataFrame(
        {"metric": ["UAR", "acc"], "value": ["0.9", "70"], "part": ["SAMM", "full"]}
    )
    listed.to_csv(tmp_path / "claims.csv", index=False)
    found = judged(tmp_path, frame, str(tmp_path / "claims.csv"), "casme II:uf1=.5")
    assert [row["data_set"] for row in found["scores"][::3]] == ["all", "casme2", "samm", "smic"]
    for name, rows in frame.groupby(frame["subject"].str.split("_").str[0]):
        value = f1_score(rows["label"], rows["predicted"], average="macro")
        assert score(found, "uf1", name)["value"] == pytest.approx(value)
        assert score(found, "uf1", name)["subjects"] == 3
    printed = [(row["data_set"], row["metric"], row["printed"]) for row in found["printed"]]
    assert printed == [("samm", "uar", "0.9"), ("all", "accuracy", "70"), ("casme2", "uf1", ".5")]


# Formats.


def test_all_formats_of_the_same_predictions_give_the_same_scores(tmp_path):
    frame = table().rename(columns={"clip_id": "clip"})
    rows = frame.to_dict("records")
    wanted = judged(tmp_path, table())["scores"]
    numbers = {name: str(k) for k, name in enumerate(CLASSES)}
    log, lists = [], []
    for subject, own in frame.groupby("subject"):
        log += [subject, *(" ".join(row) for row in own[["clip", "label", "predicted"]].values)]
        both = {key: [int(numbers[name]) for name in own[key]] for key in ("predicted", "label")}
        lists += [f"Subject: {subject}", f"Predicted    : {both['predicted']}"]
        lists += [f"Ground Truth : {both['label']}", "Evaluation until this subject:"]
    shares = pd.DataFrame(
        [{f"p_{c}": 0.8 if r["predicted"] == c else 0.1 for c in CLASSES} for r in rows]
    )
    other = {"clip": "File Name", "label": "y_true", "predicted": "Y_Pred", "subject": "Subject"}
    files = {
        "other.csv": lambda p: frame.drop(columns="fold").rename(columns=other).to_csv(p, sep=";"),
        "sheet.xlsx": lambda p: frame.to_excel(p, index=False),
        "wide.csv": lambda p: frame.rename(columns={"predicted": "pred_seed0"}).to_csv(p),
        "shares.csv": lambda p: frame.drop(columns="predicted").join(shares).to_csv(p),
        "log.txt": lambda p: p.write_text("\r\n".join(log)),
        "lists.txt": lambda p: p.write_text("\n".join(lists)),
    }
    for name, write in files.items():
        path = tmp_path / name
        write(path)
        assert judge(path)["scores"][:3] == wanted, name


def test_runs_side_by_side_are_seeds_or_epochs(tmp_path):
    runs = [table(seed)["predicted"] for seed in range(2)]
    wide = table().drop(columns="predicted").assign(pred_seed0=runs[0], pred_seed1=runs[1])
    long = pd.concat([table(seed).assign(seed=seed) for seed in range(2)])
    assert judged(tmp_path, wide)["scores"] == judged(tmp_path, long)["scores"]
    late = table().drop(columns="predicted").assign(pred_epoch9=runs[1], pred_epoch10=runs[0])
    found = judged(tmp_path, late)
    assert found["scores"] == judged(tmp_path, table())["scores"]
    assert kinds(found) == ["scores_per_epoch"]


def test_a_log_that_keeps_the_best_epoch_of_each_subject_says_so(tmp_path):
    path = tmp_path / "htnet.txt"
    blocks = [
        f"Subject: s{n}\nBest Predicted    : [0, 1, 2]\nGround Truth : [0, 1, 2]\n"
        for n in range(9)
    ]
    path.write_text("".join(blocks))
    assert "does best on that subject's test clips" in text(judge(path), "best_epoch")
    both = [b.replace("Ground", "Predicted    : [0, 0, 2]\nGround") for b in blocks]
    path.write_text("".join(both))
    found = judge(path)
    assert score(found, "accuracy")["value"] == pytest.approx(2 / 3)  # of the last epoch
    assert kinds(found) == ["scores_per_epoch"]
    path.write_text(blocks[0].replace("[0, 1, 2]", "[0, 1]", 1))
    with pytest.raises(DataError, match="subject s0: not one prediction for each label"):
        judge(path)


def test_our_own_predictions_are_judged_one_system_at_a_time(tmp_path):
    systems = [("pmm", 14, 0), ("none", 7, 1)]
    runs = [table(s).assign(method=m, feature_mode="raw", n=n, seed=0) for m, n, s in systems]
    frame = pd.concat(runs)
    with pytest.raises(ConfigError, match="--systems must be of pmm/raw/14, none/raw/7"):
        judged(tmp_path, frame)
    found = judged(tmp_path, frame, systems=["none/raw/7"])
    assert found["scores"] == judged(tmp_path, table(1))["scores"]
    both = {"against": tmp_path / "predictions.csv", "systems": ["pmm/raw/14", "none/raw/7"]}
    accuracy = judged(tmp_path, frame, **both)["against"]["differences"][0]["difference"]
    right = [(run["label"] == run["predicted"]).mean() for run in runs]
    assert accuracy == pytest.approx(right[0] - right[1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("clip,subject,label\na,s,x\n", "no column predicted, pred_<run> or p_<class>"),
        ("clip,subject,label,predicted\na,,x,x\n", "line 2: subject is empty"),
        ("clip,label,predicted\na,x,x\n", "lacks subject"),
        ("clip,subject,label,p_x,p_y\na,s,x,0.2,high\n", "line 2: a probability is no number"),
        ("", "no header"),
        ("<html>", "is a web page"),
    ],
)
def test_a_file_that_is_no_predictions_is_refused(tmp_path, content, message):
    path = tmp_path / "x.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        judge(path)


def test_probabilities_give_the_area_under_the_curve(tmp_path):
    frame, draw = table(), np.random.default_rng(0)
    shares = draw.dirichlet([1, 1, 1], size=len(frame))
    own = [CLASSES.index(name) for name in frame["predicted"]]
    shares[np.arange(len(frame)), own] += 1
    shares /= shares.sum(axis=1, keepdims=True)
    columns = {f"Prob_{name}": shares[:, k] for k, name in enumerate(CLASSES)}
    found = judged(tmp_path, frame.assign(**columns))
    auc = roc_auc_score(frame["label"], shares, multi_class="ovr", labels=CLASSES)
    assert score(found, "auc")["value"] == pytest.approx(auc)
    assert score(found, "auc")["low"] < auc < score(found, "auc")["high"]
    assert found["scores"][:3] == judged(tmp_path, frame)["scores"]


# Beside a list of folds, and another system.


def listed(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "toy-loso-v1.csv"
    write_list(path, frame.to_dict("records"))
    return path


def test_clips_labels_and_folds_are_compared_with_a_list(tmp_path):
    path = listed(tmp_path, table())
    assert kinds(judged(tmp_path, table(), folds=path)) == []
    bare = table().drop(columns="fold")
    bare["clip_id"] = bare["clip_id"].str[4:]  # named within their subject
    numbers = {name: str(k) for k, name in enumerate(CLASSES)}
    bare = bare.replace({"label": numbers, "predicted": numbers})
    found = judged(tmp_path, bare, folds=path)
    assert kinds(found) == []
    assert [row["class"] for row in found["classes"]] == CLASSES
    assert found["notes"][0] == "Labels by name: 0 is negative, 1 is positive, 2 is surprise."
    assert "sha256" in found["notes"][1]
    frame = table().drop(index=[0, 1, 2])
    frame.loc[3, "label"] = "surprise"
    frame.loc[4, "subject"] = "s02"
    frame.loc[5, "clip_id"] = "new"
    found = judged(tmp_path, frame, folds=path)
    assert text(found, "missing_clips") == (
        "4 clips are not here, of 54 in toy-loso-v1.csv: s01_c0, s01_c1, s01_c2, s01_c5."
    )
    assert text(found, "extra_clips") == "1 clips are here, not in toy-loso-v1.csv: new."
    assert "s01_c3 has surprise, not negative" in text(found, "other_label")
    assert "s01_c4 has s02, not s01" in text(found, "other_subject")
    other = table().assign(fold=[str(n // 27) for n in range(54)])
    assert text(judged(tmp_path, other, folds=path), "other_folds").startswith("Fold 0 is not one")
    with pytest.raises(DataError, match="names no clip of .*megc2019-loso-v1.csv, such as casme2_"):
        judged(tmp_path, table(), folds=FOLDS / "megc2019-loso-v1.csv")


def test_two_systems_are_compared_on_the_same_clips(tmp_path):
    other = tmp_path / "other.csv"
    table(7, share=0.2).drop(index=[0]).to_csv(other, index=False)
    found = judged(tmp_path, table(0, share=0.95), against=other)["against"]
    assert (found["clips"], found["file"]) == (53, "other.csv")
    for row in found["differences"]:
        assert 0 < row["low"] < row["difference"] < row["high"]
        assert row["p"] < 0.05
    same = tmp_path / "same.csv"
    table().to_csv(same, index=False)
    rows = judged(tmp_path, table(), against=same)["against"]["differences"]
    assert [(row["difference"], row["p"]) for row in rows] == [(0, 1)] * 3
    changed(9, label="positive")(table()).to_csv(same, index=False)
    with pytest.raises(DataError, match="1 clips have another label there: s02_c3"):
        judged(tmp_path, table(), against=same)


def test_controls_know_labels_folds_and_who_is_seen(tmp_path):
    labels = ["negative"] * 18 + ["positive"] * 12 + ["surprise"] * 24  # by subject
    frame = table().assign(label=labels, predicted=labels, fold=[str(n % 6) for n in range(54)])
    found = judged(tmp_path, frame)
    controls = {row["control"]: row["accuracy"] for row in found["controls"]}
    assert controls["majority"] == pytest.approx(24 / 54)
    assert controls["majority_of_subject"] == 1  # each subject has one class, and leaks
    assert "the same subject's training clips" in text(found, "not_above_control")
    honest = judged(tmp_path, frame.assign(fold=frame["subject"]))
    assert "majority_of_subject" not in {row["control"] for row in honest["controls"]}


def test_one_subject_has_no_interval_and_the_page_says_so(tmp_path):
    frame = table()
    found = judged(tmp_path, frame[frame["subject"] == "s01"])
    assert {row["low"] for row in found["scores"]} == {None}
    assert "one subject: no interval" in page.html(found)
    json.dumps(found, allow_nan=False)


# The command.

BLOCKED = """
import sys
class Blocked:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "cv2", "h5py", "av", "captum", "snakemake"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocked)
from microexpr.cli import main
raise SystemExit(main(sys.argv[1:]))
"""


def test_the_command_needs_no_pytorch_and_writes_a_page_that_stands_alone(tmp_path):
    changed(2, fold="s05", clip_id="<b>s01</b>")(table()).to_csv(tmp_path / "x.csv", index=False)
    words = ["judge", "x.csv", "--claimed", "uar=.1234", "--output", "out"]
    command = [sys.executable, "-c", BLOCKED, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads((tmp_path / "out/judgement.json").read_text())
    html = (tmp_path / "out/judgement.html").read_text()
    assert html == page.html(found)
    for kind in ("subjects_on_both_sides", "not_reproduced"):
        assert f"\n{kind}: " in done.stdout
        assert f"<strong>{kind}</strong>" in html
    assert "<b>s01" not in html
    assert "src=" not in html and "href=" not in html and "<script" not in html


def test_what_cannot_be_judged_ends_with_one_line(tmp_path, capsys):
    assert main(["judge", str(tmp_path / "none.csv")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
