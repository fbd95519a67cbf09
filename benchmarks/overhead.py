"""What Snakemake itself costs: planning the demo and a set of the size of SMIC-HS, and each job.

    python benchmarks/overhead.py [--run] [--json FILE]

Planning is a dry run of ``results/table.csv``. With ``--run`` the smallest configuration
(config/ci.yaml) is run with one core; what its jobs' own benchmark files do not account for is
Snakemake's. Limit: planning the set of SMIC-HS takes less than 10 s.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "config", "workflow", "profiles", "envs", "src")
LIMIT_S = 10.0
# Clips of SMIC-HS's subjects, 164 in all; the frames are empty files, which planning only lists.
CLIPS = {1: 6, 2: 6, 3: 39, 4: 19, 5: 2, 6: 4, 8: 13, 9: 4, 11: 7, 12: 9, 13: 10, 14: 10}
CLIPS |= {15: 4, 18: 7, 19: 2, 20: 22}
FRAMES = 33


def copy_project(folder: Path) -> Path:
    """Copy what Snakemake needs, so that results lie elsewhere."""
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    return folder


def list_smic(folder: Path) -> None:
    """Make the folders of SMIC-HS with empty frames."""
    for subject, count in CLIPS.items():
        for number in range(1, count + 1):
            clip = folder / f"SMIC_all_raw/HS/s{subject}/micro/negative/s{subject}_ne_{number:02d}"
            clip.mkdir(parents=True)
            for counter in range(FRAMES):
                (clip / f"image{100000 + counter}.bmp").touch()


def snakemake(folder: Path, *arguments: str) -> tuple[str, float, float]:
    """Run Snakemake; return its output, wall seconds and CPU seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments, "--", "results/table.csv"],
        cwd=folder,
        env=dict(os.environ, PYTHONPATH=str(folder / "src"), OMP_NUM_THREADS="1"),
        text=True,
        capture_output=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, time.perf_counter() - start, cpu_s


def plan(folder: Path, name: str, *arguments: str) -> dict[str, Any]:
    """Time a dry run."""
    output, wall_s, cpu_s = snakemake(folder, "--dry-run", *arguments)
    (jobs,) = re.findall(r"^total +(\d+)$", output.split("Job stats:")[-1], flags=re.MULTILINE)
    print(f"| {name} | {jobs} | {wall_s:.1f} | {cpu_s:.1f} |", flush=True)
    return {"name": name, "jobs": int(jobs), "wall_s": wall_s, "cpu_s": cpu_s}


def job_overhead(folder: Path) -> dict[str, float]:
    """Run the smallest configuration; return the time per job that its command does not take."""
    _, wall_s, _ = snakemake(folder, "--configfile", "config/ci.yaml")
    files = list((folder / "results/benchmarks").rglob("*.tsv"))
    rows = [next(csv.DictReader(f.open(encoding="utf-8"), delimiter="\t")) for f in files]
    jobs_s = sum(float(row["s"]) for row in rows)
    overhead_s = (wall_s - jobs_s) / len(files)
    print(
        f"\nconfig/ci.yaml: {len(files)} jobs in {wall_s:.1f} s, their commands {jobs_s:.1f} s: "
        f"Snakemake takes {overhead_s:.2f} s per job, planning included"
    )
    return {"jobs": len(files), "wall_s": wall_s, "jobs_s": jobs_s, "overhead_s": overhead_s}


def main() -> int:
    """Print the table; exit status 1 where the limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true", help="also run config/ci.yaml")
    parser.add_argument("--json", type=Path, help="write all figures")
    arguments = parser.parse_args()
    print(f"load average: {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    print("\n| planned | jobs | wall s | CPU s |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = copy_project(Path(temporary))
        list_smic(folder / "SMIC")
        found: dict[str, Any] = {"plans": [plan(folder, "demo")]}
        # With weights from the package, since planning checks that a weights file is there.
        network = {"backbone": "mobilenet_vggface2", "cut": 13, "weights": None}
        (folder / "network.yaml").write_text(json.dumps({"features": network}), encoding="utf-8")
        smic = plan(folder, "SMIC-HS", "--configfile", "config/smic_hs.yaml", "network.yaml")
        found["plans"].append(smic)
        if arguments.run:
            found["run"] = job_overhead(folder)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    held = smic["cpu_s"] < LIMIT_S
    print(f"\nplanning SMIC-HS below {LIMIT_S:g} s of CPU: {'held' if held else 'MISSED'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
