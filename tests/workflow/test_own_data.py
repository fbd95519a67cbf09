"""The same pipeline on what users have: a release of cropped faces, and video files."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from microexpr.cache import open_cache

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
        "train: {parts: 1, epochs: 1, batch_clips: 3, readings: [raw]}\n"
        "protocol: {name: clip_kfold, folds: 3}\n"
    )
    done = project.run(extra=extra)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = (project.folder / "results/table.csv").read_text().splitlines()
    assert rows[1].startswith("none,Average,")
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


def test_a_face_that_leaves_is_recorded_frame_by_frame(project, shared_video):
    video_project(project, shared_video, "face_noface.mov")
    extra = EXAMPLE + "crop: {min_detected: 0.05}\n"
    done = project.run(extra=extra, target="results/faces/someone.h5")
    assert done.returncode == 0, done.stdout + done.stderr
    with open_cache(project.folder / "results/faces/someone.h5", "faces") as faces:
        seen = faces["someone_face_noface"]["detected"]
    assert 0 < seen.mean() < 1
