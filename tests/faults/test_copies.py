"""A clip that is there twice, under whatever name and in whatever file, is never on both sides."""

from __future__ import annotations

import json
import shutil

import av
import cv2
import numpy as np
import pytest

from footage import moving, swing, texture, write_video
from microexpr.datasets import manifest
from microexpr.protocol import read_folds

SECTION = "Clips"


def images(folder, seed, suffix="png"):
    """Write a clip of three frames."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(3):
        picture = rng.integers(0, 256, (40, 40, 3), np.uint8)
        cv2.imwrite(str(folder / f"i{number}.{suffix}"), picture)


@pytest.fixture
def listed(tmp_path, command):
    """Index and decode a table, a shard for each subject; give the arguments of the split."""

    def run(*rows, protocol="loso"):
        (tmp_path / "clips.csv").write_text("path,subject,label\n" + "\n".join(rows))
        data = {"kind": "video", "root": str(tmp_path), "table": str(tmp_path / "clips.csv")}
        data |= {"fps": 100, "labels": ["negative", "positive"]}
        values = {"data": data, "windows": {"n": [2]}, "protocol": {"name": protocol, "folds": 2}}
        settings = ("--config", json.dumps(values))
        manifest_of = ("--manifest", tmp_path / "m.csv")
        code, lines = command("stage", "index", *manifest_of, *settings)
        assert code == 0, lines
        records = []
        for subject in sorted({clip.subject for clip in manifest.read(tmp_path / "m.csv")}):
            records.append(tmp_path / f"{subject}.json")
            files = ("--frames", tmp_path / f"{subject}.h5", "--record", records[-1])
            about = ("--root", tmp_path, "--subjects", subject, *settings)
            code, lines = command("stage", "decode", *manifest_of, *files, *about)
            assert code == 0, lines
        split = ("stage", "split", *manifest_of, "--folds", tmp_path / "f.csv")
        return [*split, "--sources", *records, *settings]

    return run


def copied(tmp_path):
    shutil.copytree(tmp_path / "a", tmp_path / "copy")


def linked(tmp_path):
    (tmp_path / "copy").symlink_to(tmp_path / "a")


def written_again(tmp_path):
    """Write the same pixels in another format."""
    (tmp_path / "copy").mkdir()
    for path in sorted((tmp_path / "a").iterdir()):
        cv2.imwrite(str(tmp_path / "copy" / f"x{path.stem}.bmp"), cv2.imread(str(path)))


@pytest.mark.parametrize("copy", [copied, linked, written_again])
@pytest.mark.parametrize("label", ["negative", "positive"])
def test_a_copy_of_a_clip_under_another_subject(tmp_path, fails, listed, copy, label):
    for number, name in enumerate("abcd"):
        images(tmp_path / name, number)
    copy(tmp_path)
    rows = ["a,s1,negative", "b,s1,positive", "c,s2,negative", "d,s2,positive"]
    arguments = listed(*rows, f"copy,s3,{label}")
    says = "fold s1: clips s1_a and s3_copy hold the same frames.*data.leave_out: .s3_copy"
    row = (copy, label) == (written_again, "negative")
    fails(SECTION, "a copy of a clip under another subject", *arguments, says=says, row=row)


def test_a_copy_of_a_video_in_another_container(tmp_path, fails, listed):
    for number, name in enumerate("abcd"):
        write_video(tmp_path / f"{name}.mkv", moving(texture(64, 64, seed=number), swing(9, 1.0)))
    with av.open(str(tmp_path / "a.mkv")) as old, av.open(str(tmp_path / "e.avi"), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    rows = ["a.mkv,s1,negative", "b.mkv,s1,positive", "c.mkv,s2,negative", "d.mkv,s2,positive"]
    arguments = listed(*rows, "e.avi,s3,negative")
    fails(SECTION, "", *arguments, says="clips s1_a and s3_e hold the same frames", row=False)


def test_a_copy_within_one_subject_is_noted(tmp_path, command, listed, fault_row, caplog):
    for number, name in enumerate("abcd"):
        images(tmp_path / name, number)
    copied(tmp_path)
    rows = ["a,s1,negative", "b,s1,positive", "c,s2,negative", "d,s2,positive"]
    arguments = listed(*rows, "copy,s1,positive")
    with caplog.at_level("WARNING"):
        assert command(*arguments)[0] == 0
    said = "clip s1_copy has no frame that clip s1_a has not: one clip under two names"
    assert said in caplog.text
    ids = [clip.clip_id for clip in manifest.read(tmp_path / "m.csv")]
    assert len(read_folds(tmp_path / "f.csv", ids)) == 2
    fault_row(SECTION, "a copy of a clip of the same subject", said, 0)


def test_a_copy_is_in_one_fold_of_clips(tmp_path, fails, listed):
    """Folds of clips may part two clips of one subject, which is why they leak."""
    for number, name in enumerate("ab"):
        images(tmp_path / name, number)
    shutil.copytree(tmp_path / "a", tmp_path / "c")
    shutil.copytree(tmp_path / "b", tmp_path / "d")
    rows = ["a,s1,negative", "b,s1,positive", "c,s1,negative", "d,s1,positive"]
    arguments = listed(*rows, protocol="clip_kfold")
    fails(SECTION, "", *arguments, says="hold the same frames, and are in training", row=False)


def test_a_record_that_cannot_be_read(tmp_path, fails, listed):
    for name, number in (("a", 0), ("b", 1)):
        images(tmp_path / name, number)
    arguments = listed("a,s1,negative", "b,s2,positive")
    (tmp_path / "s2.json").write_text("{}")
    says = "s2.json: cannot be read; snakemake --forcerun decode"
    fails(SECTION, "a record of decoded frames that is damaged", *arguments, says=says)
