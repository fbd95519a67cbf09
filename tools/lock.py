"""Write requirements.lock, requirements-dev.lock and envs/*.yaml: exact versions of everything.

Run by ``make lock`` after a change of dependencies in pyproject.toml. Local version labels such as
``+cpu`` are dropped: which build of PyTorch is taken is the Makefile's matter.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

# What the tests use. Not kubernetes: its libraries need older versions of what is pinned.
EXTRAS = "test,lint,inspect,slurm"
HEADER = (
    "# Exact versions, written by `make lock`; pyproject.toml says why each dependency is there.\n"
)


def freeze(python: Path) -> list[str]:
    """List what is installed in an environment, without this project."""
    command = [python, "-m", "pip", "freeze", "--exclude-editable", "--exclude", "microexpr"]
    text = subprocess.run(command, check=True, text=True, capture_output=True).stdout
    pins = [re.sub(r"\s*@.*|\+\S+", "", line) for line in text.splitlines()]
    if any("==" not in pin for pin in pins):
        # A wheel from a folder is frozen as a path: ask for its version instead.
        command = [python, "-m", "pip", "list", "--format=freeze", "--exclude-editable"]
        text = subprocess.run(command, check=True, text=True, capture_output=True).stdout
        pins = [re.sub(r"\+\S+", "", line) for line in text.splitlines()]
    return [pin for pin in pins if not pin.startswith(("pip==", "setuptools==", "microexpr=="))]


CONDA = """\
# For `snakemake --sdm conda`; the same versions as requirements.lock, written by `make lock`.
# The last line is this package, {version}: the workflow sets the variable to the folder of its
# checkout, or to the repository and tag that it comes from.
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def conda(pins: list[str], version: str, build: str) -> str:
    """Give a conda environment of these pins and of this package.

    The version of the package stands in a comment: Snakemake makes an environment again when its
    text changes, and so after every release. `build` is PyTorch's, ``+cpu`` or empty.
    """
    lines = [pin + build if pin.startswith("torch==") else pin for pin in pins]
    index = ["--extra-index-url https://download.pytorch.org/whl/cpu"] if build else []
    listed = "".join(f"      - {line}\n" for line in [*index, *lines, "${MICROEXPR_SOURCE}"])
    return CONDA.format(version=version) + listed


def write_runtime(root: Path, pins: list[str], version: str) -> None:
    """Write requirements.lock and the environments that follow from it."""
    (root / "requirements.lock").write_text(HEADER + "\n".join(pins) + "\n")
    (root / "envs/cpu.yaml").write_text(conda(pins, version, "+cpu"))
    (root / "envs/gpu.yaml").write_text(conda(pins, version, ""))


def main() -> None:
    """Install into a fresh environment, twice, and write what came."""
    root = Path(__file__).resolve().parents[1]
    about = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    (torch,) = [pin for pin in about["dependencies"] if pin.startswith("torch==")]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        install = [python, "-m", "pip", "install", "--quiet"]
        # On its own first, so that a local CPU wheel of the pinned version is taken.
        subprocess.run([*install, torch], check=True)
        subprocess.run([*install, "-e", root], check=True)
        runtime = freeze(python)
        subprocess.run([*install, "-e", f"{root}[{EXTRAS}]"], check=True)
        extra = [pin for pin in freeze(python) if pin not in runtime]
    write_runtime(root, runtime, about["version"])
    (root / "requirements-dev.lock").write_text(HEADER + "\n".join(extra) + "\n")


if __name__ == "__main__":
    main()
