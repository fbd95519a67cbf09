"""The same pipeline on what users have: a release of cropped faces, and video files."""

from __future__ import annotations

import re
import shutil

import cv2
import numpy as np
import pytest

from footage import moving, swing, texture, write_video
from microexpr.cache import open_cache
from microexpr.datasets import listing, manifest
from microexpr.demo.identity import Identity
from microexpr.demo.render import render
from microexpr.runtime.tables import read_text

pytestmark = pytest.mark.workflow


def cropped_release(tree, root):
    """Cut the demo's frames to 139x170 px, in the layout and with the names of SMIC_all_cropped."""
    for path in (tree / "SMIC_all_raw").rglob("image*.png"):
        relative = path.relative_to(tree / "SMIC_all_raw")
        target = root / "SMIC_all_cropped" / relative.parent / f"reg_{path.stem}.bmp"
        target.parent.mkdir(parents=True, exist_ok=True)
        face = cv2.imread(str(path))[110:360, 218:422]
        cv2.imwrite(str(target), cv2.resize(face, (139, 170), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("detector", ["none", "yunet"])
def test_a_release_of_cropped_faces(finished, project, detector):
    cropped_release(finished.folder / "results/demo", project.folder / "own")
    extra = (
        "data: {kind: smic, root: own, version: cropped, subjects_per_shard: 1}\n"
        f"crop: {{detector: {detector}}}\n"
    )
    done = project.run(extra=extra, target="results/faces/s2.h5")
    assert done.returncode == 0, done.stdout + done.stderr
    with open_cache(project.folder / "results/faces/s2.h5", "faces") as faces:
        assert faces.clip_ids == ["s2_ne_01", "s2_po_01", "s2_sur_01"]
        for clip in faces:
            assert clip.data.shape[1:] == (224, 224, 3)
            assert clip["detected"].mean() == 1
            assert np.diff(clip["frame"]).min() == 1


def test_the_cropped_release_reaches_the_table(finished, project):
    cropped_release(finished.folder / "results/demo", project.folder / "own")
    extra = (
        "data: {kind: smic, root: own, version: cropped}\n"
        "crop: {detector: none}\n"
        "magnify: {methods: [none]}\n"
        "windows: {n: [7]}\n"
        "features: {cut: 11}\n"  # two blocks are retrained
        "train: {chunks: 1, epochs: 1, batch_clips: 3, feature_modes: [raw]}\n"
        "protocol: {name: clip_kfold, folds: 3}\n"
    )
    done = project.run(extra=extra)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = (project.folder / "results/table.csv").read_text().splitlines()
    assert rows[1].startswith("none,Accuracy,")
    assert ",clip_kfold,mobilenet_vggface2,raw,SMIC-HS cropped," in rows[1]


def video_project(project, shared_video, name, fps=""):
    shutil.copy(shared_video(name), project.folder / name)
    (project.folder / "clips.csv").write_text(
        f"path,subject,label,fps\n{name},someone,positive,{fps}\n"
    )


EXAMPLE = "data: {kind: video, root: ., table: clips.csv, subjects_per_shard: 1}\n"


def test_a_video_file(project, shared_video):
    video_project(project, shared_video, "single_face.mp4")
    done = project.run(extra=EXAMPLE, target="caches")
    assert done.returncode == 0, done.stdout + done.stderr
    features = project.folder / "results/features/mobilenet_vggface2"
    for method in ("pmm", "none"):
        with open_cache(features / method / "someone.h5", "features") as cache:
            clip = cache["someone_single_face"]
            assert len(clip) == 72
            assert clip.attributes["fps"] == pytest.approx(30, rel=0.01)
            assert np.isfinite(clip.data[:]).all()


def test_a_video_without_a_face_fails_by_name(project, shared_video):
    video_project(project, shared_video, "no_face.mp4")
    done = project.run(extra=EXAMPLE, target="caches")
    assert done.returncode != 0
    assert "clip someone_no_face: no face in frames" in done.stdout + done.stderr
    assert not list((project.folder / "results/faces").glob("*.h5"))


def drawn_project(project, clips):
    """Write videos, with or without a face, and the table that lists them."""
    face = render(Identity.of(seed=3, subject=1)).mean(axis=2)
    face = cv2.resize(face, (320, 240), interpolation=cv2.INTER_AREA)
    lines = ["path,subject,label"]
    for name, (subject, seen) in clips.items():
        images = moving(face if seen else texture(240, 320), swing(8, 1.0))
        write_video(project.folder / f"{name}.mp4", images)
        lines.append(f"{name}.mp4,{subject},positive")
    (project.folder / "clips.csv").write_text("\n".join(lines) + "\n")


def own_lines(done):
    """Give the messages of stages on the screen, each once."""
    shown = re.findall(r"microexpr stage (?:index|decode|crop): .*", done.stdout + done.stderr)
    return list(dict.fromkeys(line for line in shown if "clip" in line))


def test_all_bad_clips_of_all_shards_are_found_in_one_run(project):
    clips = {"a": ("s1", True), "b": ("s1", False), "c": ("s1", False), "d": ("s2", False)}
    clips |= {"e": ("s2", True)}
    drawn_project(project, clips)
    target = "results/faces/s1.h5 results/faces/s2.h5"
    windows = "windows: {n: [7]}\n"
    done = project.run(extra=EXAMPLE + windows, target=target)
    assert done.returncode != 0
    said = own_lines(done)
    assert sorted(
        re.findall(r"^microexpr stage crop: clip (\w+): no face", "\n".join(said), re.M)
    ) == [
        "s1_b",
        "s1_c",
        "s2_d",
    ]
    assert not list((project.folder / "results/faces").glob("*"))
    # What each line advises works, and stands in the report.
    bad = [re.search(r"data.leave_out: \[(\w+)\]$", line)[1] for line in said]
    left = f"{EXAMPLE.rstrip()[:-1]}, leave_out: [{', '.join(bad)}]}}\n"
    done = project.run(extra=left + windows, target=target)
    assert done.returncode == 0, done.stdout + done.stderr
    for subject, clip in (("s1", "s1_a"), ("s2", "s2_e")):
        with open_cache(project.folder / f"results/faces/{subject}.h5", "faces") as faces:
            assert faces.clip_ids == [clip]
    rows = listing.read(project.folder / "results/manifest_report.csv")
    assert [(row.problem, row.clip_id) for row in rows] == [
        ("left_out_clip", "s1_b"),
        ("left_out_clip", "s1_c"),
        ("left_out_clip", "s2_d"),
    ]
    indexed = manifest.read(project.folder / "results/manifest.csv")
    assert [(clip.frames, round(clip.fps)) for clip in indexed] == [(8, 30)] * 2


def test_all_bad_lines_and_files_are_found_before_anything_is_decoded(project):
    drawn_project(project, {"a": ("s1", True), "b": ("s2", True)})
    (project.folder / "b.mp4").write_bytes(b"no video")
    with (project.folder / "clips.csv").open("a") as table:
        table.write("gone.mp4,s2,positive\na.mp4,s3,\na.mp4,s3,angry\n")
    done = project.run(extra=EXAMPLE + "windows: {n: [7, 9]}\n", target="caches")
    assert done.returncode != 0
    said = "\n".join(own_lines(done))
    for message in (
        r"clip s2_gone: clips.csv: line 4: .*gone.mp4 does not exist \(data.root\) \(missing_clips",
        r"clips.csv: line 5: column label is empty \(unreadable_rows\)",
        r"clip s3_a: clips.csv: line 6: emotion 'angry'",
        r"clip s2_b: .*b.mp4 cannot be opened as a video \(unreadable_files\)",
        r"clip s1_a: 8 frames are fewer than windows.n 9 .*\(short_clips\)",
    ):
        assert re.search(f"^microexpr stage index: {message}", said, re.M), (
            done.stdout + done.stderr
        )
    assert not (project.folder / "results/manifest.csv").exists()
    assert not list(project.folder.glob("results/frames/*"))


def test_a_clip_that_is_left_out_is_in_no_number(finished, tmp_path):
    copy = finished.copy(tmp_path / "copy")
    before = read_text(copy.folder / "results/table.csv")
    done = copy.run(
        extra="data: {leave_out: [s3_po_01]}\n", target="results/table.csv results/summary.md"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    after = read_text(copy.folder / "results/table.csv")
    clips = [dict(zip(t["class"], t["clips"], strict=True)) for t in (before, after)]
    of_each = {"Accuracy": "9", "negative": "3", "positive": "3", "surprise": "3"}
    assert clips == [of_each, of_each | {"Accuracy": "8", "positive": "2"}]
    answered = read_text(copy.folder / "results/predictions.csv")
    assert "s3_ne_01" in set(answered["clip_id"])
    assert "s3_po_01" not in set(answered["clip_id"])
    summary = (copy.folder / "results/summary.md").read_text()
    assert "8 clips (3 negative, 2 positive, 3 surprise) of 3 subjects; left out: 1." in summary
    assert "| it is in `data.leave_out` | left_out_clip | 1 | s3_po_01 |" in summary


def test_a_face_that_leaves_is_recorded_frame_by_frame(project, shared_video):
    video_project(project, shared_video, "face_noface.mov")
    extra = EXAMPLE + "crop: {min_detected: 0.05}\n"
    done = project.run(extra=extra, target="results/faces/someone.h5")
    assert done.returncode == 0, done.stdout + done.stderr
    with open_cache(project.folder / "results/faces/someone.h5", "faces") as faces:
        seen = faces["someone_face_noface"]["detected"]
    assert 0 < seen.mean() < 1
