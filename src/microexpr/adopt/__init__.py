"""Adopt changed code: show on a sample that results stay what they are, and note that."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from microexpr.adopt.jobs import Job, current_jobs
from microexpr.adopt.samples import sampled
from microexpr.errors import DataError, MicroexprError
from microexpr.fingerprints.code import ADOPTED, CANDIDATE, Code, adopted, canonical
from microexpr.pipeline import record
from microexpr.runtime.files import read_note, write_json
from microexpr.runtime.progress import track

# Samples that were found equal: a run that was killed goes on after them.
PROGRESS = Path(".snakemake/microexpr/adopt.json")
Ledger = dict[str, dict[str, str]]  # by stage, the old code that a new one is equal to


@dataclass(frozen=True)
class Outcome:
    """What a comparison came to, by the name of the code."""

    equal: dict[str, int] = field(default_factory=dict)
    different: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)


def run() -> Outcome:
    """Adopt the code as it is, in a project's folder, for all stages whose samples are equal."""
    last = record.read()
    if not last.code:
        raise DataError(f"{record.RECORD}: nothing was run here yet; run snakemake first")
    now = record.codes()
    known = [code for name, code in now.items() if name in last.code]
    changed = [code.name for code in known if code.accepted != _before(code, last)]
    updated = bool(record.other_libraries())
    if not changed and not updated:
        return Outcome()
    ledger = _ledger({name: now[name] for name in changed}, last)
    with _candidate(ledger):
        outcome = _compare(current_jobs(last), list(now) if updated else changed, changed, ledger)
    good = {name: now[name] for name in changed if name in outcome.equal}
    if good:
        write_json(ADOPTED, {"stages": _ledger(good, last)})
    if updated and not outcome.different:
        record.write(last.config)
    PROGRESS.unlink(missing_ok=True)
    return outcome


def _before(code: Code, last: record.Run) -> str:
    """Return the code of the last run, or the older one that it was found equal to."""
    return canonical(code.stage, last.code[code.name][-1])


def _ledger(changed: Mapping[str, Code], last: record.Run) -> Ledger:
    """Return what is adopted, with the changed code as equal to that of the last run."""
    ledger = {stage: dict(known) for stage, known in adopted().items()}
    for code in changed.values():
        ledger.setdefault(code.stage, {})[code.fingerprint] = _before(code, last)
    return ledger


def _compare(
    jobs: Sequence[Job], names: Sequence[str], changed: Sequence[str], ledger: Ledger
) -> Outcome:
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.code, []).append(job)
    compared = {name: groups[name] for name in names if name in groups}
    before, different = read_note(PROGRESS), dict[str, str]()
    done = before["equal"] if before.get("ledger") == ledger else []
    for name, job in track([(n, job) for n, mine in compared.items() for job in mine], "adopt"):
        if job.command in done:
            continue
        if found := _difference(job, jobs):
            different.setdefault(name, found)
        else:
            done.append(job.command)
            write_json(PROGRESS, {"ledger": ledger, "equal": done})
    equal = {name: len(mine) for name, mine in compared.items() if name not in different}
    return Outcome(equal, different, [name for name in changed if name not in groups])


def _difference(job: Job, jobs: Sequence[Job]) -> str:
    folder = Path(tempfile.mkdtemp(prefix="microexpr-adopt-"))
    try:
        found = sampled(job, jobs, folder)
        return found if not found or found.startswith("results/") else f"{job.outputs[0]}: {found}"
    except MicroexprError as error:
        return f"{job.outputs[0]}: cannot be compared: {error}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _candidate(ledger: Ledger) -> Iterator[None]:
    """Accept results of the old code as current while jobs are planned and compared."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "adopted.json"
        write_json(place, {"stages": ledger})
        os.environ[CANDIDATE] = str(place)
        try:
            yield
        finally:
            del os.environ[CANDIDATE]
