"""Readers: the layouts that the releases have, and the wrong ones that users have."""

from __future__ import annotations

from pathlib import Path

import pytest

from microexpr import datasets, manifest
from microexpr.config import Data, Demo, Expected
from microexpr.datasets.images import list_images
from microexpr.errors import DataError

# Clips a subject of SMIC-HS: negative, positive, surprise (public label lists).
SMIC_HS = {
    1: (3, 2, 1), 2: (0, 1, 5), 3: (22, 11, 6), 4: (10, 4, 5), 5: (1, 0, 1), 6: (2, 0, 2),
    8: (9, 4, 0), 9: (0, 1, 3), 11: (3, 3, 1), 12: (0, 8, 1), 13: (0, 10, 0), 14: (3, 2, 5),
    15: (1, 1, 2), 18: (2, 0, 5), 19: (0, 1, 1), 20: (14, 3, 5),
}  # fmt: skip
CLASSES = (("negative", "ne"), ("positive", "po"), ("surprise", "sur"))


def smic_tree(root: Path, *, prefix: str = "image", suffix: str = ".bmp", pad: int = 1) -> Path:
    """Make SMIC-HS's folders with two empty image files a clip."""
    for subject, counts in SMIC_HS.items():
        for (label, code), count in zip(CLASSES, counts, strict=True):
            for number in range(1, count + 1):
                clip = f"s{subject:0{pad}d}_{code}_{number:02d}"
                folder = root / f"HS/s{subject:0{pad}d}/micro/{label}/{clip}"
                folder.mkdir(parents=True)
                for counter in (99999, 100000):
                    (folder / f"{prefix}{counter}{suffix}").touch()
    return root


@pytest.mark.parametrize(
    ("version", "prefix", "suffix", "pad"),
    [
        ("raw", "image", ".bmp", 1),
        ("cropped", "reg_image", ".bmp", 1),
        ("raw", "image", ".PNG", 2),
        ("cropped", "reg_image", ".jpg", 2),
    ],
)
def test_smic_hs_is_read_and_counted(tmp_path, version, prefix, suffix, pad):
    smic_tree(tmp_path / f"SMIC_all_{version}", prefix=prefix, suffix=suffix, pad=pad)
    expected = Expected(
        subjects=16, clips=164, per_label={"negative": 70, "positive": 51, "surprise": 43}
    )
    data = Data(kind="smic", root=str(tmp_path), version=version, expected=expected)
    clips = datasets.read(data, Demo())
    manifest.check(clips, data.labels, data.expected)
    assert [c.subject for c in clips][:6] == ["s1"] * 6
    assert clips[0].clip_id == "s1_ne_01"
    assert (clips[0].first, clips[0].last, clips[0].frames) == (99999, 100000, 2)
    assert {c.clip_id for c in clips if c.subject == "s5"} == {"s5_ne_01", "s5_sur_01"}


def test_a_missing_clip_is_named_by_the_counts(tmp_path):
    root = smic_tree(tmp_path / "SMIC_all_raw")
    folder = root / "HS/s19/micro/surprise/s19_sur_01"
    for image in folder.iterdir():
        image.unlink()
    folder.rmdir()
    expected = Expected(subjects=16, clips=164, per_label={"surprise": 43})
    clips = datasets.read(Data(kind="smic", root=str(tmp_path)), Demo())
    with pytest.raises(DataError, match=r"clips 163 \(expected 164\), per_label.surprise 42"):
        manifest.check(clips, Data().labels, expected)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("HS/s1/micro/angry/s1_ne_01", "unknown class folder"),
        ("HS/s1/micro/negative/s2_ne_01", "clip of s2 in the folder of s1"),
        ("HS/s1/micro/negative/s1_po_01", "clip code 'po' in the class folder negative"),
        ("HS/s1/micro/negative/clip1", "not a clip's name"),
        ("HS/extras/micro/negative/s1_ne_01", "not a subject's folder"),
    ],
)
def test_what_does_not_fit_smics_layout_is_refused(tmp_path, wrong, message):
    (tmp_path / "SMIC_all_raw" / wrong).mkdir(parents=True)
    with pytest.raises(DataError, match=message):
        datasets.read(Data(kind="smic", root=str(tmp_path)), Demo())


def test_spellings_of_surprise_and_non_micro(tmp_path):
    base = tmp_path / "SMIC_all_raw/HS/s02"
    for folder in ("micro/Surprise/s02_su_3", "non_micro/neutral one"):
        (base / folder).mkdir(parents=True)
        (base / folder / "image7.bmp").touch()
    labels = ["negative", "positive", "surprise", "non_micro"]
    clips = datasets.read(Data(kind="smic", root=str(tmp_path), labels=labels), Demo())
    assert [(c.clip_id, c.label) for c in clips] == [
        ("s2_non_neutral_one", "non_micro"),
        ("s2_sur_03", "surprise"),
    ]


def test_missing_folder_names_the_key(tmp_path):
    with pytest.raises(DataError, match=r"data\.root: no folder SMIC_all_raw/HS"):
        datasets.read(Data(kind="smic", root=str(tmp_path)), Demo())


def test_images_are_sorted_by_number_not_by_name(tmp_path):
    for name in (
        "image99999.bmp",
        "image100000.bmp",
        "image100001.png",
        "Thumbs.db",
        "._image5.bmp",
    ):
        (tmp_path / name).touch()
    assert [counter for counter, _ in list_images(tmp_path)] == [99999, 100000, 100001]


@pytest.mark.parametrize(
    ("names", "message"),
    [(("image1.bmp", "image01.png"), "frame 1 exists twice"), (("face.bmp",), "no frame number")],
)
def test_ambiguous_images_are_refused(tmp_path, names, message):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=message):
        list_images(tmp_path)


def test_a_table_of_videos(tmp_path):
    (tmp_path / "a b.mp4").touch()
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames/f1.png").touch()
    table = tmp_path / "clips.csv"
    table.write_text("path,subject,label,fps\na b.mp4,Äda 1,positive,\nframes,x,negative,25\n")
    data = Data(kind="video", root=str(tmp_path), table=str(table))
    clips = datasets.read(data, Demo())
    assert [(c.clip_id, c.subject, c.kind, c.fps) for c in clips] == [
        ("x_frames", "x", "images", 25.0),
        ("Äda_1_a_b", "Äda_1", "video", 0.0),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\n", "no column subject"),
        ("path,subject,label\ngone.mp4,s1,positive\n", "line 2: .*gone.mp4 does not exist"),
        ("path,subject,label\n,s1,positive\n", "line 2: column path is empty"),
        ("path,subject,label,fps\n.,s1,positive,fast\n", "line 2: fps 'fast'"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, text, message):
    table = tmp_path / "clips.csv"
    table.write_text(text)
    data = Data(kind="video", root=str(tmp_path), table=str(table))
    with pytest.raises(DataError, match=message):
        datasets.read(data, Demo())


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
        ([_clip(frames=0)], "holds no image"),
    ],
)
def test_a_data_set_that_cannot_be_is_refused(clips, message):
    with pytest.raises(DataError, match=message):
        manifest.check(clips, ["negative"], Expected())


def test_manifest_roundtrip_and_bad_rows(tmp_path):
    clips = [_clip(), _clip(clip_id="s1_ne_02", source='with, comma "and" ünicode')]
    manifest.write(tmp_path / "manifest.csv", clips)
    assert manifest.read(tmp_path / "manifest.csv") == clips
    text = (tmp_path / "manifest.csv").read_text().replace(",3,1,3,", ",many,1,3,", 1)
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(DataError, match="line 2: column frames"):
        manifest.read(tmp_path / "bad.csv")


def test_names_that_could_leave_the_folder_are_refused():
    for name in ("../x", "a/b", ".hidden", ""):
        with pytest.raises(ValueError, match="clip_id"):
            _clip(clip_id=name)
        assert "/" not in manifest.identifier(name)
        _clip(clip_id=manifest.identifier(name))


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
