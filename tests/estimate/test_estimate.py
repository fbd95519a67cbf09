"""What a run will cost: from work on a sample, for all clips, in the jobs that are planned."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from microexpr.cli import main
from microexpr.estimate import estimate
from microexpr.pipeline.plan import Plan
from project import ROOT

SMALLEST = yaml.safe_load((ROOT / "config/ci.yaml").read_text())


@pytest.fixture(autouse=True)
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_costs_are_of_the_jobs_that_snakemake_plans(study: Path) -> None:
    costs, seconds = estimate(Plan(SMALLEST | {"evaluate": {"controls": ["single_frame"]}}), 2)
    found = {cost.stage: cost for cost in costs}
    # As in tests/workflow/test_reruns.py: two shards, two methods, two chunks.
    assert {name: cost.jobs for name, cost in found.items()} == {
        **{"demo": 2, "decode": 2, "crop": 2, "magnify pmm": 2, "features": 4},
        **{"train": 4, "train_controls": 4},
    }
    assert all(cost.seconds > 0 for cost in costs)
    assert seconds == pytest.approx(sum(cost.seconds for cost in costs) / 2)
    pixels = 9 * 12 * 224 * 224 * 3  # about nine clips of twelve frames
    assert found["crop"].disk_bytes == pytest.approx(pixels, rel=0.15)
    assert found["magnify pmm"].disk_bytes == pytest.approx(pixels, rel=0.15)
    assert list(study.iterdir()) == []


def test_more_work_of_a_stage_costs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microexpr.estimate._start_s", lambda: 0.0)
    monkeypatch.setattr("microexpr.estimate.SCHEDULED_S", 0.0)

    def cost(changes: dict[str, object]) -> dict[str, float]:
        costs, _ = estimate(Plan(SMALLEST | changes), 1)
        return {c.stage: c.seconds for c in costs}

    train = SMALLEST["train"]
    less = cost({"train": train})
    more = cost({"train": train | {"epochs": 40, "seeds": [0, 1, 2]}})
    assert more["train"] > 5 * less["train"]


def test_the_command_says_the_whole_in_its_last_line(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate"]) == 2
    assert "there is no config.yaml here" in capsys.readouterr().err
    shutil.copy(ROOT / "config.yaml", study)
    assert main(["estimate", "--configfile", str(ROOT / "config/ci.yaml"), "--cores", "2"]) == 0
    printed = capsys.readouterr().out
    assert "magnify pmm" in printed
    assert printed.splitlines()[-1].startswith("results/table.csv: about ")
    (study / "bad.yaml").write_text("data: [")
    (study / "text.yaml").write_text("no sections")
    for name in ("gone.yaml", "bad.yaml", "text.yaml"):
        assert main(["estimate", "--configfile", name]) == 2
        assert f"estimate: {name}" in capsys.readouterr().err


def test_lengths_that_nobody_has_counted_are_asked_for(study: Path) -> None:
    for label in ("negative", "positive"):
        for subject in ("a", "b"):
            (study / "own" / label).mkdir(parents=True, exist_ok=True)
            (study / "own" / label / f"{subject}_{label}.mp4").write_bytes(b"x")
    data = {"kind": "folder", "root": "own", "labels": ["negative", "positive"]}
    with pytest.raises(Exception, match=r"not known yet: snakemake results/manifest\.csv first"):
        estimate(Plan({"data": data}), 1)
