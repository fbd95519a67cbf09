"""Each preset on a complete copy of its release: the jobs are planned, the counts hold."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from microexpr.config import Config, overlaid
from microexpr.datasets import manifest
from microexpr.pipeline.plan import Plan
from release_trees import (
    casme2_tree,
    casme3_tree,
    casme_tree,
    dfme_tree,
    fourdme_tree,
    mmew_tree,
    samm_tree,
    smic_tree,
)
from running import run_stage

pytestmark = pytest.mark.workflow
ROOT = Path(__file__).parents[2]


def megc(root: Path) -> None:
    smic_tree(root / "SMIC/SMIC_all_raw")
    casme2_tree(root / "CASME2")
    samm_tree(root / "SAMM")


# Where data.root points, and what is written there.
TREES = {
    "smic_hs": ("SMIC", lambda root: smic_tree(root / "SMIC_all_raw")),
    "smic_hs_cpu": ("SMIC", lambda root: smic_tree(root / "SMIC_all_raw")),
    "smic_hs_paper": ("SMIC", lambda root: smic_tree(root / "SMIC_all_raw")),
    "smic_hs_author_code": (
        "SMIC",
        lambda root: smic_tree(root / "SMIC_all_cropped", prefix="reg_image", non_micro=True),
    ),
    "casme": ("CASME", casme_tree),
    "casme2": ("CASME2", casme2_tree),
    "casme2_5": ("CASME2", casme2_tree),
    "casme3_3": ("CASME3", casme3_tree),
    "casme3_4": ("CASME3", casme3_tree),
    "casme3_7": ("CASME3", casme3_tree),
    "dfme": ("DFME", dfme_tree),
    "fourdme": ("4DME", fourdme_tree),
    "mmew": ("MMEW", mmew_tree),
    "samm": ("SAMM", samm_tree),
    "samm_5": ("SAMM", samm_tree),
    "megc2019": ("data", megc),
}
# A shard is a subject; magnify: methods but none; train, train_controls: methods x parts.
JOBS = {
    preset: {"decode": shards, "features": shards * methods, "train": methods * parts}
    | ({"magnify": shards * (methods - 1)} if methods > 1 else {})
    | {"train_controls": methods * parts}
    for preset, shards, methods, parts in (
        ("smic_hs", 16, 4, 16),
        ("smic_hs_cpu", 8, 4, 1),
        ("smic_hs_paper", 16, 3, 5),
        ("smic_hs_author_code", 16, 1, 5),
        ("casme", 18, 4, 18),
        ("casme2", 24, 4, 12),
        ("casme2_5", 26, 4, 13),
        ("casme3_3", 88, 4, 11),
        ("casme3_4", 94, 4, 16),
        ("casme3_7", 94, 4, 16),
        ("dfme", 259, 4, 2),
        ("fourdme", 11, 4, 11),
        ("mmew", 30, 4, 15),
        ("samm", 28, 4, 14),
        ("samm_5", 27, 4, 9),
        ("megc2019", 68, 4, 17),
    )
}


def with_frame_rate(preset: Path) -> None:
    """Set the key that the header of 4DME's preset asks for."""
    kind = "kind: fourdme\n"
    preset.write_text(preset.read_text().replace(kind, f"{kind}  fps: 60\n"))


def snakemake(project, preset: str, target: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run Snakemake on a preset."""
    command = (sys.executable, "-m", "snakemake", "--cores", "1", *arguments)
    return project.execute(*command, "--configfile", f"config/{preset}.yaml", "--", target)


@pytest.mark.parametrize("preset", TREES)
def test_a_preset_on_a_complete_copy(project, preset, monkeypatch):
    folder, write = TREES[preset]
    write(project.folder / folder)
    with_frame_rate(project.folder / f"config/{preset}.yaml")
    weights = Config.load(str(project.folder / f"config/{preset}.yaml")).features.weights
    if weights is not None:
        if preset == "samm":  # planning asks for the weights file before anything is decoded
            without = snakemake(project, preset, "results/table.csv", "--dry-run")
            assert f"there is no file {weights.path}" in without.stdout + without.stderr
        place = project.folder / weights.path
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"")  # no plan looks into it
    done = snakemake(project, preset, "results/table.csv", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, flags=re.MULTILINE))
    assert {rule: int(counts[rule]) for rule in JOBS[preset]} == JOBS[preset]
    # The counts of data.expected hold, and nothing stops the run that the preset does not allow.
    monkeypatch.chdir(project.folder)
    config = Config.load(f"config/{preset}.yaml")
    run_stage("index", config, manifest=Path("results/manifest.csv"))
    clips = manifest.read("results/manifest.csv")
    assert len(clips) == config.data.expected.clips or preset == "fourdme"
    # MEGC 2019 holds SMIC, the only release without action units.
    assert {bool(clip.action_units) for clip in clips} == {
        "smic": {False},
        "megc": {False, True},
    }.get(preset[:4], {True})
    assert config.train.seeds == [0, 1, 2]  # mean and standard deviation


# The preset without a GPU has another network.
@pytest.mark.parametrize("preset", sorted({*TREES} - {"smic_hs_cpu"}))
def test_every_row_of_a_presets_ablation_can_be_run(tmp_path, preset, monkeypatch):
    folder, write = TREES[preset]
    write(tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / f"config/{preset}.yaml", "preset.yaml")
    with_frame_rate(Path("preset.yaml"))
    layers = [
        yaml.safe_load(path.read_text()) for path in (ROOT / "config.yaml", Path("preset.yaml"))
    ]
    plan = Plan(overlaid(*layers))
    runs = plan.ablation()
    # The default; three other methods; head, feature mode and blocks; two other weights.
    assert len({(run.name, run.n) for run in runs}) == 9
    assert {plan.variant(run.variant).features.backbone for run in runs} == {
        *("resnet50_vggface2", "resnet50_imagenet", "random_resnet50")
    }
    networks = {Path(path).parts[2] for path in plan.ablation_features()}
    assert len(networks) == 4


def test_every_preset_of_a_release_is_here():
    names = {path.stem for path in (ROOT / "config").glob("*.yaml")}
    assert names - {"config", "ci", "video_example"} == set(TREES)


def test_a_refused_data_set_leaves_its_report_and_no_manifest(project):
    casme2_tree(project.folder / "CASME2")
    (project.folder / "CASME2/CASME2_RAW_selected/sub01/EP99_99").mkdir()
    done = snakemake(project, "casme2", "results/manifest.csv")
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "data.allow does not name: unlisted_clips 1" in text
    assert "Traceback" not in text
    report = (project.folder / "results/manifest_report.csv").read_text()
    assert "CASME2_RAW_selected/sub01/EP99_99 is in no row" in report
    assert not (project.folder / "results/manifest.csv").exists()
