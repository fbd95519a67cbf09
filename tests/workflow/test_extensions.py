"""A package beside this one adds a method, a network, a data set and a compared system."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from project import Project, fresh

pytestmark = pytest.mark.workflow
ENTRY_POINT = "[microexpr]\ntoylab = toylab.rows\n"
ROWS = '''
"""What the package adds; light, because planning imports it."""

from pydantic import Field

from microexpr.backbones.networks import NETWORKS, Network
from microexpr.baselines import SYSTEMS, ComparedSystem
from microexpr.config.base import Section
from microexpr.datasets import KINDS, Kind
from microexpr.magnify.methods import METHODS, Method
from microexpr.studies import STUDIES, Study


class Contrast(Section):
    """Settings of the method."""

    power: float = Field(1.0, gt=0, description="of the differences")


METHODS.add(Method("contrast", "toylab.code:contrast", Contrast, colour="#CC79A7"))
NETWORKS.add(Network("tiny", "toylab.networks:tiny", "tiny", "random", 2))
KINDS.add(Kind("squares", "moving squares", "toylab.code:read"))
SYSTEMS.add(ComparedSystem("brightness", "toylab.code:Brightness", "Mean brightness"))
STUDIES.add(Study("squares", "how squares move", "results/squares.csv"))
'''
CODE = '''
"""What the rows refer to."""

from pathlib import Path

import numpy as np
import torch

from microexpr.baselines.base import Description, DescribingSystem
from microexpr.datasets.listing import Listing
from microexpr.video.suffixes import list_images


def contrast(clip, *, alpha, reference_frame, power, **_):
    """Amplify the difference to one frame."""
    difference = clip - clip[reference_frame]
    return clip + alpha * difference.sign() * difference.abs() ** power


def read(data):
    """List folders label/subject_number."""
    listing = Listing()
    for folder in sorted(Path(data.root).glob("*/*")):
        source, subject = folder.relative_to(data.root).as_posix(), folder.name.partition("_")[0]
        listing.add_images(
            list_images(folder),
            fps=data.fps,
            source=source,
            label=folder.parent.name,
            clip_id=folder.name,
            subject=subject,
        )
    return listing


class Brightness(DescribingSystem):
    """Shares by the distance to the mean brightness of each class."""

    name = "brightness"

    def describe(self, clip):
        return Description(clip.grey(2).mean(axis=0).ravel().astype(np.float32))

    def train(self, training):
        means = np.stack([training.values[training.classes == k].mean(axis=0) for k in range(3)])

        def shares(values):
            distance = np.abs(values[:, None] - means).sum(axis=2)
            return np.exp(-distance) / np.exp(-distance).sum(axis=1, keepdims=True)

        return shares
'''
NETWORK = '''
from microexpr.backbones.base import Backbone, Conv, relu


def tiny():
    """Two blocks."""
    return Backbone(
        stem=Conv(3, 4, 3, stride=4, activation=relu),
        blocks=[Conv(4, 4, 3, stride=4, activation=relu), Conv(4, 8, 3, activation=relu)],
        mean_rgb=(128.0, 128.0, 128.0),
        std_rgb=(64.0, 64.0, 64.0),
    )
'''
CONFIG = """
data: {kind: squares, root: squares, fps: 100, subjects_per_shard: 3}
crop: {detector: none, size_px: 64}
magnify: {methods: [contrast, none], alpha: 2, contrast: {power: 1.5}}
windows: {n: [7]}
features: {backbone: tiny, cut: 1}
train: {epochs: 1, chunks: 1, feature_modes: [raw]}
compare: {systems: [brightness], against: {method: contrast, n: 7}}
"""
PARSE = """
from microexpr.config import Config
from microexpr.errors import ConfigError
try:
    Config.parse({"magnify": {"methods": ["cubist"]}})
except ConfigError as error:
    print(error)
"""
ABOUT = ("method", "backbone", "data")
CODES = (
    "import json; from microexpr.pipeline.record import codes; "
    "print(json.dumps({name: code.fingerprint for name, code in codes().items()}))"
)


@dataclass(frozen=True)
class Extended(Project):
    """A project beside which another package is installed."""

    @property
    def package(self) -> Path:
        """Folder of the other package."""
        return self.folder / "site/toylab"

    def environment(self) -> dict[str, str]:
        """Let Snakemake and its jobs find both packages."""
        values = super().environment()
        places = [str(self.package.parent), values["PYTHONPATH"]]
        return values | {"PYTHONPATH": os.pathsep.join(places)}

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run Python where both packages are found."""
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.folder,
            env=self.environment(),
            text=True,
            capture_output=True,
            check=False,
        )

    def codes(self) -> dict[str, str]:
        """Read the fingerprints of all stages."""
        done = self.python(CODES)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def extended(tmp_path) -> Extended:
    project = Extended(fresh(tmp_path / "project").folder)
    project.package.mkdir(parents=True)
    about = project.package.parent / "toylab-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toylab\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(ENTRY_POINT)
    (project.package / "__init__.py").write_text("")
    (project.package / "rows.py").write_text(ROWS)
    (project.package / "code.py").write_text(CODE)
    (project.package / "networks.py").write_text(NETWORK)
    return project


def draw_squares(folder: Path) -> None:
    """Write nine clips: three people, and three directions in which a square moves."""
    steps = {"negative": (1, 0), "positive": (0, 1), "surprise": (1, 1)}
    for person in range(3):
        for label, (down, right) in steps.items():
            clip = folder / label / f"p{person}_{label[:2]}"
            clip.mkdir(parents=True)
            for frame in range(9):
                image = np.full((64, 64, 3), 60 + 20 * person, np.uint8)
                y, x = 8 + frame * down, 8 + frame * right
                image[y : y + 24, x : x + 24] = 200
                cv2.imwrite(str(clip / f"image{frame + 1:02d}.png"), image)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_of_each_from_another_package_runs_to_both_tables(extended):
    draw_squares(extended.folder / "squares")
    done = extended.run(extra=CONFIG, target="results/table.csv results/comparison.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    results = extended.folder / "results"
    metrics = {
        (row["method"], row["backbone"], row["data"]) for row in rows(results / "metrics.csv")
    }
    assert ("contrast", "tiny", "moving squares") in metrics
    assert any("brightness" in row.values() for row in rows(results / "comparison.csv"))
    assert "contrast" in (results / "table.csv").read_text()
    assert extended.planned(CONFIG) == {}
    changed = CONFIG.replace("power: 1.5", "power: 2")
    assert extended.planned(changed)["magnify"] == 1


def test_code_of_an_extension_counts_for_what_uses_it(extended):
    before = extended.codes()
    assert {"magnify:contrast", "features:tiny", "train:tiny", "train_system:brightness"} <= set(
        before
    )

    def changed(*edits: tuple[str, str]) -> set[str]:
        texts = {path: path.read_text() for path in extended.package.glob("*.py")}
        for old, new in edits:
            (path,) = [path for path, text in texts.items() if old in text]
            path.write_text(path.read_text().replace(old, new))
        after = extended.codes()
        for path, text in texts.items():
            path.write_text(text)
        return {name for name, code in after.items() if code != before[name]}

    docstring = ("Amplify the", "Enlarge the")
    found = changed(docstring, ("clip + alpha", "clip - alpha"), ('glob("*/*")', 'glob("*/p*")'))
    assert found == {"magnify:contrast", "index"}
    found = changed(
        docstring, ("exp(-distance) /", "exp(-2 * distance) /"), ("stride=4", "stride=2")
    )
    with_network = {name for name in before if name.endswith(":tiny")}
    # The compared system that is this pipeline's own network may use any of them.
    own = {"train_system:vggface2_bilstm"}
    assert found == with_network | {"train_system:brightness"} | own
    (extended.package.parent / "toylab-0.1.dist-info/entry_points.txt").unlink()
    without = extended.codes()
    others = {name: code for name, code in before.items() if name in without}
    stale = {name for name, code in others.items() if code != without[name]}
    assert stale == {"index"} | own


def test_what_is_wrong_with_an_extension_is_one_line(extended):
    said = extended.python(PARSE).stdout
    assert "magnify.methods[0] must be 'none', 'filter_only'" in said
    assert "or 'contrast', got 'cubist'" in said
    path = extended.package / "rows.py"
    for text, expected in (
        ("import nothing_of_this_name\n", "No module named 'nothing_of_this_name'"),
        (ROWS.replace('"contrast"', '"pmm"'), "magnify.methods: there are two rows named 'pmm'"),
        (
            ROWS.replace('"contrast"', '"a/bc"'),
            "magnify.methods: 'a/bc' must be lower-case letters",
        ),
    ):
        path.write_text(text)
        said = extended.python(PARSE).stdout
        assert said.startswith("entry point toylab = 'toylab.rows' of group microexpr: ")
        assert expected in said
        assert said.count("\n") == 1
