"""Several data sets in one run: names, labels, and what is refused."""

from __future__ import annotations

import pytest

from microexpr.config import Config, Protocol
from microexpr.errors import ConfigError, DataError
from microexpr.protocol.splits import folds_of
from release_trees import casme2_tree, listing, samm_tree

CLASSES = ["negative", "positive", "surprise"]
SETS = {
    "casme2": {
        "kind": "casme2",
        "root": "CASME2",
        "label_map": {"disgust": "negative", "happiness": "positive"},
        "drop_labels": ["others", "fear", "sadness", "repression"],
    },
    "b": {
        "kind": "samm",
        "root": "two/SAMM",
        "label_map": {"anger": "negative", "happiness": "positive"},
        "drop_labels": ["other", "contempt", "disgust", "fear", "sadness"],
    },
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    root = tmp_path_factory.mktemp("composite")
    casme2_tree(root / "CASME2")
    samm_tree(root / "two/SAMM")
    return root, listing(kind="composite", root=str(root), labels=CLASSES, sets=SETS)


def test_clips_carry_their_set_and_lie_below_the_common_root(found):
    root, listed = found
    assert {clip.split for clip in listed.clips} == {"casme2", "b"}
    for clip in listed.clips:
        assert clip.clip_id.startswith(f"{clip.split}_")
        assert clip.subject.startswith(f"{clip.split}_")
        assert (root / clip.source).is_dir()


def test_labels_are_mapped_by_name_and_it_is_said(found):
    said = [f.detail for f in found[1].findings if f.problem == "mapped_label"]
    assert sorted(said) == [
        "b: emotion 'Anger' is negative here (57 clips)",
        "b: emotion 'Happiness' is positive here (26 clips)",
        "casme2: emotion 'disgust' is negative here (63 clips)",
        "casme2: emotion 'happiness' is positive here (32 clips)",
    ]


def test_one_data_set_is_left_out_at_a_time(found):
    clips = found[1].clips
    folds = folds_of(Protocol(name="leave_one_dataset_out"), CLASSES, clips)
    assert [fold.name for fold in folds] == ["b", "casme2"]
    for fold in folds:
        assert {clips[i].split for i in fold.test} == {fold.name}
        assert fold.name not in {clips[i].split for i in fold.train}


def test_a_set_that_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match=r"CASME2_RAW_selected .* in .*CASME2"):
        listing(kind="composite", root=str(tmp_path), labels=CLASSES, sets=SETS)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({}, "sets: kind composite needs two data sets or more"),
        ({"a": SETS["b"]}, "sets: kind composite needs two data sets or more"),
        (SETS | {"b": {"kind": "sam"}}, "sets.b.kind must be"),
        (SETS | {"b": {"kind": "samm", "label_mp": {}}}, "sets.b.label_mp is no key"),
        (
            SETS | {"b": {"kind": "samm", "label_map": {"fear": "x"}}},
            "sets.b: .*'fear' becomes 'x'",
        ),
        (SETS | {"b": {}}, "sets.b: kind must be a data set of its own"),
        (SETS | {"b": {"kind": "composite", "sets": SETS}}, "sets.b: kind must be a data set of"),
        (SETS | {"a_b": SETS["b"]}, "pattern"),
    ],
)
def test_a_composite_that_is_none_is_refused(sets, message):
    with pytest.raises(ConfigError, match=message):
        Config.parse({"data": {"kind": "composite", "labels": CLASSES, "sets": sets}})


def test_labels_are_mapped_set_by_set_only():
    data = {"kind": "composite", "sets": SETS, "label_map": {"fear": "negative"}}
    with pytest.raises(ConfigError, match="label_map: kind composite brings its own"):
        Config.parse({"data": data})


def test_another_kind_has_no_sets():
    with pytest.raises(ConfigError, match="others have none"):
        Config.parse({"data": {"kind": "samm", "sets": SETS}})
