"""The manifest: rows that are checked, written and read back; shards of whole subjects."""

from __future__ import annotations

import pytest

from microexpr.config import Expected
from microexpr.datasets import manifest
from microexpr.errors import DataError
from microexpr.runtime.names import identifier
from microexpr.runtime.tables import seal


def _clip(**changes):
    values = dict(
        clip_id="s1_ne_01", subject="s1", label="negative", kind="images", source="a", frames=3,
        first=1, last=3, fps=100.0,
    )  # fmt: skip
    return manifest.Clip(**(values | changes))


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([], "no clip found"),
        ([_clip(), _clip()], "2 clips have this name"),
        ([_clip(label="anger")], "label 'anger' is not in data.labels"),
    ],
)
def test_a_data_set_that_cannot_be_is_refused(clips, message):
    with pytest.raises(DataError, match=message):
        manifest.check(clips, ["negative"])


def test_everything_that_is_wrong_is_named():
    clips = [_clip(), _clip(), _clip(clip_id="b", subject="S01", label="anger")]
    with pytest.raises(DataError) as caught:
        manifest.check(clips, ["negative"])
    assert [message.split(": ")[0] for message in caught.value.messages] == [
        "clip s1_ne_01",
        "clip b",
        "clip b",
    ]


def test_what_the_index_alone_knows_is_not_planned():
    video = dict(kind="video", source="a.mp4", first=0, last=0)
    listed = _clip(**video, frames=0, fps=0.0)
    assert (listed.times, listed.length) == ("stamps", 0)
    counted = listed.model_copy(update={"frames": 30, "fps": 29.97})
    assert counted.length == 30
    assert manifest.planned(counted) == listed
    given = _clip(**video, frames=30, fps=50.0)
    assert (given.times, manifest.planned(given).fps) == ("fps", 50.0)
    assert manifest.planned(given).frames == 0
    assert manifest.planned(_clip()) == _clip()


def test_counts_that_differ_are_all_named():
    expected = Expected(subjects=2, clips=1, per_label={"negative": 1, "positive": 3})
    with pytest.raises(DataError) as caught:
        manifest.check_counts([_clip()], expected)
    assert str(caught.value).endswith("subjects 1 (expected 2), per_label.positive 0 (expected 3)")
    manifest.check_counts([_clip()], Expected(clips=1))


def test_the_same_frames_under_two_names_have_one_original():
    span = {"kind": "video", "source": "long.mp4", "frames": 0}
    clips = [
        _clip(clip_id="part", **span, first=4, last=8),
        _clip(clip_id="longer", **span, first=2, last=9),
        _clip(clip_id="overlapping", **span, first=8, last=12),
        _clip(clip_id="copy", source="./long.mp4", kind="video", frames=0, first=2, last=9),
        _clip(clip_id="whole", kind="video", source="other.mp4", frames=0, first=0, last=0),
        _clip(clip_id="inside", kind="video", source="other.mp4", frames=0, first=3, last=5),
        _clip(clip_id="elsewhere", first=2, last=9),
    ]
    assert manifest.originals(clips) == [
        *("longer", "longer", "overlapping", "longer", "whole", "whole", "elsewhere")
    ]


def test_manifest_roundtrip_and_bad_rows(tmp_path):
    clips = [
        _clip(),
        _clip(clip_id="s1_ne_02", source='with, comma "and" ünicode', onset=1, apex=2, offset=3),
        _clip(clip_id="s1_ne_03", onset=0, offset=3),
    ]
    manifest.write(tmp_path / "manifest.csv", clips)
    assert manifest.read(tmp_path / "manifest.csv") == clips
    text = (tmp_path / "manifest.csv").read_text()
    for old, new, message in (
        (",3,1,3,", ",many,1,3,", "line 2: column frames"),
        (",1,2,3,fps,0,,\n", ",4,2,3,fps,0,,\n", "line 3: column onset: .*do not increase"),
        (",1,2,3,fps,0,,\n", ",1,x,3,fps,0,,\n", "line 3: column apex"),
    ):
        assert old in text
        (tmp_path / "bad.csv").write_text(text.replace("\r\n", "\n").replace(old, new, 1))
        seal(tmp_path / "bad.csv")
        with pytest.raises(DataError, match=message):
            manifest.read(tmp_path / "bad.csv")


@pytest.mark.parametrize(
    "frames", [{"onset": 5, "offset": 4}, {"onset": 1, "apex": 9, "offset": 4}, {"apex": -1}]
)
def test_frames_of_an_expression_must_increase(frames):
    with pytest.raises(ValueError, match="do not increase|greater than or equal to 0"):
        _clip(**frames)


def test_names_that_could_leave_the_folder_are_refused():
    for name in ("../x", "a/b", ".hidden", ""):
        with pytest.raises(ValueError, match="clip_id"):
            _clip(clip_id=name)
        assert "/" not in identifier(name)
        _clip(clip_id=identifier(name))


def test_shards_are_whole_subjects_in_natural_order():
    clips = [_clip(clip_id=f"s{s}_ne_{k}", subject=f"s{s}") for s in (10, 2, 1) for k in (1, 2)]
    assert list(manifest.shards(clips, 1)) == ["s1", "s2", "s10"]
    pairs = manifest.shards(clips, 2)
    assert list(pairs) == ["s1-s2", "s10"]
    assert [c.clip_id for c in pairs["s1-s2"]] == ["s1_ne_1", "s1_ne_2", "s2_ne_1", "s2_ne_2"]


def test_a_new_subject_changes_no_other_shard():
    clips = [_clip(clip_id=f"s{s}_ne_1", subject=f"s{s}") for s in (1, 2, 3)]
    before = {name: manifest.digest(rows) for name, rows in manifest.shards(clips, 1).items()}
    more = [*clips, _clip(clip_id="s0_ne_1", subject="s0")]
    after = {name: manifest.digest(rows) for name, rows in manifest.shards(more, 1).items()}
    assert {name: after[name] for name in before} == before


def test_who_is_left_out_keeps_a_place_so_that_the_other_shards_stay():
    clips = [_clip(clip_id=f"s{s}_ne_1", subject=f"s{s}") for s in range(1, 6)]
    before = manifest.shards(clips, 2)
    assert list(before) == ["s1-s2", "s3-s4", "s5"]
    after = manifest.shards([*clips[:1], *clips[2:4]], 2, [clips[1], clips[4]])
    assert after == {"s1": clips[:1], "s3-s4": before["s3-s4"]}


def test_an_apex_that_becomes_known_changes_the_shard():
    rows = [_clip(onset=1, offset=3)]
    assert manifest.digest(rows) != manifest.digest([_clip(onset=1, apex=2, offset=3)])
