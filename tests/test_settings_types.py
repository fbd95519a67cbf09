"""For mypy, too, a part of a section has the declared keys and no others."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from project import ROOT

pytestmark = pytest.mark.slow
# Of what the stages import, only their settings are of interest: numpy and torch take 20 s.
FOLLOWED = """
[[tool.mypy.overrides]]
module = ["microexpr.config.*", "microexpr.stages.*", "pydantic.*"]
follow_imports = "normal"
"""
PLANTED = """
from typing import Annotated

from microexpr.config import Compare, Data
from microexpr.config.base import Only, Settings
from microexpr.config.data import TITLE
from microexpr.config.evaluation import Intervals, PageSettings, TableSettings


class Titles(Settings):
    data: Annotated[Data, Only(*TITLE)]
    compare: Annotated[Compare, Only("seeds", "against.n")]
    evaluate: Intervals

    def own(self) -> str:
        return self.data.root  # refused


def within() -> object:
    class Hidden(Settings):  # refused
        data: Annotated[Data, Only("labels")]

    return Hidden


class Both(Titles, TableSettings):
    data: Data


def whole(data: Data) -> str:
    return data.root


class Holder:
    def __init__(self, settings: Titles) -> None:
        self.data = settings.data

    def read(self) -> object:
        return self.data.labels  # refused


def read(settings: Titles, both: Both, other: PageSettings | Titles) -> None:
    data = settings.data
    print(data.camera, data.model_copy().camera, whole(data), both.data.root)
    print(data.root)  # refused
    print(data.model_copy().root)  # refused
    print(settings.compare.seeds, settings.compare.against.n)
    print(settings.compare.against.method)  # refused
    print(settings.compare.epochs)  # refused
    print(settings.evaluate.seed)
    print(settings.evaluate.permutations)  # refused
    print(both.compare.epochs)  # refused
    print(other.data.labels)  # refused
    print([one.data.camera for one in (settings, both)])
    print([one.evaluate.controls for one in (settings, both)])  # refused
"""


@pytest.fixture(scope="module")
def stages(tmp_path_factory) -> Path:
    """Copy the package and what mypy needs, and return the folder of the stages."""
    tmp_path = tmp_path_factory.mktemp("project")
    for folder in ("src", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    settings = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(settings + FOLLOWED)
    return tmp_path / "src/microexpr/stages"


def test_a_key_that_is_not_declared_is_an_error(stages):
    assert errors(stages, "train.py") == []
    replace(stages / "train.py", "settings.data.labels", "settings.data.root")
    (found,) = errors(stages, "train.py")
    assert found.endswith("error: data.root is not declared by SplitSettings  [attr-defined]")


def test_parts_are_followed_as_far_as_types_are(stages):
    (stages / "planted.py").write_text(PLANTED)
    found = errors(stages, "planted.py")
    assert any("compare.against.method is not declared by Titles" in line for line in found)
    marked = [n for n, line in enumerate(PLANTED.split("\n"), 1) if "# refused" in line]
    assert [int(line.split(":")[1]) for line in found] == marked
    # The names of the keys come from another module; its types stay the same.
    replace(stages.parent / "config/data.py", '"camera", "version"', '"allow", "version"')
    new = set(errors(stages, "planted.py")) - set(found)
    assert new and all("data.camera is not declared" in line for line in new)


def test_a_key_that_no_section_has_is_an_error(stages):
    (stages / "mistaken.py").write_text(PLANTED.replace("against.n", "against.N"))
    assert any("Against has no key N" in line for line in errors(stages, "mistaken.py"))


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def errors(stages: Path, name: str) -> list[str]:
    """Return the errors that mypy finds in a stage of a copy."""
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--follow-imports=skip", stages / name],
        cwd=stages.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return re.findall(r".*error: .*", run.stdout)
