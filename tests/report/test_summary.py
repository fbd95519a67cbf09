"""The summary says what stands in the tables, warns where it must, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
import yaml

from microexpr.cache import Provenance, create
from microexpr.config import Config, Evaluate, Problem
from microexpr.datasets import Finding, listing, manifest
from microexpr.datasets.listing import Note
from microexpr.evaluation.pooled import Basis, Origin
from microexpr.evaluation.tables import write_results
from microexpr.protocol import predictions
from microexpr.report import document, pages
from microexpr.report.comparisons import gains, trained_controls
from microexpr.report.document import Document, Grid, Section, markdown, page
from microexpr.report.results import Results, warnings
from microexpr.report.summary import WHY, changes, limits
from microexpr.report.summary import summary as build
from microexpr.runtime.files import sha256_of
from microexpr.runtime.tables import read_text
from running import run_stage

CLASSES = ["negative", "positive", "surprise"]
SIZES = [7, 9]
SMALL = {
    "magnify": {"methods": ["pmm", "none"], "alpha": 7.5},
    "windows": {"n": SIZES},
    "train": {"feature_modes": ["raw"]},
    "evaluate": {"draws": 200},
}


def clips() -> list[manifest.Clip]:
    return [
        manifest.Clip(
            **{"clip_id": f"s{s}_{label}", "subject": f"s{s}", "label": label, "kind": "images"},
            **{"source": f"s{s}/{label}", "frames": 30, "first": 1, "last": 30, "fps": 100},
        )
        for s in range(1, 13)
        for label in CLASSES
    ]


def chosen(method: str, n: int, clip: manifest.Clip) -> str:
    """Pmm errs on a subject at N = 7; none always says negative, as a third of the clips is."""
    if method == "none" or (n == 7 and clip.subject == "s3"):
        return "negative"
    return clip.label


def run(folder: Path, **changed: dict) -> Config:
    """Write the tables of a run whose answers are known, and the summary of it."""
    config = Config.parse(SMALL | changed)
    rows = [
        (
            *(clip.clip_id, clip.subject, clip.label, method, "raw", n, 0, "loso", clip.subject, 5),
            *(
                answer := chosen(method, n, clip),
                *(float(name == answer) for name in CLASSES),
            ),
        )
        for method in ("pmm", "none")
        for n in SIZES
        for clip in clips()
    ]
    columns = [*predictions.COLUMNS, *(f"p_{name}" for name in CLASSES)]
    predictions.write(folder / "parts.csv", pd.DataFrame(rows, columns=columns))
    write_results(
        [folder / "parts.csv"],
        Basis(
            clips(),
            CLASSES,
            Origin("loso", "mobilenet_vggface2", 13, "0f" * 32, "synthetic"),
            Evaluate(draws=200),
        ),
        folder,
        methods=["pmm", "none"],
        feature_modes=["raw"],
        n=SIZES,
        primary=config.evaluate.primary,
    )
    manifest.write(folder / "manifest.csv", clips())
    made = Provenance(weights_name="faces.st", weights_sha256="0f" * 32, environment={"torch": "1"})
    with create(folder / "features.h5", "features", made):
        pass
    tables = ("table", "metrics", "comparisons", "predictions")
    run_stage(
        "summary",
        config,
        **{name: folder / f"{name}.csv" for name in tables},
        features=folder / "features.h5",
        sources=sorted(folder.glob("*.sources.json")),
        summary=folder / "summary.md",
        configuration=folder / "configuration.yaml",
        origins=folder / "origins.csv",
        pages=folder / "pages",
    )
    return config


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, run(folder)


def rows_of(text: str, first: str) -> list[str]:
    """Cells of the first Markdown row that begins so."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_it_says_synthetic_before_any_number(finished_run):
    text = (finished_run[0] / "summary.md").read_text()
    assert text.splitlines()[2].startswith("> **SYNTHETIC DATA")
    assert "SYNTHETIC, generated faces: 36 clips (12 negative, 12 positive, 12 surprise)" in text
    assert "of 12 subjects" in text
    assert "Anything about people" in text


def test_the_table_the_best_n_and_the_tests(finished_run):
    text = (finished_run[0] / "summary.md").read_text()
    pmm, none = "PMM (phase)", "not magnified"
    assert rows_of(text, f"{pmm} | Accuracy") == [pmm, "Accuracy", "36", "0.94", "1.00"]
    assert rows_of(text, f"{none} | positive") == [none, "positive", "12", "0.00", "0.00"]
    assert "**The best of several N is optimistic**" in text
    best = rows_of(text, f"{pmm} | 9")
    assert best[2:] == ["1.00", "0.82-1.00", "1.00", "1.00", "1.00", "2 of 2"]
    assert rows_of(text, f"{none} | 7")[-1] == "0 of 2"
    assert rows_of(text, "most frequent class | ")[2] == "0.33"
    assert rows_of(text, f"{pmm} - {none}")[1:4] == ["raw features", "+0.61 to +0.61", "7"]


def test_the_primary_comparison_stands_before_all_numbers(finished_run):
    folder, _ = finished_run
    outcome = section((folder / "summary.md").read_text(), "What came out")
    first = outcome.strip().splitlines()[0]
    assert first.startswith("**The primary comparison**, named before the run and tested alone")
    assert "PMM (phase) minus not magnified, accuracy, N = 9, raw features: **+0.67**" in first
    row = pd.read_csv(folder / "comparisons.csv").iloc[0]
    assert f"{row.difference_low:+.2f} to {row.difference_high:+.2f}), p = {row.p:.4f}" in first
    assert "Exploratory: all other comparisons of two methods on the same clips (1)" in outcome


def section(text: str, heading: str) -> str:
    """Text below a heading."""
    return text.split(f"## {heading}\n")[1].partition("\n## ")[0]


def finding(problem: str, clip_id: str, action: str = "dropped") -> Finding:
    return Finding(problem=problem, action=action, detail="why", clip_id=clip_id)


def test_every_omission_is_counted_named_and_explained(tmp_path):
    findings = [
        *(finding("dropped_label", f"s1_other_{k}") for k in range(10)),
        finding("left_out_subject", "s20_a"),
        finding("left_out_clip", "s2_b"),
        finding("unreadable_rows", ""),
        finding("unreadable_rows", "s3_c"),
        finding("missing_frames", "s1_negative", "kept"),
    ]
    listing.write(tmp_path / "manifest_report.csv", findings)
    run(tmp_path)
    text = (tmp_path / "summary.md").read_text()
    assert "of 12 subjects; left out: 14." in text
    told = section(text, "What was left out")
    assert rows_of(told, "its emotion is in `data.drop_labels`")[1:] == [
        "dropped_label",
        "10",
        ", ".join(f"s1_other_{k}" for k in range(8)) + ", and 2 more",
    ]
    assert rows_of(told, "its subject is in `data.leave_out`")[2:] == ["1", "s20_a"]
    assert rows_of(told, "it is in `data.leave_out`")[2:] == ["1", "s2_b"]
    assert rows_of(told, "its row or its name cannot be read")[2:] == [
        "2",
        "s3_c, 1 without a name",
    ]
    assert "Also noted: missing_frames 1 (kept)." in told


def test_without_omissions_the_summary_says_so(tmp_path):
    listing.write(tmp_path / "manifest_report.csv", [])
    run(tmp_path)
    assert section((tmp_path / "summary.md").read_text(), "What was left out").strip() == (
        "No clip was left out."
    )


def test_clips_with_the_same_frames_are_named(tmp_path):
    frames = {clip.clip_id: clip.clip_id for clip in clips()} | {"s1_positive": "s1_negative"}
    del frames["s2_surprise"]
    parts = {"a": frames, "b": {"s2_surprise": "s1_negative"}}
    for name, part in parts.items():
        record = {"token": "", "stamps": {}, "contents": {}, "frames": part}
        (tmp_path / f"{name}.sources.json").write_text(json.dumps(record))
    run(tmp_path)
    told = section((tmp_path / "summary.md").read_text(), "What was left out")
    for name in ("s1_positive", "s2_surprise"):
        assert f"Noted: clip {name} has no frame that clip s1_negative has not: one clip" in told
    assert told.count("Noted: clip") == 2


def test_without_a_report_the_configuration_says_what_is_left_out(tmp_path, finished_run):
    told = section((finished_run[0] / "summary.md").read_text(), "What was left out")
    assert "`manifest_report.csv` is not there. The configuration leaves out: nothing." in told
    run(tmp_path, data={"leave_out": ["s20", "s2_b"], "drop_labels": ["other"]})
    told = section((tmp_path / "summary.md").read_text(), "What was left out")
    assert "leaves out: `data.leave_out`: s20, s2_b; `data.drop_labels`: other." in told


def test_why_something_is_left_out_is_known_for_every_omission():
    kinds = {*Problem.__args__, *Note.__args__}
    stay = {"missing_frames", "short_clips", "missing_apex", "annotation_error", "unknown_name"}
    stay |= {"resampled", "table_version", "long_clips", "interlaced", "mapped_label"}
    assert set(WHY) == kinds - stay


def test_the_configuration_can_be_run_again(finished_run):
    folder, config = finished_run
    assert Config.load(str(folder / "configuration.yaml")) == config
    block = re.search(r"```yaml\n(.*?)```", (folder / "summary.md").read_text(), re.DOTALL)[1]
    assert Config.parse(yaml.safe_load(block)) == config
    assert "alpha: 7.5" in block
    assert "smoothing_px" not in block


def test_checksums_are_those_of_the_files(finished_run):
    folder, _ = finished_run
    origins = pd.read_csv(folder / "origins.csv").set_index("name")["value"]
    assert origins["table.csv"] == sha256_of(folder / "table.csv")
    assert origins["faces.st"] == "0f" * 32
    assert origins["torch"] == "1"
    assert len(origins["stage train"]) == 16
    text = (folder / "summary.md").read_text()
    assert origins["table.csv"] in text
    assert "0f" * 32 in text


@pytest.mark.parametrize(
    ("changed", "expected", "absent"),
    [
        ({}, "generated faces", "Protocol"),
        ({"protocol": {"name": "clip_kfold"}}, "k folds of clips. The same subjects", "random"),
        ({"features": {"backbone": "random_mobilenet"}}, "random weights", "Protocol"),
        ({"data": {"kind": "smic"}, "protocol": {"name": "clip_kfold"}}, "Protocol", "generated"),
    ],
)
def test_warnings_follow_from_the_configuration(changed, expected, absent):
    text = " ".join(warnings(Config.parse(changed)))
    assert expected in text
    assert absent not in text


def test_limits_follow_from_the_run(finished_run):
    folder, config = finished_run
    results = Results.read(config, folder)
    text = " ".join(limits(results))
    assert "one clip is 2.8% of 36" in text
    assert "one seed" in text
    other = config.changed({"train": {"seeds": [0, 1]}, "protocol": {"name": "clip_kfold"}})
    text = " ".join(limits(replace(results, config=other)))
    assert "one seed" not in text
    assert "the tested subjects were trained on" in text


def test_a_gain_that_differs_between_classes_is_seen(finished_run):
    """Butterworth, .5-10 Hz, 200 frames/s: long clips keep three times as much of the motion."""
    folder, config = finished_run
    assert (
        rows_of((folder / "summary.md").read_text(), "positive | 12 | 30 / 30 / 30")[3:]
        == ["0.98"] * 3
    )
    length = {"negative": 11, "positive": 34, "surprise": 58}
    changed = [c.model_copy(update={"frames": length[c.label], "fps": 200.0}) for c in clips()]
    butterworth = {"temporal_filter": "butterworth", "normalise_gain": False}
    results = replace(Results.read(config.changed({"magnify": butterworth}), folder), clips=changed)
    text, table, _ = gains(results)
    assert "alpha is multiplied with it" in text and "PMM (phase)" in text
    found = table.frame.set_index("class")["median"].astype(float)
    assert found["negative"] == pytest.approx(0.32, abs=0.02)
    assert found["surprise"] == pytest.approx(0.95, abs=0.02)


def test_choices_and_trained_controls_stand_in_tables_of_their_own(finished_run):
    folder, config = finished_run
    results = Results.read(config, folder)
    accuracy = results.metrics[results.metrics["metric"] == "accuracy"].head(2)
    further = accuracy.assign(
        method=["pmm_nested", "majority_training"],
        feature_mode=["raw", ""],
        n=[float("nan"), 9.0],
        value=[0.72, 0.31],
    )
    extended = replace(results, metrics=pd.concat([results.metrics, further]))
    text = markdown(build(extended, pd.read_csv(folder / "origins.csv")))
    assert rows_of(text.split("not optimistic:")[1], "PMM (phase)")[1:3] == ["", "0.72"]
    beside = text.split("look at no face:")[1]
    assert "| most frequent class in training | 9 | 0.31 |" in beside
    assert rows_of(text, "PMM (phase) | 9")[2] == "1.00"
    assert "The accuracy of a chosen N" not in text


def test_one_method_has_nothing_to_be_compared_with(finished_run):
    folder, config = finished_run
    results = Results.read(config, folder)
    alone = replace(results, comparisons=results.comparisons.iloc[:0])
    assert "nothing to compare it with" in markdown(build(alone, pd.DataFrame({"kind": []})))


def test_changes_are_what_differs():
    values = {"a": 1, "b": {"c": [1, 2], "d": 3}, "e": {"f": 1}}
    assert changes(values, {"a": 1, "b": {"c": [1], "d": 3}, "e": {"f": 1}}) == {"b": {"c": [1, 2]}}
    assert changes(values, values) == {}


def test_a_page_of_the_table_shows_every_digit_of_the_file(finished_run):
    folder, config = finished_run
    table = read_text(folder / "table.csv")
    html = pages.accuracy_page(table, config)
    cells = re.findall(r'data-n="(\d+)" data-method="(\w+)" data-class="(\w+)">([\d.]+)<', html)
    shown = {(method, name, n): value for n, method, name, value in cells}
    assert shown == {
        (row["method"], row["class"], n): row[f"n_{n}"]
        for _, row in table.iterrows()
        for n in ("7", "9")
    }
    assert "SYNTHETIC DATA" in html
    assert "http" not in html.replace("<!doctype html>", "")


def test_a_page_of_a_cell_lists_clips_that_went_wrong(finished_run):
    folder, config = finished_run
    results = Results.read(config, folder)
    predicted = pd.read_csv(folder / "predictions.csv")
    html = pages.cell_page(results, predicted, method="pmm", n=7)
    wrong = html.split("classified wrongly")[1]
    assert set(re.findall(r"s\d+_\w+", wrong)) == {"s3_positive", "s3_surprise"}
    assert ">0.9444<" in html


def test_documents_escape_and_keep_their_parts():
    frame = pd.DataFrame({"name": ["a<b", "c"], "value": ["0.5", "0.25"]})
    text = Document("A & B", [Section("H", ["x < `y`", ["one"], Grid(frame)])], ["Beware"])
    assert markdown(text) == (
        "# A & B\n\n> **Beware**\n\n## H\n\nx < `y`\n\n- one\n\n"
        "| name | value |\n| --- | ---: |\n| a\\<b | 0.5 |\n| c | 0.25 |\n"
    )
    html = page(text)
    assert "<p>x &lt; <code>y</code></p>" in html
    assert '<td class="text">a&lt;b</td><td>0.5</td>' in html
    assert '<p class="warning">Beware</p>' in html


def test_odd_names_of_classes_are_text_wherever_they_stand(finished_run):
    folder, config = finished_run
    odd = "<script>\"&'`"
    table = read_text(folder / "table.csv").replace({"class": {"positive": odd}})
    html = pages.accuracy_page(table, config)
    assert "<script" not in html
    attribute = re.search(r'data-class="(&lt;script[^"]*)"', html)[1]
    assert unescape(attribute) == odd
    assert html.count("data-class=") == html.count("<td data-n=")
    page = pages.table_page(odd, pd.DataFrame({odd: [odd], "method": ["pmm"]}), config)
    assert "<script" not in page
    assert page.count("&lt;script") == 4  # title, heading, column, cell


def test_pages_show_names_and_files_keep_identifiers(finished_run):
    folder, config = finished_run
    rows = {"method": ["fcnn_3d", "pmm", "majority"], "protocol": ["loso"] * 3}
    html = pages.table_page("comparison", pd.DataFrame(rows), config)
    for name in ("3D-FCNN", "PMM (phase)", "most frequent class", "leave one subject out"):
        assert f">{name}<" in html
    assert set(read_text(folder / "table.csv")["protocol"]) == {"loso"}


def test_an_edited_template_makes_the_pages_stale(tmp_path):
    ignored = shutil.ignore_patterns("data", "__pycache__")
    shutil.copytree(Path(document.__file__).parents[1], tmp_path / "microexpr", ignore=ignored)
    ask = "from microexpr.fingerprints.code import Code; print(*(Code(s).fingerprint for s in {}))"
    command = [sys.executable, "-c", ask.format(["pages", "summary", "evaluate"])]

    def fingerprints() -> list[str]:
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, check=True
        )
        return done.stdout.decode().split()

    before = fingerprints()
    template = tmp_path / "microexpr/report/templates/page.html"
    template.write_text(template.read_text().replace("#1a1a1a", "#222222"))
    after = fingerprints()
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False, True]


def controls(**changes) -> pd.DataFrame:
    row = {
        **{"method": "pmm", "control": "single_frame", "feature_mode": "raw", "n": 14},
        **{"accuracy": 0.8, "control_accuracy": 0.5, "control_low": 0.4, "control_high": 0.6},
        **{"difference": 0.3, "difference_low": 0.1, "difference_high": 0.5},
        **{"below": "true", "chance": 0.4},
    }
    return pd.DataFrame([row | changes])


def test_a_control_that_ties_is_said_in_words():
    table, said = trained_controls(controls())[1:]
    assert table.frame.iloc[0].tolist() == ["PMM (phase)", "raw features", "0.80", "0.50"]
    assert said == ["Every control is below its method."]
    tied = controls(control_accuracy=0.79, difference_low=-0.1, below="false")
    (line,) = trained_controls(tied)[-1]
    assert "**single frame: not below the method**" in line
    assert "not shown that a sequence shows more than its middle frame" in line
    assert "PMM (phase), raw features, 0.79 beside 0.80 (difference -0.10 to +0.50)" in line
    (line,) = trained_controls(controls(control="placebo", control_low=0.45))[-1]
    assert "above chance**, which must not be" in line
    assert "No control was trained" in trained_controls(controls().iloc[:0])[0]
