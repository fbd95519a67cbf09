"""The Python of README and docs/ runs, and what it defines does what the page says; links hold."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import footage
from microexpr import __version__
from microexpr.backbones.networks import NETWORKS
from microexpr.baselines import SYSTEMS
from microexpr.baselines.base import FaceClip, TrainingClips
from microexpr.config import Config, Data
from microexpr.datasets import KINDS, annotated
from microexpr.magnify.methods import METHODS, SHARED_KEYS
from microexpr.pipeline.plan import Plan
from pages import PAGES, ROOT, blocks

pytestmark = pytest.mark.workflow


@pytest.fixture(autouse=True)
def own_rows(monkeypatch):
    """Take away the rows that pages add, so that each test may add them."""
    for registry in (KINDS, METHODS, NETWORKS, SYSTEMS):
        monkeypatch.setattr(registry, "_rows", dict(registry._rows))


def run_python(page: str) -> dict[str, Any]:
    """Run the Python blocks of a page one after the other; give the names they define."""
    names: dict[str, Any] = {"__name__": page}
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), names)
    return names


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_python_of_the_pages_runs(page, sandbox, monkeypatch):
    monkeypatch.chdir(sandbox)
    assert len(run_python(page)) > 1


@pytest.mark.parametrize("notebook", sorted(ROOT.glob("docs/**/*.ipynb")), ids=lambda p: p.stem)
def test_notebooks_run(notebook, finished, tmp_path, monkeypatch):
    shutil.copytree(finished.folder / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": notebook.stem}
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)  # such as pictures of people
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), notebook.name, "exec"), names)
    assert set(names["predicted"].tolist()) <= {0, 1, 2}
    assert (tmp_path / "predictions_of_my_model.csv").stat().st_size > 100


def test_the_example_of_a_data_set_lists_its_clips(tmp_path):
    release = run_python("adding-a-dataset.md")["RELEASE"]
    footage.write_images(tmp_path / "MySet/frames/p01/clip7", [np.zeros((4, 4))] * 5, first=12)
    table = "Subject,Clip,Onset,Apex,Offset,Emotion\np1,clip7,12,14,16,positive\n"
    (tmp_path / "MySet/myset_labels.csv").write_text(table)
    listing = annotated.read(Data(kind="casme2", root=str(tmp_path)), release)
    (clip,) = listing.clips
    assert listing.findings == []
    assert (clip.fps, clip.frames, clip.first, clip.apex) == (120, 5, 12, 14)


def test_the_example_of_a_method_amplifies_up_to_its_limit():
    plain = run_python("adding-a-method.md")["plain"]
    settings = Config.parse({"magnify": {"methods": ["plain"], "plain": {"limit": 0.1}}}).magnify
    options = {key: getattr(settings, key) for key in SHARED_KEYS} | settings.own("plain")
    still = torch.rand(1, 8, 8, 3).expand(20, -1, -1, -1)
    torch.testing.assert_close(plain(still, fps=100.0, **options), still)
    moving = still + 0.02 * torch.sin(torch.arange(20) / 3).view(-1, 1, 1, 1)
    changes = (plain(moving, fps=100.0, **options) - moving).abs()
    assert 0.05 < changes.max() <= 0.1 + 1e-6


def test_the_example_of_a_backbone_keeps_to_the_interface():
    net = run_python("adding-a-backbone.md")["small_network"]().eval()
    x = net.preprocess(torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8))
    with torch.no_grad():
        whole = net(x)
        assert net.front(x, 2).shape == (2, 64, 28, 28)
        assert [net.front(x, cut).shape[1] for cut in (1, 2, 3)] == [32, 64, 128]
        for cut in (1, 2, 3):
            torch.testing.assert_close(net.back(net.front(x, cut), cut), whole)


def test_the_example_of_a_system_tells_where_something_moves():
    settings = Config.parse({"data": {"labels": ["left", "right"]}})
    system = run_python("adding-a-baseline.md")["MeanDifference"](settings)
    rng = np.random.default_rng(0)

    def described(side: int) -> np.ndarray:
        images = np.full((5, 32, 32, 3), 90, np.uint8)
        images[2:, :, 16 * side : 16 * side + 16] += rng.integers(5, 20, dtype=np.uint8)
        return system.describe(FaceClip("clip", images, 100.0)).values

    classes = np.array([0, 1] * 5)
    values = np.stack([described(side) for side in classes])
    trained = system.train(TrainingClips(values[:6], classes[:6], 3, np.random.SeedSequence(0)))
    shares = trained(values[6:])
    assert list(shares.argmax(axis=1)) == list(classes[6:])
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert not shares[:, 2].any()


@pytest.mark.parametrize("page", PAGES)
def test_other_languages_are_marked_as_not_run(page):
    for part in re.split(r"^## ", PAGES[page].read_text(), flags=re.M):
        if re.search(r"^```(r|matlab)\n", part, re.M):
            assert "Not run in this project's tests." in part


@pytest.mark.parametrize("page", PAGES)
def test_linked_files_exist_and_pictures_are_small(page):
    for link in re.findall(r"\]\(([\w./-]+)\)", PAGES[page].read_text()):
        path = PAGES[page].parent / link
        assert path.exists(), link
        if path.suffix in (".png", ".svg"):
            assert path.stat().st_size < 200_000, link


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == __version__
    assert citation["license"] == "Apache-2.0"
    assert citation["references"][0]["doi"] == "10.1109/ICIP42928.2021.9506793"


def test_shards_of_the_pages_are_those_of_the_demo():
    shards = set(Plan(yaml.safe_load((ROOT / "config.yaml").read_text())).shards)
    for page, path in PAGES.items():
        assert set(re.findall(r"\b(s\d+-s\d+)\.h5", path.read_text())) <= shards, page
