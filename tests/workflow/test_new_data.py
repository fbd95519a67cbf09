"""What is new or changed in a data set is processed by one run, whatever reader lists it."""

from __future__ import annotations

import csv
import shutil
import zlib
from types import MappingProxyType

import numpy as np
import pytest

import footage
from release_trees import CASME2_HEADER, casme2_row, workbook

pytestmark = pytest.mark.workflow
SETTINGS = (
    "crop: {detector: none}\n"
    "magnify: {methods: [none]}\n"
    "windows: {n: [7]}\n"
    "features: {cut: 13}\n"
    "train: {chunks: 1, epochs: 1, feature_modes: [raw]}\n"
    "evaluate: {draws: 100, controls: []}\n"
    "protocol: {name: loso}\n"
)
TARGETS = ("caches", "results/features/mobilenet_vggface2/none/{shard}.h5", "results/table.csv")
OF_A_SHARD = {"decode": 1, "crop": 1, "features": 1}
LABELS = ("negative", "positive", "surprise")
FRAMES = 9


def picture(seed):
    return [np.roll(footage.texture(seed=seed), k, axis=1) for k in range(FRAMES)]


class Videos:
    """Video files and folders of images, listed in a table."""

    settings = (
        "data: {kind: video, root: own, table: own/clips.csv, fps: 100, subjects_per_shard: 1}\n"
    )

    def __init__(self, root):
        self.root, self.rows = root, {}
        root.mkdir()
        for subject in ("anna", "bo", "cem"):
            for label in LABELS:
                self.add(subject, label, 1)

    def add(self, subject, label, number):
        name = f"{subject}_{label}_{number}"
        self.draw(name, seed=len(self.rows))
        self.rows[name] = (subject, label)
        self.write()
        return name

    def draw(self, name, seed):
        footage.write_video(self.root / f"{name}.mp4", picture(seed))

    def remove(self, name):
        del self.rows[name]
        self.write()

    def relabel(self, name, label):
        self.rows[name] = (self.rows[name][0], label)
        self.write()

    def write(self):
        with (self.root / "clips.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(("path", "subject", "label", "clip_id"))
            for name, (subject, label) in self.rows.items():
                table.writerow((f"{name}.mp4", subject, label, name))


class Smic:
    """SMIC's folders: the label is a folder's name."""

    settings = "data: {kind: smic, root: own, subjects_per_shard: 1}\n"
    codes = MappingProxyType(dict(zip(LABELS, ("ne", "po", "sur"), strict=True)))
    relabel = None

    def __init__(self, root):
        self.root = root
        for subject in ("s1", "s2", "s3"):
            for label in LABELS:
                self.add(subject, label, 1)

    def folder(self, name):
        subject, code, _ = name.split("_")
        label = next(key for key, value in self.codes.items() if value == code)
        return self.root / f"SMIC_all_raw/HS/{subject}/micro/{label}/{name}"

    def add(self, subject, label, number):
        name = f"{subject}_{self.codes[label]}_{number:02d}"
        self.draw(name, seed=zlib.crc32(name.encode()))
        return name

    def draw(self, name, seed):
        footage.write_images(self.folder(name), picture(seed), first=100)

    def remove(self, name):
        shutil.rmtree(self.folder(name))


class Casme2:
    """An annotated release: a table beside folders of images."""

    settings = (
        "data: {kind: casme2, root: own, subjects_per_shard: 1, "
        "label_map: {disgust: negative, happiness: positive}}\n"
    )
    emotions = MappingProxyType(
        dict(zip(LABELS, ("disgust", "happiness", "surprise"), strict=True))
    )

    def __init__(self, root):
        self.root, self.rows = root, {}
        for subject in ("01", "02", "03"):
            for label in LABELS:
                self.add(subject, label, 1)

    def add(self, subject, label, number):
        name = f"sub{subject}_EP{LABELS.index(label) + 1:02d}_{number:02d}"
        self.rows[name] = self.emotions[label]
        self.draw(name, seed=zlib.crc32(name.encode()))
        self.write()
        return name

    def draw(self, name, seed):
        subject, _, clip = name.partition("_")
        folder = self.root / "CASME2_RAW_selected" / subject / clip
        for path in footage.write_images(folder, picture(seed), first=11).glob("image*.png"):
            path.rename(path.with_name(path.name.replace("image", "img")))

    def remove(self, name):
        del self.rows[name]
        subject, _, clip = name.partition("_")
        shutil.rmtree(self.root / "CASME2_RAW_selected" / subject / clip)
        self.write()

    def relabel(self, name, label):
        self.rows[name] = self.emotions[label]
        self.write()

    def write(self):
        last = 10 + FRAMES
        rows = [
            casme2_row(name[3:5], name.partition("_")[2], (11, 13, last), emotion)
            for name, emotion in self.rows.items()
        ]
        workbook(self.root / "CASME2-coding-20140508.xlsx", {"Sheet1": [CASME2_HEADER, *rows]})


READERS = {
    "videos": (Videos, "bo", "dia"),
    "smic": (Smic, "s2", "s4"),
    "casme2": (Casme2, "02", "04"),
}


def brought_up_to_date(project, extra, shard):
    """Run once; nothing is planned after it, for any target."""
    done = project.run(extra=extra, target="results/table.csv caches")
    assert done.returncode == 0, done.stdout + done.stderr
    for target in TARGETS:
        assert project.planned(extra, target.format(shard=shard)) == {}


@pytest.mark.parametrize("reader", READERS)
def test_one_run_processes_what_is_new_and_nothing_else(project, reader):
    make, known, fresh = READERS[reader]
    data = make(project.folder / "own")
    extra = data.settings + SETTINGS
    shard = f"sub{known}" if reader == "casme2" else known
    brought_up_to_date(project, extra, shard)
    trained = {"train": 1, "evaluate": 1}

    for label in LABELS:  # a subject
        added = data.add(fresh, label, 1)
    assert project.planned(extra) == {**OF_A_SHARD, "split": 1, **trained}
    assert project.planned(extra, "caches") == {**OF_A_SHARD, "caches": 1}
    brought_up_to_date(project, extra, shard)
    assert added in (project.folder / "results/manifest.csv").read_text()

    added = data.add(known, "positive", 2)  # a clip
    one = TARGETS[1].format(shard=shard)
    assert project.planned(extra) == {**OF_A_SHARD, "split": 1, **trained}
    assert project.planned(extra, one) == OF_A_SHARD
    brought_up_to_date(project, extra, shard)

    data.draw(added, seed=99)  # other images under the same names
    assert project.planned(extra) == {**OF_A_SHARD, "split": 1, **trained}
    brought_up_to_date(project, extra, shard)

    if data.relabel is not None:  # a corrected label
        data.relabel(added, "surprise")
        assert project.planned(extra) == {"split": 1, **trained}
        assert project.planned(extra, "caches") == {}
        brought_up_to_date(project, extra, shard)
        assert f"{added}," in (project.folder / "results/predictions.csv").read_text()

    data.remove(added)
    assert project.planned(extra) == {**OF_A_SHARD, "split": 1, **trained}
    brought_up_to_date(project, extra, shard)
    assert added not in (project.folder / "results/manifest.csv").read_text()


def test_without_the_data_set_everything_but_frames_goes_on(project):
    data = Videos(project.folder / "own")
    extra = data.settings + SETTINGS
    brought_up_to_date(project, extra, "bo")
    (project.folder / "own").rename(project.folder / "unplugged")
    told = project.run("--dry-run", extra=extra)
    assert told.returncode == 0, told.stderr
    assert "own is not there, manifest.csv is used" in told.stderr
    assert project.planned(extra) == {}
    assert project.planned(extra + "windows: {n: [8]}\n") == {"train": 1, "evaluate": 1}
    other = extra + "windows: {n: [7, 8]}\n"
    done = project.run(extra=other)
    assert done.returncode == 0, done.stdout + done.stderr
    report = project.run("--report", "report.html", extra=other)
    assert report.returncode == 0, report.stdout + report.stderr
    # What would need the data set says so.
    more = extra.replace("fps: 100", "fps: 90")
    refused = project.run("--dry-run", extra=more)
    assert refused.returncode != 0
    assert "data.fps changed since" in refused.stdout + refused.stderr
