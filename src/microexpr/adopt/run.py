"""Compare a sample of all results with the code as it is, and adopt what is equal."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from microexpr.adopt.jobs import Job, by_code, current_jobs
from microexpr.adopt.samples import sampled
from microexpr.errors import DataError, MicroexprError
from microexpr.fingerprints.code import ADOPTED, CANDIDATE, Code, adopted, canonical
from microexpr.pipeline import record
from microexpr.runtime.files import write_json
from microexpr.runtime.progress import track

log = logging.getLogger(__name__)
# Samples that were found equal: a run that was killed goes on after them.
PROGRESS = Path(".snakemake/microexpr/adopt.json")


@dataclass(frozen=True)
class Outcome:
    """What a comparison came to.

    Parameters
    ----------
    equal : list of str
        Names of code whose results are the same, with the number of samples.
    different : list of str
        One line per stage that gives something else, or that could not be compared.
    waiting : list of str
        Names of changed code of which nothing is there that could be compared.
    """

    equal: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)


def run() -> Outcome:
    """Adopt the code as it is for all stages whose samples are equal.

    Works in the folder of a project. Results are read only; ``results/adopted.json`` and the
    record of the run are written when all samples have been compared.

    Raises
    ------
    DataError
        When nothing was run here yet, or Snakemake cannot plan.
    """
    last = record.read()
    if not last.code:
        raise DataError(f"{record.RECORD}: nothing was run here yet; run snakemake first")
    now = record.codes()
    changed = _changed(last, now)
    updated = bool(record.other_libraries())
    if not changed and not updated:
        return Outcome()
    ledger = _ledger({name: now[name] for name in changed}, last)
    jobs = current_jobs(last, ledger)
    outcome = _compare(jobs, list(now) if updated else changed, changed, ledger)
    good = [name for name in changed if name.split(" ")[0] in _names(outcome.equal)]
    if good:
        write_json(ADOPTED, {"stages": _ledger({name: now[name] for name in good}, last)})
    if updated and not outcome.different:
        record.write(last.config)
    PROGRESS.unlink(missing_ok=True)
    return outcome


def _changed(last: record.Run, now: Mapping[str, Code]) -> list[str]:
    """List the code that is another one than that of the last run, and not adopted yet."""
    return [
        name
        for name, code in now.items()
        if name in last.code
        and canonical(code.stage, code.fingerprint) != canonical(code.stage, last.code[name][-1])
    ]


def _ledger(changed: Mapping[str, Code], last: record.Run) -> dict[str, dict[str, str]]:
    """Return what is adopted, with the changed code as equal to that of the last run."""
    ledger = {stage: dict(known) for stage, known in adopted().items()}
    for name, code in changed.items():
        old = canonical(code.stage, last.code[name][-1])
        ledger.setdefault(code.stage, {})[code.fingerprint] = old
    return ledger


def _compare(
    jobs: Sequence[Job],
    names: Sequence[str],
    changed: Sequence[str],
    ledger: Mapping[str, object],
) -> Outcome:
    outcome, groups = Outcome(), by_code(jobs)
    todo = [(name, job) for name in names for job in groups.get(name, [])]
    outcome.waiting.extend(name for name in changed if name not in groups)
    done = _progress(ledger)
    failed: dict[str, str] = {}
    with _candidate(ledger):
        for name, job in track(todo, "adopt"):
            if job.command in done:
                continue
            found = _difference(job, jobs)
            if found:
                failed.setdefault(name, found)
            else:
                done.append(job.command)
                write_json(PROGRESS, {"ledger": ledger, "equal": done})
    for name in dict.fromkeys(name for name, _ in todo):
        count = len(groups[name])
        if name in failed:
            outcome.different.append(f"{name}: {failed[name]}")
        else:
            outcome.equal.append(f"{name} ({count} samples)" if count > 1 else f"{name} (1 sample)")
    return outcome


def _names(lines: Sequence[str]) -> set[str]:
    return {line.split(" ")[0] for line in lines}


def _difference(job: Job, jobs: Sequence[Job]) -> str:
    folder = Path(tempfile.mkdtemp(prefix="microexpr-adopt-"))
    try:
        found = sampled(job, jobs, folder)
        return found if not found or found.startswith("results/") else f"{job.outputs[0]}: {found}"
    except MicroexprError as error:
        return f"{job.outputs[0]}: cannot be compared: {error}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _progress(ledger: Mapping[str, object]) -> list[str]:
    """Read which samples a run that was killed has found equal, under the same code."""
    try:
        values = json.loads(PROGRESS.read_text(encoding="utf-8"))
        return list(values["equal"]) if values["ledger"] == ledger else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


@contextmanager
def _candidate(ledger: Mapping[str, object]) -> Iterator[None]:
    """Accept results of the old code as current while they are compared."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "adopted.json"
        write_json(place, {"stages": ledger})
        before = os.environ.get(CANDIDATE)
        os.environ[CANDIDATE] = str(place)
        try:
            yield
        finally:
            os.environ.pop(CANDIDATE)
            if before is not None:
                os.environ[CANDIDATE] = before
