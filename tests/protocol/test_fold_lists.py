"""Lists of folds that papers cite: written, read, compared with the clips, and refused."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from listed import rows
from microexpr.cli import main
from microexpr.config import Protocol
from microexpr.datasets import manifest
from microexpr.errors import DataError, ProtocolError
from microexpr.protocol import read_folds, read_list, write_list
from microexpr.protocol.splits import folds_of
from microexpr.runtime.tables import seal

ROOT = Path(__file__).parents[2]
CLASSES = ["negative", "positive"]
REMEDY = "write a list of these clips with microexpr folds, under another name"
# What papers cite: a list that changes gets another name.
SHIPPED = {
    "megc2019-loso-v1": "7caf27c33e1c74385201185a99d6f37289815583b0287c06dc81ad3a7a95aeeb",
    "megc2019-lodo-v1": "f8ac5fac760c2e63b765b24d268259af0ec7b9c40b5b51cca5471c1765b16b74",
}


def lines(subjects: int = 4) -> list[dict[str, str]]:
    return [
        {"clip_id": f"s0{s}_EP0{k}", "subject": f"s0{s}", "label": CLASSES[k], "fold": f"s0{s}"}
        for s in range(1, subjects + 1)
        for k in range(2)
    ]


def clips(listed, **changed):
    """Make the clips of a list, spelt as a copy of the data set may spell them."""
    names = [(line["clip_id"], line["subject"], line["label"]) for line in listed]
    made = rows(*zip(*names, strict=True))
    own = ({"source": clip.clip_id} | changed.get(clip.clip_id, {}) for clip in made)
    return [clip.model_copy(update=update) for clip, update in zip(made, own, strict=True)]


def folds(path, found, name="loso"):
    return folds_of(Protocol(name=name, file=str(path)), CLASSES, found)


def test_what_is_written_is_what_folds_are_made_of(tmp_path):
    path = tmp_path / "toy-loso-v1.csv"
    digest = write_list(path, reversed(lines()))
    assert digest == read_list(path).sha256
    found = clips(lines())[::-1]
    assert folds(path, found) == folds_of(Protocol(), CLASSES, found)
    # Another spelling of the same names: no leading zeros, another case.
    spelt = clips(
        {"clip_id": f"S{s}_ep{k}", "subject": f"s{s}", "label": CLASSES[k]}
        for s in range(1, 5)
        for k in range(2)
    )
    assert [fold.test for fold in folds(path, spelt)] == [(0, 1), (2, 3), (4, 5), (6, 7)]


def test_a_list_that_was_changed_or_has_no_checksum_is_refused(tmp_path):
    path = tmp_path / "toy-loso-v1.csv"
    write_list(path, lines())
    path.write_text(path.read_text().replace("s02\n", "s03\n"))
    with pytest.raises(DataError, match="toy-loso-v1.csv: this file was changed"):
        folds(path, clips(lines()))
    path.with_name(path.name + ".sha256").unlink()
    with pytest.raises(DataError, match="toy-loso-v1.csv: this file has no seal"):
        folds(path, clips(lines()))


def test_clips_that_are_missing_or_are_not_listed_are_named(tmp_path):
    path = tmp_path / "toy.csv"
    write_list(path, lines(subjects=9))
    with pytest.raises(DataError) as error:
        folds(path, [*clips(lines(subjects=2)), *rows(["new_1"], ["new"], ["negative"])])
    assert error.value.messages == (
        f"{path}: 14 clips are in the list only: s03_EP00, s03_EP01, s04_EP00, s04_EP01, s05_EP00 "
        f"and 9 more; {REMEDY}",
        f"{path}: 1 clips are in the data set only: new_1; {REMEDY}",
    )


def test_clips_of_another_subject_or_label_are_named(tmp_path):
    path = tmp_path / "toy.csv"
    write_list(path, lines())
    changed = {"s01_EP00": {"subject": "s02"}, "s03_EP01": {"label": "negative"}}
    with pytest.raises(DataError) as error:
        folds(path, clips(lines(), **changed))
    assert error.value.messages == (
        f"{path}: clip s01_EP00: subject s01, label negative; the data set has s02, negative",
        f"{path}: clip s03_EP01: subject s03, label positive; the data set has s03, negative",
    )


@pytest.mark.parametrize(
    ("moved", "name", "message"),
    [
        ({0: "s02"}, "loso", "fold s02 tests s01, s02, and protocol.name is loso"),
        ({0: "s02"}, "group_kfold", "fold s02: subject s01 is in training and in test"),
        ({0: ""}, "loso", "no fold tests clip s01_EP00"),
        ({0: ""}, "holdout", "fold s01: subject s01 is in training and in test"),
        (dict.fromkeys(range(2, 8), "s02"), "leave_one_dataset_out", "fold s01 tests a, b, and"),
        (dict.fromkeys(range(8), "all"), "group_kfold", "fold all: there is no training clip"),
    ],
)
def test_the_guards_hold_for_lists_too(tmp_path, moved, name, message):
    path, listed = tmp_path / "toy.csv", lines()
    for number, fold in moved.items():
        listed[number]["fold"] = fold
    write_list(path, listed)
    parts = {f"s01_EP0{k}": {"split": "ab"[k]} for k in range(2)}
    with pytest.raises(ProtocolError, match=message):
        folds(path, clips(lines(), **parts), name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip_id,subject,label\na,s,x\n", "no column fold"),
        ("clip_id,subject,label,fold\na_1,s,x,s\nA_01,s,x,s\n", "clip A_01 has two rows"),
    ],
)
def test_another_table_is_no_list(tmp_path, text, message):
    path = tmp_path / "toy.csv"
    path.write_text(text)
    seal(path)
    with pytest.raises(ProtocolError, match=message):
        read_list(path)


def test_the_stage_split_takes_the_folds_of_a_list(tmp_path):
    path, found = tmp_path / "toy.csv", clips(lines())
    write_list(path, lines())
    manifest.write(tmp_path / "manifest.csv", found)
    config = f"{{data: {{labels: [negative, positive]}}, protocol: {{file: {path}}}}}"
    files = {"manifest": tmp_path / "manifest.csv", "folds": tmp_path / "folds.csv"}
    words = [f"--{name}={file}" for name, file in files.items()]
    assert main(["stage", "split", *words, "--config", config]) == 0
    ids = [clip.clip_id for clip in found]
    assert read_folds(files["folds"], ids) == folds(path, found)


@pytest.mark.parametrize(("name", "count"), [("megc2019-loso-v1", 68), ("megc2019-lodo-v1", 3)])
def test_the_lists_that_are_shipped(name, count):
    known = read_list(ROOT / f"folds/{name}.csv")
    assert known.sha256 == SHIPPED[name]
    listed = list(known.rows.values())
    assert Counter(line["label"] for line in listed) == {
        "negative": 250, "positive": 109, "surprise": 83,
    }  # fmt: skip
    found = [
        clip.model_copy(update={"split": clip.clip_id.partition("_")[0]}) for clip in clips(listed)
    ]
    protocol = "loso" if count == 68 else "leave_one_dataset_out"
    labels = ["negative", "positive", "surprise"]
    made = folds_of(Protocol(name=protocol, file=f"{ROOT}/folds/{name}.csv"), labels, found)
    assert len(made) == count
    assert {(f.name, f.test) for f in made} == {
        (f.name, f.test) for f in folds_of(Protocol(name=protocol), labels, found)
    }


def test_the_command_writes_a_list_from_a_log_or_a_table(tmp_path, capsys):
    log, path = tmp_path / "log.txt", tmp_path / "toy-loso-v1.csv"
    log.write_text("samm 006\n006_1_2 0 1\n006_1_3 1 1\nsmic s01\ns01_ne_01 0 0\n")
    assert main(["folds", str(log), str(path), "--labels", "0=negative", "1=positive"]) == 0
    assert capsys.readouterr().out == f"{read_list(path).sha256}  {path}\n"
    assert [*csv.reader(path.open())] == [
        ["clip_id", "subject", "label", "fold"],
        ["samm_006_1_2", "samm_006", "negative", "samm_006"],
        ["samm_006_1_3", "samm_006", "positive", "samm_006"],
        ["smic_s01_ne_01", "smic_s01", "negative", "smic_s01"],
    ]
    again = tmp_path / "again.csv"
    assert main(["folds", str(path), str(again)]) == 0
    assert again.read_bytes() == path.read_bytes()
    assert main(["folds", str(log), str(again), "--by", "data_set"]) == 0
    assert {row["fold"] for row in read_list(again).rows.values()} == {"samm", "smic"}
