"""Classes, subjects and clips called as people call them, from the table to the exported model."""

from __future__ import annotations

import csv
import html
import json

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml

import footage
from microexpr.datasets import manifest
from microexpr.demo.identity import Identity
from microexpr.demo.render import render
from microexpr.runtime.tables import read_text

pytestmark = pytest.mark.workflow
# Words that tables have for themselves, pandas, Markdown, HTML and matplotlib for something else,
# and braces that Snakemake takes for a wildcard.
CLASSES = ["NA", "Accuracy", "all", "_a|<b>x</b>$1 {x} 高兴"]
SUBJECTS = {"all": "all", "-3": "_3", "null": "null"}
TARGETS = (
    "results/table.csv results/summary.md figures results/comparison.csv explain "
    "results/model/model.safetensors results/pages/table.html"
)


@pytest.fixture(scope="module")
def named(made_once):
    """Return a finished run on such names."""

    def make(folder):
        from project import fresh  # noqa: PLC0415

        project = fresh(folder)
        write_clips(project.folder / "own {y}")
        data = {"kind": "video", "root": "own {y}", "table": "own {y}/clips.csv", "fps": 100}
        settings = {
            "data": data | {"labels": CLASSES, "subjects_per_shard": 3},
            "magnify": {"methods": ["none"]},
            "windows": {"n": [7]},
            "train": {"epochs": 1, "chunks": 1},
            "compare": {"systems": ["off_apexnet"], "epochs": 1, "against": {"n": 7}},
            "explain": {"n": 7, "blocks": [13]},
            "model": {"n": 7},
        }
        extra = yaml.safe_dump(settings, allow_unicode=True)
        return project.finish(extra=extra, target=TARGETS)

    return made_once("named", make)


def write_clips(root):
    """Write a clip of a drawn face for each subject and class, and the table, in GB18030."""
    root.mkdir()
    rows = [["Path", "Subject", "Label"]]
    for number, subject in enumerate(SUBJECTS, 1):
        face = render(Identity.of(seed=3, subject=number)).mean(axis=2)
        face = cv2.resize(face, (320, 240), interpolation=cv2.INTER_AREA)
        for k, label in enumerate(CLASSES):
            rows.append([f"{number} {{{k}}}.mp4", subject, label])
            frames = footage.moving(face, footage.swing(8, 0.5 + k))
            footage.write_video(root / rows[-1][0], frames)
    with (root / "clips.csv").open("w", encoding="gb18030", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)


def test_tables_hold_every_class_as_it_is_called(named):
    results = named.folder / "results"
    table = read_text(results / "table.csv")
    assert list(table["class"]) == ["(Accuracy)", *CLASSES, "(Accuracy)"]
    predictions = read_text(results / "predictions.csv")
    assert set(predictions["label"]) == set(CLASSES)
    assert [c for c in predictions if c.startswith("p_")] == [f"p_{name}" for name in CLASSES]
    metrics = read_text(results / "metrics.csv")
    recall = metrics[(metrics["metric"] == "recall") & (metrics["method"] == "none")]
    assert list(recall["class"]) == CLASSES
    confusion = read_text(results / "confusion.csv")
    assert set(confusion["label"]) == set(CLASSES)
    clips = manifest.read(results / "manifest.csv")
    assert {clip.subject for clip in clips} == set(SUBJECTS.values())
    assert len(clips) == 12
    methods = read_text(results / "comparison.csv")["method"]
    honest = methods[~methods.str.endswith("_best_epoch_on_test")]
    assert (len(methods), len(honest)) == (5, 3)


def test_sums_over_classes_and_folds_keep_apart_from_what_is_called_all(named):
    regions = read_text(named.folder / "results/gradcam/regions.csv")
    assert set(regions["class"]) == {*CLASSES, "(all)"}
    assert set(regions["fold"]) == {*SUBJECTS.values(), "(all)"}
    whole = regions[(regions["class"] == "(all)") & (regions["fold"] == "(all)")]
    assert set(whole["clips"]) == {"12"}


def test_pages_show_the_names_and_nothing_else(named):
    results = named.folder / "results"
    summary = (results / "summary.md").read_text()
    assert r"3 \_a\|\<b>x\</b>\$1 {x} 高兴" in summary
    rows = [line for line in summary.splitlines() if line.startswith("| not magnified | ")]
    assert [row.split(" | ")[1] for row in rows[:4]] == ["(Accuracy)", "NA", "Accuracy", "all"]
    page = (results / "pages/table.html").read_text()
    assert "<b>" not in page
    assert CLASSES[3] in html.unescape(page)


def test_every_figure_is_drawn(named):
    figures = named.folder / "results/figures"
    drawn = {path.name for path in figures.glob("*.png")}
    assert {"accuracy.png", "recall.png", "confusion_none_N7.png"} <= drawn
    assert any(name.startswith("tsne") for name in drawn)
    for path in (*figures.rglob("*.png"), *(named.folder / "results/gradcam").rglob("*.png")):
        assert np.ptp(cv2.imread(str(path))) > 0


def test_the_model_predicts_classes_as_they_are_called(named, tmp_path):
    folder = named.folder / "results/model"
    about = json.loads((folder / "config.json").read_text())
    assert set(about["accuracy"]["recall"]) == set(CLASSES)
    assert about["trained_on"]["clips"] == dict.fromkeys(CLASSES, 3)
    clip = named.folder / "own {y}/1 {0}.mp4"
    words = ("--model", str(folder), "--output", str(tmp_path / "p"))
    done = named.microexpr("predict", str(clip), *words)
    assert done.returncode == 0, done.stderr
    (row,) = pd.read_csv(tmp_path / "p/clips.csv", dtype=str, keep_default_na=False).to_dict(
        "records"
    )
    assert [key for key in row if key.startswith("p_")] == [f"p_{name}" for name in CLASSES]
    assert row["predicted"] in CLASSES
    assert CLASSES[3] in done.stdout


def test_a_subject_that_begins_with_a_dash_is_forgotten(named, tmp_path):
    copy = named.copy(tmp_path / "copy")
    words = ("--configfile", "config/ci.yaml", "extra.yaml")
    done = copy.microexpr("forget", "_3", *words)
    assert done.returncode == 0, done.stderr
    assert "_3" in (copy.folder / "extra.yaml").read_text()


def test_the_report_is_written(named, tmp_path):
    copy = named.copy(tmp_path / "copy")
    extra = (copy.folder / "extra.yaml").read_text()
    done = copy.run("--report", "report.html", extra=extra, target=TARGETS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (copy.folder / "report.html").stat().st_size > 100_000
