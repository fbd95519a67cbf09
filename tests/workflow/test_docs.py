"""What README and docs/ tell people to type is typed here; what cannot be is listed with a reason.

Console blocks: Snakemake's commands are planned (a dry run), this project's commands and the
shell's are executed, page by page in the order of the page, in a folder that holds a finished run.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import NamedTuple

import pytest

import footage
from microexpr.cli import main
from pages import PAGES, ROOT, blocks
from project import fresh

pytestmark = pytest.mark.workflow

# Beginnings of commands that are not typed here, and why.
NOT_RUN = {
    "git clone URL": "the test stands in the clone",
    "python3 -m venv .venv": "would make an environment inside the environment",
    "pip install": "a test must not change its own environment; the gate installs from the lock",
    "snakedeploy deploy-workflow": "tests/workflow/test_layout.py does so where it is installed",
    "snakemake --report": "tests/workflow/test_report.py makes the report and opens it",
}
# Beginnings of commands that are only parsed: their options exist, their data do not.
PARSED = {
    "microexpr magnify clips/": "tests/apps/test_recipes.py runs them on small clips",
    "microexpr judge STSTNet_logfile.txt": "of others; tests/apps/test_judge.py judges made ones",
    "microexpr predict": "tests/workflow/test_exported_model.py predicts with an exported model",
}
# Programs that not every machine has.
PACKAGES = {"h5ls": "hdf5-tools"}
# A profile whose plug-in is not installed is left out of the plan; so is one with the address of
# an example's storage (None). tests/workflow/test_profiles.py reads and plans them.
PLUGINS = {
    "--workflow-profile profiles/slurm": "snakemake_executor_plugin_slurm",
    "--workflow-profile profiles/kubernetes": None,
}


class Command(NamedTuple):
    """A command as printed, and what is printed below it."""

    text: str
    output: tuple[str, ...]


def commands(page: str) -> list[Command]:
    """Read the console blocks of a page."""
    found: list[list[str]] = []
    for block in blocks(page, "console"):
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
    """Make a project beside data of the layouts that the presets ask for."""
    project = fresh(tmp_path_factory.mktemp("plans") / "project")
    release = finished.folder / "results/demo/SMIC_all_raw"
    shutil.copytree(release, project.folder / "SMIC/SMIC_all_raw")
    cropped = project.folder / "SMIC/SMIC_all_cropped"
    shutil.copytree(release, cropped)
    still = cropped / "HS/s1/non_micro/s1_01"
    shutil.copytree(next(cropped.glob("HS/s1/micro/*/*")), still)
    # Planning asks for the files that the SMIC presets name, and does not look into them.
    (project.folder / "weights").mkdir()
    for name in ("resnet50_ft_weight.pkl", "resnet50_128.pth", "resnet50-0676ba61.pth"):
        (project.folder / "weights" / name).write_bytes(b"")
    video = footage.write_video(project.folder / "a.mp4", [footage.texture()] * 3)
    (project.folder / "mine.yaml").write_text("data: {root: faces}\n")
    (project.folder / "clips.csv").write_text(f"path,subject,label\n{video.name},a,positive\n")
    return project


@pytest.mark.parametrize("options", planned())
def test_snakemake_commands_can_be_planned(options, own_data):
    words = shlex.split(options)
    for profile, plugin in PLUGINS.items():
        if profile in options and not (plugin and find_spec(plugin)):
            words = shlex.split(options.replace(profile, "--workflow-profile none --cores 1"))
    targets = sorted(planned()[options])
    command = (sys.executable, "-m", "snakemake", *words, "--dry-run", "--quiet", "--", *targets)
    done = own_data.execute(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def run_ours(words: list[str], output: tuple[str, ...], capsys) -> None:
    """Run a command of this project; a printed error is expected word by word."""
    status = main(words)
    errors = capsys.readouterr().err.splitlines()
    expected = [line for line in output if line.startswith(f"microexpr {words[0]}: ")]
    assert status == (2 if expected else 0), errors
    assert [line for line in errors if line.startswith("microexpr ")] == expected


def parse_ours(words: list[str], monkeypatch) -> None:
    """Check that the options of a command exist."""
    parse, understood = argparse.ArgumentParser.parse_args, []

    def stop(parser, *arguments):
        understood.append(parse(parser, *arguments))
        raise SystemExit

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    with pytest.raises(SystemExit):
        main(words)
    assert understood


def typed(page: str) -> list[Command]:
    """Commands of a page that are neither planned nor left out."""
    return [
        command
        for command in commands(page)
        if not command.text.startswith("snakemake ") and not reason(command.text, NOT_RUN)
    ]


@pytest.mark.parametrize("page", [page for page in PAGES if typed(page)])
def test_other_commands_do_what_the_page_says(page, sandbox, tmp_path, monkeypatch, capsys):
    work = tmp_path / "work"
    shutil.copytree(sandbox, work, symlinks=True)
    monkeypatch.chdir(work)
    for text, output in typed(page):
        words = shlex.split(text.removesuffix(" 2>/dev/null"))
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
