"""Write the lock files and envs/*.yaml: exact versions of everything, with hashes.

Run by ``make lock`` after a change of dependencies in pyproject.toml. Versions that are pinned
already stay, unless ``--upgrade`` is given. The locks hold for every Python that pyproject.toml
names and for every platform; lines that a machine does not need are skipped by their markers.

requirements.lock       what the package needs with the extra `workflow`: the next two
requirements-cpu.lock   all but NVIDIA's libraries
requirements-cuda.lock  NVIDIA's libraries, which PyTorch's Linux build from PyPI requires
requirements-dev.lock   what only the tests and linters need
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

# What the pipeline needs besides magnification.
WORKFLOW = ("--extra", "workflow")
# What the tests use. Not kubernetes: its libraries need older versions of what is pinned.
EXTRAS = ("test", "lint", "docs", "inspect", "slurm")
# Packages that only PyTorch's build with CUDA requires.
CUDA = ("cuda-", "nvidia-", "triton")
HEADER = (
    "# Exact versions, written by `make lock`; pyproject.toml says why each dependency is there.\n"
)
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


def entries(text: str) -> dict[str, str]:
    """Return the entries of a lock file, hashes included, by their pin and marker."""
    found = re.findall(r"^[A-Za-z0-9].*(?:\n +.*)*", text, flags=re.MULTILINE)
    return {entry.partition(" \\\n")[0]: entry for entry in found}


def pinned(lock: Path) -> list[str]:
    """Read the pins of a lock file with their markers, without hashes."""
    return list(entries(lock.read_text()))


def compiled(uv: Path, root: Path, output: Path, *words: str) -> dict[str, str]:
    """Resolve pyproject.toml for all platforms; pins that `output` holds are preferred."""
    command: list[str | Path] = [
        uv,
        "pip",
        "compile",
        root / "pyproject.toml",
        "--output-file",
        output,
        *words,
    ]
    fixed = ("--generate-hashes", "--universal", "--no-annotate", "--no-header", "--quiet")
    python = tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"]
    # Where pip has been told of a certificate, uv needs it too.
    variables = {"SSL_CERT_FILE": os.environ["PIP_CERT"]} if "PIP_CERT" in os.environ else {}
    variables["UV_PYTHON_DOWNLOADS"] = "never"  # it reads what packages say, and runs nothing
    subprocess.run(
        [*command, *fixed, "--python-version", python.strip(">=")],
        check=True,
        env=variables | os.environ,
        cwd=output.parent,
    )
    return entries(output.read_text())


def conda(pins: list[str], version: str, build: str) -> str:
    """Return a conda environment of these pins and of this package.

    The version of the package stands in a comment: Snakemake makes an environment again when its
    text changes, and so after every release. `build` is PyTorch's, ``+cpu`` or empty.
    """
    lines = [pin + build if pin.startswith("torch==") else pin for pin in pins]
    index = ["--extra-index-url https://download.pytorch.org/whl/cpu"] if build else []
    listed = "".join(f"      - {line}\n" for line in [*index, *lines, "${MICROEXPR_SOURCE}"])
    return CONDA.format(version=version) + listed


def write(path: Path, locked: dict[str, str]) -> None:
    """Write a lock file."""
    path.write_text(HEADER + "".join(f"{entry}\n" for entry in locked.values()))


def main() -> None:
    """Resolve twice, for users and for developers, and write what came."""
    parser = argparse.ArgumentParser(description="Write the lock files.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    root = Path(__file__).resolve().parents[1]
    about = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    names = ("requirements-cpu.lock", "requirements-cuda.lock", "requirements-dev.lock")
    before = "".join((root / name).read_text() for name in names if (root / name).exists())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run([sys.executable, "-m", "venv", folder / "uv"], check=True)
        subprocess.run([folder / "uv/bin/pip", "install", "--quiet", "uv"], check=True)
        (folder / "runtime.txt").write_text(before)
        (folder / "all.txt").write_text(before)
        uv = folder / "uv/bin/uv"
        runtime = compiled(uv, root, folder / "runtime.txt", *WORKFLOW, *upgrade)
        (folder / "fixed.txt").write_text("\n".join(runtime))
        extras = [word for extra in EXTRAS for word in ("--extra", extra)]
        fixed = ("--constraint", str(folder / "fixed.txt"))
        everything = compiled(uv, root, folder / "all.txt", *extras, *fixed, *upgrade)
    cuda = {pin: entry for pin, entry in runtime.items() if pin.startswith(CUDA)}
    cpu = {pin: entry for pin, entry in runtime.items() if pin not in cuda}
    dev = {pin: entry for pin, entry in everything.items() if pin not in runtime}
    for name, locked in zip(names, (cpu, cuda, dev), strict=True):
        write(root / name, locked)
    for build in ("cpu", "gpu"):
        pins = [*cpu] if build == "cpu" else [*cpu, *cuda]
        text = conda(pins, about["version"], "+cpu" if build == "cpu" else "")
        (root / f"envs/{build}.yaml").write_text(text)


if __name__ == "__main__":
    main()
