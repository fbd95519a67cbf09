"""What a user gets wrong ends in one clear line and leaves no partial file."""

from __future__ import annotations

import re
import shutil
import sys
from itertools import takewhile

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("magnify: {alfa: 3}", "magnify.alfa is no key; did you mean alpha?"),
        ("magnify: {passband_hz: [3, 1]}", "passband_hz: the low edge must lie below"),
        ("data: {kind: smic, root: nowhere}", "data.root: no folder SMIC_all_raw/HS in nowhere"),
        ("data: {kind: video}", "data.table: kind video needs a table"),
        ("data: {labels: [negative, positive]}", None),
    ],
)
def test_before_any_job(project, extra, message):
    done = project.run("--dry-run", extra=extra)
    if message is None:
        assert done.returncode == 0
    else:
        assert done.returncode != 0
        text = done.stdout + done.stderr
        lines = [line for line in text.splitlines() if message in line]
        assert lines == [done.stdout.splitlines()[-1]], text
        assert lines[0].startswith("microexpr: ")
    assert not (project.folder / "results").exists()


def test_a_configuration_file_that_is_not_there(project):
    (project.folder / "config/ci.yaml").unlink()
    done = project.run()
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == "microexpr: there is no file config/ci.yaml"


@pytest.mark.parametrize(
    ("word", "form"),
    [("data.root=x", "data={root: x}"), ("compare.against.n=7", "compare={against: {n: 7}}")],
)
def test_a_key_with_a_dot_on_the_command_line(project, word, form):
    words = ("--cores", "1", "--config", word, "--", "caches")
    done = project.execute(sys.executable, "-m", "snakemake", *words)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"microexpr: {word}: write --config '{form}'"
    assert "Traceback" not in done.stderr


def last_lines(done):
    """Give the messages of this project that end the screen."""
    ends = takewhile(
        re.compile(r"microexpr( \w+){0,2}: ").match, reversed(done.stderr.splitlines())
    )
    return list(ends)


def own_data(project, tree):
    """Make the demo's files the user's own SMIC copy, to be spoilt."""
    shutil.copytree(tree.folder / "results/demo/SMIC_all_raw", project.folder / "own/SMIC_all_raw")
    return "data: {kind: smic, root: own}\n"


def clip_folder(project):
    return next((project.folder / "own").rglob("s1_ne_01"))


def spoil_image(folder):
    sorted(folder.iterdir())[3].write_bytes(b"no image")


def empty_clip(folder):
    for image in folder.iterdir():
        image.unlink()


def no_face(folder):
    for image in folder.iterdir():
        cv2.imwrite(str(image), np.full((480, 640, 3), 90, np.uint8))


def unknown_class(folder):
    folder.parent.rename(folder.parents[1] / "angry")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_image, "clip s1_ne_01: frame "),
        (empty_clip, "clip s1_ne_01: folder .* holds no image"),
        (no_face, "clip s1_ne_01: no face in frames 0-4"),
        (unknown_class, "unknown class folder"),
    ],
)
def test_data_that_is_wrong_is_named(finished, project, spoil, message):
    extra = own_data(project, finished)
    spoil(clip_folder(project))
    done = project.run(extra=extra, target="results/faces/s1-s2.h5")
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert [line for line in last_lines(done) if re.search(message, line)], text
    assert "Traceback" not in text
    assert not list(project.folder.glob("results/faces/*"))
    assert not list(project.folder.glob("results/frames/.*h5"))


def test_n_longer_than_every_clip(finished, tmp_path):
    copy = finished.copy(tmp_path / "copy")
    done = copy.run(extra="windows: {n: [40], short: fail}\ntrain: {chunks: 1}")
    assert done.returncode != 0
    assert [line for line in last_lines(done) if "windows.short" in line]
    assert not list((copy.folder / "results/train").glob("*/N40/*.csv"))
