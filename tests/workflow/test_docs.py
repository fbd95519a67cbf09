"""What README and docs/ tell people to type is typed here; what cannot be is listed with a reason.

Console blocks: Snakemake's commands are planned (a dry run), this project's commands and the
shell's are executed, page by page in the order of the page, in a folder that holds a finished run.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import yaml

import footage
from microexpr import __version__
from microexpr.baselines.base import FaceClip
from microexpr.baselines.describing import Lesson
from microexpr.cli import main
from microexpr.config import Data
from microexpr.datasets import annotated
from project import fresh

pytestmark = pytest.mark.workflow
ROOT = Path(__file__).parents[2]
PAGES = {path.name: path for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))}

WITH_PYTHON = [name for name, path in PAGES.items() if "```python" in path.read_text()]

# Beginnings of commands that are not typed here, and why.
NOT_RUN = {
    "git clone URL": "the test stands in the clone",
    "python3 -m venv .venv": "would make an environment inside the environment",
    "pip install": "a test must not change its own environment; the gate installs from the lock",
    "snakemake --report": "tests/workflow/test_report.py makes the report and opens it",
}
# Beginnings of commands that are only parsed: their options exist, their data do not.
PARSED = {
    "microexpr magnify IN OUT": "stands for any video",
}
# Programs that not every machine has.
PACKAGES = {"h5ls": "hdf5-tools"}
# A profile whose plug-in is not installed is left out of the plan; tests of its own read it.
PLUGINS = {"--workflow-profile profiles/slurm": "snakemake_executor_plugin_slurm"}


class Command(NamedTuple):
    """A command as printed, and what is printed below it."""

    text: str
    output: tuple[str, ...]


def commands(page: str) -> list[Command]:
    """Read the console blocks of a page."""
    found: list[list[str]] = []
    for block in re.findall(r"^```console\n(.*?)^```", PAGES[page].read_text(), re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                found.append([re.sub(r"\s+#.*$", "", line[2:]).strip()])
            else:
                assert found, f"{page}: a console block begins with output"
                found[-1].append(line)
    return [Command(text, tuple(output)) for text, *output in found]


def reason(text: str, table: dict[str, str]) -> str | None:
    """Give the reason why a command is in a table of exceptions."""
    return next((why for start, why in table.items() if text.startswith(start)), None)


def planned() -> dict[str, set[str]]:
    """Targets of all Snakemake commands, by their options."""
    plans: dict[str, set[str]] = {}
    for page in PAGES:
        for text, _ in commands(page):
            if text.startswith("snakemake") and not reason(text, NOT_RUN):
                words = text.removeprefix("snakemake").replace(" --dry-run", "")
                options, _, targets = words.partition(" -- ")
                if not targets and options.split()[-1].startswith("results/"):
                    options, _, targets = options.rpartition(" ")
                plans.setdefault(" ".join(options.split()), set()).update(targets.split())
    return plans


@pytest.fixture(scope="module")
def own_data(finished, tmp_path_factory):
    """A project beside data of the layouts that the presets ask for."""
    project = fresh(tmp_path_factory.mktemp("plans") / "project")
    release = finished.folder / "results/demo/SMIC_all_raw"
    shutil.copytree(release, project.folder / "SMIC/SMIC_all_raw")
    cropped = project.folder / "SMIC/SMIC_all_cropped"
    shutil.copytree(release, cropped)
    still = cropped / "HS/s1/non_micro/s1_01"
    shutil.copytree(next(cropped.glob("HS/s1/micro/*/*")), still)
    video = footage.write_video(project.folder / "a.mp4", [footage.texture()] * 3)
    (project.folder / "clips.csv").write_text(f"path,subject,label\n{video.name},a,positive\n")
    return project


@pytest.mark.parametrize("options", planned())
def test_snakemake_commands_can_be_planned(options, own_data):
    words = shlex.split(options)
    for profile, plugin in PLUGINS.items():
        if find_spec(plugin) is None and profile in options:
            words = shlex.split(options.replace(profile, "--workflow-profile none --cores 1"))
    targets = sorted(planned()[options])
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words, "--dry-run", "--quiet", "--", *targets],
        cwd=own_data.folder,
        env=own_data.environment(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def sandbox(finished, tmp_path_factory):
    """A finished run in which the files that the pages name are there."""
    folder = finished.copy(tmp_path_factory.mktemp("typed") / "project").folder
    for cache in [*folder.glob("results/f*/**/s1-s2.h5"), *folder.glob("results/m*/**/s1-s2.h5")]:
        cache.with_name("s1-s3.h5").hardlink_to(cache)  # the demo has three subjects in a shard
    return folder


def run_ours(words: list[str], output: tuple[str, ...], capsys) -> None:
    """Run a command of this project; a printed error is expected word by word."""
    status = main(words)
    errors = capsys.readouterr().err.splitlines()
    expected = [line for line in output if line.startswith(f"microexpr {words[0]}: ")]
    assert status == (2 if expected else 0), errors
    assert [line for line in errors if line.startswith("microexpr ")] == expected


class ParsedError(Exception):
    """The command line was understood."""


def parse_ours(words: list[str], monkeypatch) -> None:
    """Check that the options of a command exist."""
    parse = argparse.ArgumentParser.parse_args

    def stop(parser, *arguments):
        parse(parser, *arguments)
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    with pytest.raises(ParsedError):
        main(words)


@pytest.mark.parametrize("page", PAGES)
def test_other_commands_do_what_the_page_says(page, sandbox, tmp_path, monkeypatch, capsys):
    work = tmp_path / "work"
    shutil.copytree(sandbox, work, copy_function=os.link)
    footage.write_video(work / "face.mp4", [footage.texture()] * 12)
    monkeypatch.chdir(work)
    for text, output in commands(page):
        words = shlex.split(text.removesuffix(" 2>/dev/null"))
        if text.startswith("snakemake ") or reason(text, NOT_RUN):
            continue
        if reason(text, PARSED):
            with monkeypatch.context() as patched:
                parse_ours(words[1:], patched)
        elif words[0] == "microexpr":
            run_ours(words[1:], output, capsys)
        elif words[0] == "make":
            subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, check=True)
        else:
            if words[0] in PACKAGES and not shutil.which(words[0]):
                pytest.skip(f"needs {words[0]} of the package {PACKAGES[words[0]]}")
            done = subprocess.run(["bash", "-ec", text], capture_output=True, check=False)
            assert done.returncode == 0, done.stderr


def test_every_exception_is_still_needed():
    typed = [command.text for page in PAGES for command in commands(page)]
    for start in [*NOT_RUN, *PARSED, *PLUGINS]:
        assert any(start in text for text in typed), f"no page says {start!r} any more"


def run_python(page: str) -> dict[str, Any]:
    """Run the Python blocks of a page one after the other; give the names they define."""
    names: dict[str, Any] = {"__name__": page}
    for block in re.findall(r"^```python\n(.*?)^```", PAGES[page].read_text(), re.M | re.S):
        exec(compile(block, page, "exec"), names)
    return names


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_python_of_the_pages_runs(page, sandbox, monkeypatch):
    monkeypatch.chdir(sandbox)
    assert len(run_python(page)) > 1


def test_the_example_of_a_data_set_lists_its_clips(tmp_path):
    release = run_python("adding-a-dataset.md")["RELEASE"]
    footage.write_images(tmp_path / "MySet/frames/p01/clip7", [np.zeros((4, 4))] * 5, first=12)
    table = "Subject,Clip,Onset,Apex,Offset,Emotion\np1,clip7,12,14,16,positive\n"
    (tmp_path / "MySet/myset_labels.csv").write_text(table)
    listing = annotated.read(Data(kind="casme2", root=str(tmp_path)), release)
    (clip,) = listing.clips
    assert listing.findings == []
    assert (clip.fps, clip.frames, clip.first, clip.apex) == (120, 5, 12, 14)


def test_the_example_of_a_backbone_keeps_to_the_interface():
    net = run_python("adding-a-backbone.md")["small_network"]().eval()
    x = net.preprocess(torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8))
    with torch.no_grad():
        whole = net(x)
        assert net.front(x, 2).shape == (2, *net.feature_shape(2))
        assert [net.channels[cut - 1] for cut in (1, 2, 3)] == [32, 64, 128]
        for cut in (1, 2, 3):
            torch.testing.assert_close(net.back(net.front(x, cut), cut), whole)


def test_the_example_of_a_system_tells_where_something_moves():
    system = run_python("adding-a-baseline.md")["MeanDifference"](["left", "right"])
    rng = np.random.default_rng(0)

    def described(side: int) -> np.ndarray:
        images = np.full((5, 32, 32, 3), 90, np.uint8)
        images[2:, :, 16 * side : 16 * side + 16] += rng.integers(5, 20, dtype=np.uint8)
        return system.describe(FaceClip("clip", images, 100.0)).values

    classes = np.array([0, 1] * 5)
    values = np.stack([described(side) for side in classes])
    learnt = system.learn(Lesson(values[:6], classes[:6], 3, np.random.SeedSequence(0)))
    shares = learnt(values[6:])
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
