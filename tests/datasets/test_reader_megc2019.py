"""The composite of MEGC 2019: the challenge's counts, and its omissions by name."""

from __future__ import annotations

from collections import Counter

import pytest

from microexpr.config import Config
from microexpr.errors import ConfigError, DataError
from release_trees import casme2_tree, listing, problems, samm_tree, smic_tree


@pytest.fixture(scope="module")
def three_sets(tmp_path_factory):
    """Write the three releases side by side."""
    root = tmp_path_factory.mktemp("megc")
    smic_tree(root / "SMIC/SMIC_all_raw")
    casme2_tree(root / "CASME2")
    samm_tree(root / "SAMM")
    return root


def test_the_counts_are_those_of_the_challenge(three_sets):
    found = listing(kind="megc2019", root=str(three_sets))
    clips = found.clips
    assert (len(clips), len({c.subject for c in clips})) == (442, 68)
    by_set = Counter((c.clip_id.split("_")[0], c.label) for c in clips)
    assert by_set == {
        ("smic", "negative"): 70, ("smic", "positive"): 51, ("smic", "surprise"): 43,
        ("casme2", "negative"): 88, ("casme2", "positive"): 32, ("casme2", "surprise"): 25,
        ("samm", "negative"): 92, ("samm", "positive"): 26, ("samm", "surprise"): 15,
    }  # fmt: skip
    assert Counter(p for p, _ in problems(found)) == {
        "dropped_label": 108 + 26, "dropped_clip": 2, "mapped_label": 9,
    }  # fmt: skip
    assert {c.split for c in clips} == {"smic", "casme2", "samm"}


def test_labels_are_mapped_by_name_and_it_is_said(three_sets):
    found = listing(kind="megc2019", root=str(three_sets))
    said = [f.detail for f in found.findings if f.problem == "mapped_label"]
    assert "casme2: emotion 'repression' is negative here (27 clips)" in said
    assert "samm: emotion 'Contempt' is negative here (12 clips)" in said
    assert not [text for text in said if text.startswith("smic")]  # whose emotions are the classes


def test_clips_and_subjects_carry_their_set(three_sets):
    clips = {c.clip_id: c for c in listing(kind="megc2019", root=str(three_sets)).clips}
    assert len(clips) == 442
    for clip_id, clip in clips.items():
        assert clip.subject.split("_")[0] == clip_id.split("_")[0]
        assert (three_sets / clip.source).is_dir()
    assert clips["smic_s1_ne_01"].fps == 100
    assert {c.fps for c in clips.values() if not c.clip_id.startswith("smic")} == {200}


def test_the_two_that_the_challenge_leaves_out_are_named(three_sets):
    found = listing(kind="megc2019", root=str(three_sets))
    dropped = {f.clip_id: f for f in found.findings if f.problem == "dropped_clip"}
    assert set(dropped) == {"casme2_sub04_EP12_01f", "casme2_sub05_EP09_05f"}
    assert {f.subject for f in dropped.values()} == {"casme2_sub04", "casme2_sub05"}
    assert all("combined_3class_gt.csv" in f.detail for f in dropped.values())
    assert not set(dropped) & {c.clip_id for c in found.clips}


def test_fear_counts_in_samm_and_not_in_casme2(three_sets):
    found = listing(kind="megc2019", root=str(three_sets))
    dropped = Counter(
        (f.clip_id.split("_")[0], f.detail.split("'")[1])
        for f in found.findings
        if f.problem == "dropped_label"
    )
    assert dropped == {
        ("casme2", "others"): 99, ("casme2", "fear"): 2, ("casme2", "sadness"): 7,
        ("samm", "Other"): 26,
    }  # fmt: skip


def test_a_set_that_is_missing_is_named(three_sets, tmp_path):
    (tmp_path / "SMIC").symlink_to(three_sets / "SMIC")
    with pytest.raises(DataError, match="no folder CASME2_RAW_selected"):
        listing(kind="megc2019", root=str(tmp_path))


def test_it_brings_its_own_classes_and_map():
    with pytest.raises(ConfigError, match=r"label_map: kind megc2019 brings its own"):
        Config.parse({"data": {"kind": "megc2019", "label_map": {"fear": "negative"}}})
    with pytest.raises(ConfigError, match=r"fps: kind megc2019 brings its own"):
        Config.parse({"data": {"kind": "megc2019", "fps": 100}})
    with pytest.raises(
        ConfigError, match="data.labels: kind megc2019 has the classes negative, pos"
    ):
        listing(kind="megc2019", root=".", labels=["a", "b"])
