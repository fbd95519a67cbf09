"""Our tables: names stay names, bytes repeat, and what was edited afterwards is refused."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from microexpr.apps.predict import exported_model
from microexpr.cache import Provenance, create
from microexpr.cli import main
from microexpr.config import Config, Evaluate
from microexpr.datasets import manifest
from microexpr.errors import DataError
from microexpr.evaluation import metrics as reading
from microexpr.evaluation.pooled import Basis, Origin
from microexpr.evaluation.tables import render_table, write_results
from microexpr.protocol import Fold, predictions, read_folds, write_folds
from microexpr.runtime import tables
from microexpr.runtime.tables import (
    check_seal,
    read_rows,
    read_table,
    read_text,
    seal_of,
    write_table,
)
from microexpr.studies.tables import SPLITS, read_predictions
from running import run_stage

# What other readers of CSV take for "nothing" or for a number.
NAMES = ["NA", "null", "none", "NaN", "0", "007", "nan", "", "1e5", "True"]
LABELS = ["NA", "null", "0"]
CLIPS = [
    manifest.Clip(
        clip_id=f"{subject}_{label}", subject=subject, label=label, kind="images", source="a",
        frames=9, first=1, last=9, fps=100.0,
    )
    for subject in ("none", "007", "nan")
    for label in LABELS
]  # fmt: skip
LOSS = {"loss": 0.5, "accuracy": 0.75, "seconds": 1.5}
CHANGED = "this file was changed after it was written; delete it and run snakemake again"


@pytest.fixture
def small(tmp_path) -> Path:
    """Write a sealed table of two rows."""
    path = tmp_path / "small.csv"
    write_table(path, pd.DataFrame({"name": ["a", "b"], "value": [0.5, 0.25]}))
    return path


def edit(path: Path) -> None:
    """Change one digit, as somebody does who wants a better number."""
    text = path.read_text()
    at = [found.start() for found in re.finditer(r"\d", text)][-1]
    path.write_text(f"{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}")


def test_names_stay_text_and_the_rest_are_numbers(tmp_path):
    count = len(NAMES)
    frame = pd.DataFrame({"name": NAMES, "whole": range(count), "share": [0.12345] * count})
    frame["gap"] = [1.0, *[None] * (count - 1)]
    frame["n"] = pd.array([7, *[pd.NA] * (count - 1)], "Int64")
    write_table(tmp_path / "t.csv", frame)
    found = read_table(tmp_path / "t.csv", text=["name"])
    assert list(found["name"]) == NAMES
    assert list(found["whole"]) == list(range(count))
    assert found["whole"].dtype == "int64"
    assert set(found["share"]) == {0.1235}
    for column, first in (("gap", 1.0), ("n", 7.0)):
        assert found[column].dtype == "float64"
        assert found[column][0] == first
        assert found[column][1:].isna().all()
    assert [row["name"] for row in read_rows(tmp_path / "t.csv")] == NAMES
    assert list(read_text(tmp_path / "t.csv")["gap"]) == ["1.0000", *[""] * (count - 1)]


def test_decimals_are_fixed_and_no_p_is_written_as_0(tmp_path):
    frame = pd.DataFrame({"value": [1 / 3, 2.0], "p": [1 / 3, None], "p_mcnemar": [1e-12 / 3, 1]})
    write_table(tmp_path / "t.csv", frame)
    head = b"value,p,p_mcnemar\n"
    found = b"0.3333,0.3333,3.333e-13\n2.0000,,1\n"
    assert (tmp_path / "t.csv").read_bytes() == head + found
    write_table(tmp_path / "t.csv", frame, decimals=6)
    found = b"0.333333,0.3333,3.333e-13\n2.000000,,1\n"
    assert (tmp_path / "t.csv").read_bytes() == head + found
    assert read_table(tmp_path / "t.csv", text=[])["p_mcnemar"][0] == 3.333e-13


def test_rows_are_written_without_pandas(tmp_path):
    rows = [{"name": name, "n": number} for number, name in enumerate(NAMES)]
    tables.write_rows(tmp_path / "t.csv", ["name", "n"], rows)
    assert (tmp_path / "t.csv").read_bytes().startswith(b"name,n\nNA,0\nnull,1\n")
    assert read_rows(tmp_path / "t.csv") == [row | {"n": str(row["n"])} for row in rows]
    with pytest.raises(ValueError, match="other"):
        tables.write_rows(tmp_path / "t.csv", ["name"], [{"other": 1}])
    assert len(read_rows(tmp_path / "t.csv")) == len(NAMES)


def test_a_table_without_rows_is_read(tmp_path):
    write_table(tmp_path / "t.csv", pd.DataFrame({"name": [], "value": []}))
    found = read_table(tmp_path / "t.csv", text=["name"])
    assert list(found) == ["name", "value"]
    assert found.empty


@pytest.mark.parametrize(
    ("content", "text", "message"),
    [
        ("name,value\na,much\n", ["name"], "t.csv: column value: .*'much'"),
        ("name,value\na,1\n", ["name", "label"], "t.csv: column label is missing"),
        ("", [], "t.csv: cannot be read"),
        ("a,b\n1,2,3\n1,2,3,4\n", [], "t.csv: cannot be read"),
    ],
)
def test_other_content_is_named(tmp_path, content, text, message):
    path = tmp_path / "t.csv"
    path.write_text(content)
    tables.seal(path)
    with pytest.raises(DataError, match=message):
        read_table(path, text=text)


def test_the_seal_is_what_sha256sum_reads(small):
    lines = seal_of(small).read_text().splitlines()
    digest = hashlib.sha256(small.read_bytes()).hexdigest()
    assert lines[-1] == f"{digest}  small.csv"
    assert all(line.startswith("# ") for line in lines[:-1])
    about = " ".join(lines[:-1])
    for name in ("microexpr", "torch", "numpy", "scipy", "opencv-python-headless"):
        assert re.search(rf"\b{name} \d", about), name
    assert check_seal(small) == digest
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    command = ["sha256sum", "--strict", "--check", seal_of(small).name]
    assert subprocess.run(command, cwd=small.parent, check=False).returncode == 0
    edit(small)
    assert subprocess.run(command, cwd=small.parent, check=False).returncode == 1


def test_a_seal_that_sha256sum_wrote_is_accepted(small):
    digest = hashlib.sha256(small.read_bytes()).hexdigest()
    seal_of(small).write_text(f"{digest}  small.csv\n")
    assert check_seal(small) == digest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"small.csv: this file has no seal \(small.csv.sha256\); delete it"),
        (b"", CHANGED),
        (bytes(range(256)), CHANGED),
        (b"0" * 64 + b"  small.csv\n", CHANGED),
        (hashlib.sha256(b"").hexdigest().encode() + b"\n", CHANGED),
    ],
)
def test_without_its_seal_a_table_is_refused(small, content, message):
    seal_of(small).unlink()
    if content is not None:
        seal_of(small).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_text(small)


def test_the_seal_of_another_table_is_none(small):
    other = small.with_name("other.csv")
    shutil.copy(small, other)
    shutil.copy(seal_of(small), seal_of(other))
    with pytest.raises(DataError, match=CHANGED):
        read_text(other)
    other.unlink()
    with pytest.raises(DataError, match=r"other\.csv: cannot be read"):
        read_text(other)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """One table of each kind, as the stages write them, with names that are hard to read."""
    folder = tmp_path_factory.mktemp("written")
    everyone = set(range(len(CLIPS)))
    test = {s: [i for i in everyone if CLIPS[i].subject == s] for s in ("none", "007", "nan")}
    parts = [Fold(s, tuple(everyone - set(rows)), tuple(rows)) for s, rows in test.items()]
    manifest.write(folder / "manifest.csv", CLIPS)
    write_folds(folder / "folds.csv", CLIPS, parts)
    rows = [
        {
            **{"clip_id": clip.clip_id, "subject": clip.subject, "label": clip.label},
            **{"method": method, "feature_mode": "raw", "n": 7, "seed": 0, "protocol": "loso"},
            **{"fold": clip.subject, "n_windows": 3, "predicted": answer},
            **{f"p_{name}": float(name == answer) for name in LABELS},
        }
        for method in ("none", "pmm")
        for clip in CLIPS
        for answer in ["NA" if method == "none" else clip.label]
    ]
    frame = pd.DataFrame(rows)
    predictions.write(folder / "chunk0.csv", frame)
    write_results(
        [folder / "chunk0.csv"],
        Basis(
            CLIPS,
            LABELS,
            Origin("loso", "mobilenet_vggface2", 13, "0f" * 32, "synthetic"),
            Evaluate(draws=100),
        ),
        folder,
        **{"methods": ["none", "pmm"], "feature_modes": ["raw"], "n": [7]},
    )
    about = {"method": "none", "feature_mode": "raw", "n": 7, "seed": 0, "fold": "007"}
    write_table(folder / "chunk0.epochs.csv", pd.DataFrame([about | {"epoch": 1, **LOSS}]))
    answers = [row | {"split": split} for split in SPLITS for row in rows]
    write_table(folder / "leak.csv", pd.DataFrame(answers).drop(columns=["protocol"]))
    return folder


def measured(path: Path) -> dict[str, Any]:
    """Read the accuracy of a model."""
    chosen = MODEL.model
    return exported_model.accuracy(
        path, MODEL.data.labels, MODEL.train, method=chosen.method, n=chosen.n
    )


IDS = [clip.clip_id for clip in CLIPS]
MODEL = Config.parse(
    {
        "data": {"labels": LABELS},
        "train": {"feature_modes": ["raw"]},
        "model": {"method": "none", "n": 7},
        "magnify": {"methods": ["none", "pmm"]},
    }
)
READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "manifest": ("manifest.csv", manifest.read),
    "folds": ("folds.csv", lambda path: read_folds(path, IDS)),
    "predictions": ("chunk0.csv", lambda path: predictions.read([path], LABELS)),
    "metrics": ("metrics.csv", lambda path: reading.read_results(path, "metrics")),
    "a model's accuracy": ("metrics.csv", measured),
    "comparisons": ("comparisons.csv", lambda path: reading.read_results(path, "comparisons")),
    "confusion": ("confusion.csv", lambda path: reading.read_results(path, "confusion")),
    "epochs": ("chunk0.epochs.csv", lambda path: reading.read_results(path, "epochs")),
    "leak": ("leak.csv", lambda path: read_predictions([path])),
    "show": ("table.csv", render_table),
    "pages": ("table.csv", read_text),
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_refuses_a_number_that_was_edited(written, tmp_path, name):
    table, read = READERS[name]
    path = tmp_path / table
    shutil.copy(written / table, path)
    shutil.copy(seal_of(written / table), seal_of(path))
    read(path)
    edit(path)
    with pytest.raises(DataError, match=f"{re.escape(str(path))}: {CHANGED}"):
        read(path)


STAGES: dict[str, Callable[[Path, Path], None]] = {
    "figures": lambda folder, out: run_stage(
        "figures",
        MODEL,
        epochs=[folder / "chunk0.epochs.csv"],
        folder=out,
        **{name: folder / f"{name}.csv" for name in ("metrics", "predictions", "confusion")},
    ),
    "summary": lambda folder, out: run_stage(
        "summary",
        MODEL,
        **{
            name: folder / f"{name}.csv"
            for name in ("table", "metrics", "comparisons", "predictions")
        },
        features=folder / "features.h5",
        summary=out / "summary.md",
        configuration=out / "configuration.yaml",
        origins=out / "origins.csv",
        pages=out,
    ),
    "pages": lambda folder, out: run_stage(
        "pages",
        MODEL,
        shown=[folder / "table.csv"],
        pages=[out / "table.html"],
        cells=out / "cells",
    ),
}
RESULTS = ("table", "metrics", "comparisons", "predictions", "manifest")
READ_BY = {
    "figures": ("metrics", "predictions", "confusion", "chunk0.epochs"),
    "summary": RESULTS,
    "pages": RESULTS,
}


@pytest.mark.parametrize(
    ("stage", "name"), [(stage, name) for stage, names in READ_BY.items() for name in names]
)
def test_a_stage_looks_at_all_its_tables_before_it_writes(written, tmp_path, stage, name):
    folder, out = tmp_path / "results", tmp_path / "out"
    shutil.copytree(written, folder)
    with create(folder / "features.h5", "features", Provenance(environment={"torch": "1"})):
        pass
    edit(folder / f"{name}.csv")
    with pytest.raises(DataError, match=f"{name}.csv: {CHANGED}"):
        STAGES[stage](folder, out)
    assert not out.exists()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_takes_tables_as_they_were_written(written, tmp_path, stage):
    folder = tmp_path / "results"
    shutil.copytree(written, folder)
    with create(folder / "features.h5", "features", Provenance(environment={"torch": "1"})):
        pass
    STAGES[stage](folder, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"figures": "accuracy.png", "summary": "summary.md", "pages": "table.html"}[
        stage
    ] in names


def test_names_survive_every_reader(written):
    assert manifest.read(written / "manifest.csv") == CLIPS
    assert [fold.name for fold in read_folds(written / "folds.csv", IDS)] == ["none", "007", "nan"]
    frame = predictions.read([written / "predictions.csv"], LABELS)
    assert set(frame["subject"]) == {"none", "007", "nan"}
    assert set(frame["predicted"]) == set(LABELS)
    metrics = reading.read_results(written / "metrics.csv", "metrics")
    assert {*LABELS, "all"} == set(metrics["class"])
    mine = metrics[(metrics["method"] == "none") & (metrics["metric"] == "recall")]
    assert list(mine["value"]) == [1.0, 0.0, 0.0]
    assert measured(written / "metrics.csv")["recall"]["NA"]["value"] == 1.0
    counts = reading.read_results(written / "confusion.csv", "confusion")
    assert set(counts["label"]) == set(LABELS)
    assert set(counts["predicted"]) == {*LABELS, ""}
    assert set(reading.read_results(written / "chunk0.epochs.csv", "epochs")["fold"]) == {"007"}
    answers = read_predictions([written / "leak.csv"])
    assert set(answers["subject"]) == {"none", "007", "nan"}
    assert set(answers["label"]) == set(LABELS)


def test_probabilities_add_up_to_one(written, tmp_path):
    frame = predictions.read([written / "chunk0.csv"], LABELS)
    shares = [f"p_{name}" for name in LABELS]
    path = tmp_path / "part.csv"
    predictions.write(path, frame.assign(**dict.fromkeys(shares, 1 / 3)))
    predictions.read([path], LABELS)
    frame.loc[4, shares] = [0.5, 0.5, 0.001]
    predictions.write(path, frame)
    clip = frame.loc[4, "clip_id"]
    with pytest.raises(DataError, match=rf"part\.csv: clip {clip}: .* add up to 1\.001000"):
        predictions.read([path], LABELS)
    frame.loc[4, [*shares, "predicted"]] = [None, None, None, ""]  # no answer, no probabilities
    predictions.write(path, frame)
    predictions.read([path], LABELS)


def kill_before_the_seal(path: Path, frame: pd.DataFrame) -> None:
    """Write a table in a process that is killed when the table has its name."""
    child = os.fork()
    if child == 0:
        tables.write_beside = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        write_table(path, frame)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def test_a_kill_between_table_and_seal_leaves_nothing_that_is_believed(small):
    frame = pd.DataFrame({"name": ["a"], "value": [0.75]})
    new = small.with_name("new.csv")
    kill_before_the_seal(new, frame)
    with pytest.raises(DataError, match=r"no seal \(new.csv.sha256\)"):
        read_text(new)
    kill_before_the_seal(small, frame)  # the seal of the older table is still there
    assert "0.75" in small.read_text()
    with pytest.raises(DataError, match=CHANGED):
        read_text(small)
    for path in (new, small):
        write_table(path, frame)
        assert read_table(path, text=["name"])["value"].item() == 0.75
    left = {path.name for path in small.parent.iterdir()}
    assert left == {"new.csv", "new.csv.sha256", "small.csv", "small.csv.sha256"}


def test_no_room_for_the_seal_leaves_no_table(small):
    seal_of(small).unlink()
    seal_of(small).mkdir()  # no file can take its name
    with pytest.raises(OSError, match="directory"):
        write_table(small, pd.DataFrame({"value": [1]}))
    assert [path.name for path in small.parent.iterdir()] == ["small.csv.sha256"]


def test_the_manifest_is_read_where_only_snakemake_is_installed(written):
    heavy = ("numpy", "pandas", "scipy", "torch", "cv2", "h5py", "sklearn", "av")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({heavy}))\n"
        "from microexpr.datasets import manifest; print(len(manifest.read(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(written / "manifest.csv")]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.stdout == f"{len(CLIPS)}\n", done.stderr


def test_verify_takes_tables_and_caches(small, image_cache, capsys):
    cache = image_cache()
    assert main(["verify", str(small), str(cache)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{hashlib.sha256(small.read_bytes()).hexdigest()}  {small}"
    assert lines[1].endswith(f"  {cache}")
    edit(small)
    assert main(["verify", str(cache), str(small)]) == 2
    assert capsys.readouterr().err == f"microexpr verify: {small}: {CHANGED}\n"
