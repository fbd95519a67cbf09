"""A change reruns what depends on it, and nothing else."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.workflow
MODULES = {
    "magnify/phase.py": {"magnify": 2, "features": 2, "train": 4, "evaluate": 1},
    "faces.py": {"crop": 2, "decode": 2, "magnify": 2, "features": 4, "train": 8, "evaluate": 1},
    "stages/train.py": {"train": 8, "evaluate": 1},
    "evaluation/tables.py": {"evaluate": 1},
}


def test_nothing_to_do_when_nothing_changed(finished):
    assert finished.planned() == {}


def test_alpha_reruns_magnification_and_not_the_crops(finished):
    planned = finished.planned("magnify: {alpha: 5}")
    assert planned == {"magnify": 2, "features": 2, "train": 4, "evaluate": 1}


def test_another_n_computes_no_feature(finished):
    assert finished.planned("windows: {n: [7, 9, 11]}") == {"train": 4, "evaluate": 1}


def test_an_n_that_clips_are_too_short_for_is_judged_by_the_index(finished):
    planned = finished.planned("windows: {n: [7, 9, 40]}")
    assert planned["index"] == 1


def test_another_method_leaves_the_others_alone(finished):
    planned = finished.planned("magnify: {methods: [pmm, none, amm]}")
    assert planned == {"magnify": 2, "features": 2, "train": 4, "evaluate": 1}


def test_a_new_subject_recomputes_its_shard_and_the_folds(finished):
    planned = finished.planned("demo: {subjects: 5}")
    # s3 is joined by s4 in a new shard, s5 stands alone; s1-s2 keeps its files.
    assert planned == {
        **{"index": 1, "demo": 2, "decode": 2, "crop": 2, "magnify": 2},
        **{"split": 1, "features": 4, "train": 8, "evaluate": 1},
    }


@pytest.mark.parametrize("module", MODULES)
def test_touching_code_reruns_the_stages_that_use_it(finished, tmp_path, module):
    copy = finished.copy(tmp_path / "copy")
    path = copy.folder / "src/microexpr" / module
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    assert copy.planned() == MODULES[module]


def test_comments_docstrings_and_unused_modules_rerun_nothing(finished, tmp_path):
    copy = finished.copy(tmp_path / "copy")
    source = copy.folder / "src/microexpr"
    (source / "faces.py").write_text("# A comment.\n" + (source / "faces.py").read_text())
    for name in ("evaluation/show.py", "cli/tools.py", "reference.py"):
        (source / name).write_text((source / name).read_text() + "\nCHANGED = True\n")
    assert copy.planned() == {}
