"""Run every stage undisturbed, asked to end, killed, on edited tables and on bad disks.

A program of its own, started in a mount namespace: ``unshare --mount python every_stage.py
FOLDER``. FOLDER becomes a small disk that is gone when this program ends. The working folder is a
finished project. What happened is printed as JSON.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import yaml
from stage_commands import SETTINGS, every_stage, tables_read

import microexpr
from microexpr.cache import verify
from microexpr.cli import main
from microexpr.config import Config
from microexpr.protocol import predictions
from microexpr.runtime.tables import check_seal
from microexpr.studies.ablation import AblationSettings, rows

Seen = dict[str, dict[str, object]]  # what happened, of each stage


def start(arguments: list[object], log: Path) -> int:
    """Run a command in a child, which ends as any process does; give its process number."""
    child = os.fork()
    if child == 0:
        sys.stderr = sys.stdout = log.open("w")
        os.dup2(sys.stderr.fileno(), 2)
        sys.argv = ["microexpr", *(str(argument) for argument in arguments)]
        code = 1
        try:
            code = main()
        except BaseException:  # the interpreter itself would do no more
            traceback.print_exc()
        gc.collect()  # what lets go of its file only now
        sys.stderr.flush()
        os._exit(code)  # torch alone takes two seconds to leave
    return child


def run(arguments: list[object], log: Path) -> int:
    """Run a command; give its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(start(arguments, log), 0)[1])


def stop(
    arguments: list[object], log: Path, longest_s: float, number: int
) -> tuple[float, int, float]:
    """Send a command a signal at a random moment.

    Give the seconds that it had, its exit code, and the seconds that it took to end.
    """
    after_s = random.uniform(0, longest_s)
    while True:
        child = start(arguments, log)
        time.sleep(after_s)
        os.kill(child, number)
        sent = time.monotonic()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != 0:
            return after_s, code, time.monotonic() - sent
        after_s /= 2  # it was faster this time


def fill(disk: Path) -> None:
    """Leave no byte."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


def clear(disk: Path) -> None:
    """Remove what the stage before left."""
    for path in disk.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def files(folder: Path) -> list[str]:
    """List files; finished folds, which serve the next training, say how long they took."""
    found = [p for p in folder.rglob("*") if p.is_file() and p.parent.suffix != ".folds"]
    return sorted(str(p.relative_to(folder)) for p in found)


def outcome(code: int, log: Path) -> dict[str, object]:
    """Return what a command printed, and its exit code."""
    return {"code": code, "lines": [line for line in log.read_text().splitlines() if line]}


def undisturbed(made: Path, config: Path, log: Path) -> Seen:
    """Run all stages on a good disk, where later ones find what they read."""
    found = {}
    for stage, arguments in every_stage(made, made, config).items():
        started = time.monotonic()
        code = run(arguments, log)
        found[stage] = outcome(code, log) | {"took_s": time.monotonic() - started}
        if stage == "train":
            write_rows(made)
    return found


def killed(folder: Path, made: Path, config: Path, log: Path, well: Seen) -> Seen:
    """Kill all stages at random moments and run them again; give the files that came out other."""
    found = {}
    for stage, arguments in every_stage(folder, made, config).items():
        clear(folder)
        after_s, _, _ = stop(arguments, log, well[stage]["took_s"], signal.SIGKILL)
        left = [name for name in files(folder) if (made / name).exists()]
        torn = differing(folder, made, left)
        code = run(arguments, log)
        written = files(folder)
        found[stage] = outcome(code, log) | {
            "after_s": after_s,
            "torn": torn,
            "written": written,
            "other": differing(folder, made, written),
        }
    return found


def interrupted(folder: Path, made: Path, config: Path, log: Path, well: Seen) -> Seen:
    """Ask all stages to end, each by one of three signals at a random moment."""
    found = {}
    for stage, arguments in every_stage(folder, made, config).items():
        clear(folder)
        sent = random.choice((signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
        after_s, code, took_s = stop(arguments, log, well[stage]["took_s"], sent)
        left = files(folder)
        found[stage] = outcome(code, log) | {
            **{"sent": sent, "after_s": after_s, "took_s": took_s},
            "hidden": [name for name in left if Path(name).name.startswith(".")],
            "torn": differing(folder, made, [name for name in left if (made / name).exists()]),
        }
    return found


def differing(folder: Path, made: Path, names: list[str]) -> list[str]:
    """Give the files that differ from those of an undisturbed run, or are not among them."""
    return [
        name
        for name in names
        if not (made / name).exists() or content(folder / name) != content(made / name)
    ]


def content(path: Path) -> object:
    """Give what does not change from run to run."""
    if path.name.endswith(".epochs.csv"):
        return pd.read_csv(path).drop(columns="seconds").to_dict()
    if path.name.endswith(".mp4.json"):
        about = json.loads(path.read_text(encoding="utf-8"))
        return {key: about[key] for key in about.keys() - {"seconds", "output"}}
    if path.name.endswith(".epochs.csv.sha256"):  # of what differs in its times
        return len(check_seal(path.with_suffix("")))
    if path.suffix == ".h5" and path.name != "maps.h5":  # a cache, with times of its own
        return verify(path)
    return path.read_bytes()


def hindered(disk: Path, made: Path, config: Path, log: Path, how: str) -> Seen:
    """Run all stages on a disk that is nearly full, wholly full or read-only."""
    found = {}
    for stage, arguments in every_stage(disk, made, config).items():
        if how != "read-only":
            clear(disk)
        if how == "wholly":
            fill(disk)
        code = run(arguments, log)
        found[stage] = outcome(code, log) | {"left": files(disk)}
    return found


def edited(folder: Path, made: Path, config: Path, log: Path) -> Seen:
    """Change one digit of each table that a stage reads; give what the stage says of it."""
    found = {}
    for stage, arguments in every_stage(folder, made, config).items():
        clear(folder)
        for path in tables_read(stage, arguments, made):
            clear(folder)
            with one_digit_changed(path):
                code = run(arguments, log)
            about = {"stage": stage, "path": str(path), "left": files(folder)}
            found[f"{stage}, {path}"] = outcome(code, log) | about
    return found


@contextmanager
def one_digit_changed(path: Path) -> Iterator[None]:
    """Change the last digit of a file, and put everything back, its time too."""
    content, times = path.read_bytes(), path.stat()
    at = max(content.rfind(digit) for digit in b"0123456789")
    changed = b"5" if content[at : at + 1] != b"5" else b"6"
    path.write_bytes(content[:at] + changed + content[at + 1 :])
    yield
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def write_rows(made: Path) -> None:
    """Answers of one run under the names of all rows of the ablation."""
    answers = pd.read_csv(made / "train.csv", dtype=str, keep_default_na=False)
    systems = [row.system for row in rows(AblationSettings.of(Config.parse(SETTINGS)))]
    named = [
        answers.assign(method=method, feature_mode=feature_mode)
        for method, feature_mode, _ in systems
    ]
    predictions.write(made / "rows.csv", pd.concat(named))
    drawn = [answers.assign(method=f"none-redraw{k}", protocol="group_kfold") for k in (0, 1)]
    predictions.write(made / "redrawn.csv", pd.concat(drawn))
    wrong = [answers.assign(method=f"none{end}") for end in ("", "-onset1", "-offset1")]
    predictions.write(made / "wrong.csv", pd.concat(wrong))


def program(disk: Path) -> None:
    for module in pkgutil.walk_packages(microexpr.__path__, "microexpr."):
        # Loaded once for all children.
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()
    config, log = disk.with_name("config.yaml"), disk.with_name("log")
    made, again = disk.with_name("made"), disk.with_name("again")
    made.mkdir()
    again.mkdir()
    smallest = yaml.safe_load(Path("config/ci.yaml").read_text(encoding="utf-8"))
    config.write_text(json.dumps(smallest | SETTINGS), encoding="utf-8")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as a command finds it
    seed = int(os.environ.get("MICROEXPR_TEST_SEED") or random.randrange(10**9))
    random.seed(seed)
    found = {"well": undisturbed(made, config, log)}
    found["interrupted"] = interrupted(again, made, config, log, found["well"])
    found["killed"] = killed(again, made, config, log, found["well"])
    found["edited"] = edited(again, made, config, log)
    # The tables fit, no cache does.
    mount("-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk))
    for how in ("nearly", "wholly"):
        found[how] = hindered(disk, made, config, log, how)
    clear(disk)
    (disk / "frames.h5").write_text("an older result")
    mount("-o", "remount,ro", str(disk))
    found["read-only"] = hindered(disk, made, config, log, "read-only")
    print(json.dumps(found | {"made": files(made), "seed": seed}))


if __name__ == "__main__":
    program(Path(sys.argv[1]))
