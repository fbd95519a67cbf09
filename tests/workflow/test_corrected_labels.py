"""Only the manifest holds labels: a corrected one changes training, and recomputes no cache."""

from __future__ import annotations

import shutil

import h5py
import pandas as pd
import pytest

from project import Project

pytestmark = pytest.mark.workflow
SETTINGS = (
    "data: {kind: video, root: own, table: clips.csv, fps: 100}\n"
    "magnify: {methods: [none]}\n"
    "windows: {n: [7]}\n"
    "train: {chunks: 1, epochs: 3}\n"
)
DRAWN = "results/figures/tsne_none.png"


def attributes(path) -> set[str]:
    """Return the names of all attributes in a file."""
    with h5py.File(path) as file:
        found = set(file.attrs)
        file.visititems(lambda _, node: found.update(node.attrs))
    return found


def write_list(project: Project, **corrected: str) -> None:
    """List the clips of the folder ``own``; give some of them another label."""
    lines = ["path,subject,label,clip_id"]
    for path in sorted((project.folder / "own").glob("*/*")):
        label = corrected.get(path.name, path.parent.name)
        lines.append(f"{path.parent.name}/{path.name},{path.name[:2]},{label},{path.name}")
    (project.folder / "clips.csv").write_text("\n".join(lines))


def test_no_cache_holds_a_subject_or_a_label(finished):
    results = finished.folder / "results"
    for kind in ("faces", "magnified", "features"):
        caches = list((results / kind).rglob("*.h5"))
        assert caches
        for path in caches:
            assert "fps" in attributes(path)
            assert attributes(path).isdisjoint({"label", "subject"})


def test_a_corrected_label_changes_training_and_recomputes_no_cache(finished, project):
    frames = finished.folder / "results/demo/SMIC_all_raw/HS"
    for path in frames.glob("s*/micro/*/*"):
        shutil.copytree(path, project.folder / "own" / path.parent.name / path.name)
    write_list(project)
    done = project.run(extra=SETTINGS, target=f"results/table.csv {DRAWN}")
    assert done.returncode == 0, done.stdout + done.stderr
    before = pd.read_csv(project.folder / "results/predictions.csv").set_index("clip_id")
    write_list(project, s2_ne_01="surprise")
    jobs = {"split": 1, "train": 1, "evaluate": 1, "embedding": 1}
    assert project.planned(extra=SETTINGS, target=f"results/table.csv {DRAWN}") == jobs
    done = project.run(extra=SETTINGS)
    assert done.returncode == 0, done.stdout + done.stderr
    after = pd.read_csv(project.folder / "results/predictions.csv").set_index("clip_id")
    changed = before["label"] != after["label"]
    assert list(changed.index[changed]) == ["s2_ne_01"]
    others = before["subject"] != "s2"
    assert (before["p_surprise"] != after["p_surprise"])[others].all()
