"""Forgetting a subject: nothing of it remains, and nothing of the others is lost."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import urlsafe_b64decode
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from footage import write_video
from microexpr import cache
from microexpr.cli import main
from microexpr.config import Config
from microexpr.datasets import indexed, manifest
from microexpr.datasets.indexed import IndexSettings
from microexpr.errors import ConfigError, DataError
from microexpr.privacy.forget import METADATA, all_files, forget, traces_of
from microexpr.runtime.tables import check_seal, seal
from project import Project
from running import run_stage

GONE = "s3"
# Outputs that the smallest run does not make, under the names of the rules.
TRAINED = (
    "figures/accuracy.png",
    "figures/motion_s1_ne_01.mp4",
    "gradcam/pmm/maps.h5",
    "gradcam/pmm/clips.csv",
    "gradcam/train/pmm/chunk0/s1.safetensors",
    "inner/pmm/N7/chunk0.csv",
    "leak/pmm.csv",
    "model/model.safetensors",
    "model/provenance.json",
    "pages/cells/pmm_N7.html",
    "summary.md",
)
CONFIGURATION = ("--configfile", "config/ci.yaml")


def run_forget(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return project.microexpr("forget", *arguments, *CONFIGURATION)


def texts(path: Path) -> list[str]:
    """Return name and content of a file, decoded where Snakemake encoded them."""
    if not h5py.is_hdf5(path):
        raw = path.read_bytes()  # in pictures and arrays any word may come by chance
        content = "" if b"\0" in raw else raw.decode("utf-8", errors="replace")
        name = path.name.removeprefix("@")
        if "metadata" in path.parts or "incomplete" in path.parts:
            name = urlsafe_b64decode(name).decode()
            content = json.dumps(json.loads(content), ensure_ascii=False)
        return [*path.parts[:-1], name, content]
    found = list(path.parts)
    with h5py.File(path) as file:
        found += map(str, file.attrs.values())

        def visit(name: str, node: h5py.Group | h5py.Dataset) -> None:
            found.append(name)
            found.extend(map(str, node.attrs.values()))

        file.visititems(visit)
    return found


def mentions(project: Project, subject: str) -> list[str]:
    """List the files below the results and Snakemake's folder that mention a subject."""
    traces = traces_of([subject])
    places = [project.folder / name for name in ("results", ".snakemake")]
    return sorted(
        str(path.relative_to(project.folder))
        for place in places
        for path in place.rglob("*")
        if any(map(traces.search, texts(path) if path.is_file() else [path.name]))
    )


def state(project: Project) -> dict[Path, int]:
    """Return the files of the configuration and of runs, with the time of each."""
    folders = ("config", "results", ".snakemake")
    files = [path for name in folders for path in all_files(project.folder / name)]
    return {path: path.lstat().st_mtime_ns for path in files}


@pytest.fixture(scope="module")
def forgotten(finished, tmp_path_factory):
    """Return the finished project without s3, what was there before, and the command's output."""
    copy = finished.copy(tmp_path_factory.mktemp("forget") / "project")
    results = copy.folder / "results"
    for name in TRAINED:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_bytes(b"trained on all subjects")
    (results / "faces/.s3.node1.lan.77.h5").write_bytes(b"left by a killed run")
    before = mentions(copy, GONE)
    done = run_forget(copy, GONE)
    assert done.returncode == 0, done.stderr
    return copy, before, done.stdout


@pytest.mark.workflow
def test_nothing_of_the_subject_remains(forgotten):
    copy, before, said = forgotten
    # The search finds what was there, in every kind of file.
    for name in ("faces/s3.h5", "manifest.csv", "predictions.csv", "logs/crop/s3.log"):
        assert f"results/{name}" in before
    assert any(name.startswith(".snakemake/metadata/") for name in before)
    assert mentions(copy, GONE) == []
    assert "data.leave_out in" in said


@pytest.mark.workflow
def test_what_was_trained_on_the_subject_is_gone(forgotten):
    copy, *_ = forgotten
    left = {
        path.relative_to(copy.folder / "results") for path in all_files(copy.folder / "results")
    }
    kinds = {path.parts[0] for path in left}
    caches = {"faces", "magnified", "features"}
    rows = {"manifest.csv", "manifest.csv.sha256", "index.json", "run.json", "weights.json"}
    assert kinds == caches | rows | {"demo", "sources", "frames", "logs", "benchmarks"}
    for path in left:
        if path.parts[0] not in ("demo", *rows):
            assert path.name.removesuffix(".content").rpartition(".")[0] == "s1-s2"
        if path.parts[0] in caches:  # a cache and its note stay together
            other = (
                path.name.removesuffix(".content")
                if path.suffix == ".content"
                else f"{path.name}.content"
            )
            assert path.with_name(other) in left
    check_seal(copy.folder / "results/manifest.csv")
    # With the disk of the data set unplugged, planning works without the subject.
    config = Config.load(str(copy.folder / "config/ci.yaml"))
    known = indexed.indexed(IndexSettings.of(config), copy.folder / "results").clips
    assert {clip.subject for clip in known} == {"s1", "s2"}


@pytest.mark.workflow
def test_the_next_run_leaves_the_subject_out_and_keeps_the_work_on_others(forgotten):
    copy, *_ = forgotten
    records = {urlsafe_b64decode(p.name).decode() for p in all_files(copy.folder / METADATA)}
    assert {"results/demo/s1-s2.json", "results/faces/s1-s2.h5", "results/manifest.csv"} <= records
    assert copy.planned() == {"split": 1, "train": 4, "evaluate": 1}
    done = copy.run(target="results/folds.csv")
    assert done.returncode == 0, done.stderr
    folds = pd.read_csv(copy.folder / "results/folds.csv")
    assert set(folds["subject"]) == {"s1", "s2"}
    report = pd.read_csv(copy.folder / "results/manifest_report.csv")
    assert list(report["problem"]) == ["left_out_subject"] * 3
    assert list(report["subject"]) == [GONE] * 3
    assert list(report["clip_id"]) == [f"{GONE}_{code}_01" for code in ("ne", "po", "sur")]
    # Its name stays where it is needed to leave it out: the report, the record and log of index.
    assert "results/manifest.csv" not in mentions(copy, GONE)
    assert not any("faces" in name or "s3" in Path(name).name for name in mentions(copy, GONE))


@pytest.mark.workflow
def test_once_more_finds_nothing_and_a_dry_run_deletes_nothing(forgotten, finished):
    copy, *_ = forgotten
    assert run_forget(copy, GONE).returncode == 0
    assert yaml.safe_load((copy.folder / "config/ci.yaml").read_text())["data"]["leave_out"] == [
        GONE
    ]
    before = state(finished)
    said = run_forget(finished, "s1", "--dry-run").stdout
    assert "results/faces/s1-s2.h5" in said.splitlines()
    assert "results/faces/s3.h5" not in said.splitlines()
    assert state(finished) == before


@pytest.mark.workflow
def test_an_unknown_subject_cannot_be_forgotten(finished):
    before = state(finished)
    done = run_forget(finished, "S3")
    assert done.returncode == 2
    assert done.stderr == "microexpr forget: there is no subject 'S3', only s1, s2, s3\n"
    assert state(finished) == before


@pytest.fixture
def folder_project(tmp_path, monkeypatch):
    """Make a user's data set, with a cache of each of two subjects and some results."""
    monkeypatch.chdir(tmp_path)
    for name in ("negative/ann_1", "positive/ann_2", "negative/bob_1", "positive/bob_2"):
        (tmp_path / "data" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "data" / name / "image1.png"), np.zeros((4, 4), np.uint8))
    (tmp_path / "config.yaml").write_text(
        "data:\n  kind: folder\n  root: data\n  fps: 100\n  labels: [negative, positive]\n"
    )
    (tmp_path / "results/faces").mkdir(parents=True)
    for name in ("ann", "bob"):
        write_face(tmp_path / f"results/faces/{name}.h5", f"{name}_1")
    (tmp_path / "results/table.csv").write_text("accuracy\n")
    return tmp_path


def write_face(path: Path, clip_id: str) -> None:
    """Write a cache of one face."""
    with (
        cache.create(path, "faces", cache.Provenance()) as out,
        out.clip(clip_id, fps=100.0) as clip,
    ):
        clip.append(
            np.zeros((1, 4, 4, 3), np.uint8),
            frame=[1],
            time=[0.0],
            detected=[1],
            box=[[0, 0, 4, 4]],
        )


def run_index(project: Path) -> list[manifest.Clip]:
    """Run stage index as the workflow does, and return the manifest."""
    path = project / "results/manifest.csv"
    config = Config.load(str(project / "config.yaml"))
    allowed = config.changed({"data": {"allow": ["short_clips"]}})
    run_stage("index", allowed, manifest=path)
    return manifest.read(path)


def test_source_data_are_named_and_left_to_the_user(folder_project, capsys):
    assert main(["forget", "ann"]) == 0
    said = capsys.readouterr().out
    assert "source data, yours to delete: " in said
    for name in ("negative/ann_1", "positive/ann_2"):
        assert f"{folder_project / 'data' / name}\n" in said
        assert (folder_project / "data" / name / "image1.png").exists()
    assert "bob" not in said
    assert [p.name for p in all_files(folder_project / "results")] == ["bob.h5", "bob.h5.content"]


def test_a_run_in_progress_is_not_disturbed(folder_project):
    locks = folder_project / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").write_text("results/faces/ann.h5\n")
    with pytest.raises(DataError, match="snakemake --unlock"):
        forget(folder_project, [folder_project / "config.yaml"], ["ann"])
    assert (folder_project / "results/faces/ann.h5").exists()


def test_results_of_another_configuration_are_not_touched(folder_project, capsys):
    rows = "clip_id,subject,label,kind,source,frames,first,last,fps,onset,apex,offset\n"
    rows += "ann_1,ann,negative,images,elsewhere/ann_1,1,1,1,100,,,\n"
    (folder_project / "results/manifest.csv").write_text(rows)
    seal(folder_project / "results/manifest.csv")
    with pytest.raises(ConfigError, match="--configfile FILE"):
        forget(folder_project, [folder_project / "config.yaml"], ["ann"])
    assert (folder_project / "results/faces/ann.h5").exists()


def test_source_data_below_the_results_stay(folder_project):
    (folder_project / "data").rename(folder_project / "results/data")
    config = folder_project / "config.yaml"
    config.write_text(config.read_text().replace("root: data", "root: results/data"))
    done = forget(folder_project, [config], ["ann"])
    assert (folder_project / "results/data/negative/ann_1/image1.png").exists()
    assert folder_project / "results/data/negative/ann_1" in done.sources


def test_a_cache_that_cannot_be_read_is_deleted_too(folder_project):
    (folder_project / "results/faces/carl.h5").write_bytes(b"no HDF5")
    forget(folder_project, [folder_project / "config.yaml"], ["ann"])
    assert [p.name for p in all_files(folder_project / "results")] == ["bob.h5", "bob.h5.content"]


def test_a_cache_with_an_unknown_clip_is_deleted_too(folder_project):
    write_face(folder_project / "results/faces/zoe.h5", "zoe_1")  # whose is it?
    forget(folder_project, [folder_project / "config.yaml"], ["ann"])
    assert [p.name for p in all_files(folder_project / "results")] == ["bob.h5", "bob.h5.content"]


def test_the_name_is_written_to_the_last_configuration_file(folder_project):
    last = folder_project / "mine.yaml"
    last.write_text("data:\n  leave_out: [zoe]  # asked on Monday\n")
    forget(folder_project, [folder_project / "config.yaml", last], ["ann"])
    assert last.read_text() == "data:\n  leave_out: [ann, zoe]  # asked on Monday\n"
    assert "leave_out" not in (folder_project / "config.yaml").read_text()


def test_a_subject_is_forgotten_when_its_source_data_are_gone(folder_project):
    run_index(folder_project)
    (folder_project / "data").rename(folder_project / "taken away")
    forget(folder_project, [folder_project / "config.yaml"], ["ann"])
    left = [p.name for p in all_files(folder_project / "results")]
    assert left == ["bob.h5", "bob.h5.content", "index.json", "manifest.csv", "manifest.csv.sha256"]
    assert {c.subject for c in manifest.read(folder_project / "results/manifest.csv")} == {"bob"}
    # Its data may be deleted then: the name in data.leave_out is reported and stops nothing.
    (folder_project / "taken away").rename(folder_project / "data")
    for name in ("negative/ann_1", "positive/ann_2"):
        shutil.rmtree(folder_project / "data" / name)
    assert [clip.subject for clip in run_index(folder_project)] == ["bob", "bob"]
    report = (folder_project / "results/manifest_report.csv").read_text()
    assert "unknown_name,data.leave_out: no subject and no clip is called 'ann'" in report


def test_a_name_of_a_clip_in_leave_out_is_no_subject(folder_project):
    config = folder_project / "config.yaml"
    config.write_text(f"{config.read_text()}  leave_out: [ann_2, bob_2, zoe]\n")
    run_index(folder_project)
    with pytest.raises(DataError, match="no subject 'ann_2', only ann, bob, zoe$"):
        forget(folder_project, [config], ["ann_2"])
    forget(folder_project, [config], ["ann"])
    assert yaml.safe_load(config.read_text())["data"]["leave_out"] == ["ann", "bob_2", "zoe"]
    assert (folder_project / "results/faces/bob.h5").exists()


def test_a_manifest_of_videos_is_of_the_same_data_set(folder_project):
    shutil.rmtree(folder_project / "data")
    for name in ("ann_1", "bob_1"):
        (folder_project / "data/negative").mkdir(parents=True, exist_ok=True)
        write_video(folder_project / f"data/negative/{name}.mp4", [np.full((48, 64), 90.0)] * 20)
    assert {clip.frames for clip in run_index(folder_project)} == {20}
    forget(folder_project, [folder_project / "config.yaml"], ["ann"])
    assert [c.clip_id for c in manifest.read(folder_project / "results/manifest.csv")] == ["bob_1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *[(text, True) for text in ("s3", "results/s2-s3.h5", "s3_ne_01", '"s3"')],
        *[(text, False) for text in ("s30", "ws3", "S3", "és3")],
    ],
)
def test_a_name_is_found_as_a_word(text, found):
    assert bool(traces_of(["s3"]).search(text)) is found


def test_a_bare_number_is_no_word_to_search_for():
    traces = traces_of(["3", "3_1"])
    assert not traces.search("3 threads")
    assert traces.search("clip 3_1")
    assert not traces_of(["3"]).search("")
