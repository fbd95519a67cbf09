"""Whatever a stage runs is in its fingerprint: nothing that ran could change unnoticed."""

from __future__ import annotations

import json
import sys

import pytest

pytestmark = pytest.mark.workflow
# Runs a job of each stage that is on record, and prints which functions of the package ran.
SCRIPT = """
import json, sys, warnings
from pathlib import Path
import microexpr
from microexpr.adopt.jobs import current_jobs
from microexpr.pipeline import record
from microexpr.fingerprints.definitions import Reference
from microexpr.fingerprints.meaning import neutral
from microexpr.cli import main

PACKAGE = Path(microexpr.__path__[0])
wanted, ran = sys.argv[1:], {}

def module_of(path):
    parts = Path(path).relative_to(PACKAGE).with_suffix("").parts
    return ".".join(["microexpr", *parts]).removesuffix(".__init__")

def note(frame, event, argument):
    path = frame.f_code.co_filename
    if event != "call" or not path.startswith(str(PACKAGE)):
        return
    caller = frame.f_back
    if caller is not None and caller.f_code.co_filename == warnings.__file__:
        return  # how a warning is shown changes no result
    while caller is not None and not caller.f_code.co_filename.startswith(str(PACKAGE)):
        caller = caller.f_back
    # What neutral code does for itself, such as to verify a cache, changes no result.
    if caller is None or caller.f_code.co_name == "<module>":  # an import
        return
    if neutral(Reference(module_of(caller.f_code.co_filename), "")):
        return
    calls.add((module_of(path), frame.f_code.co_qualname.partition(".")[0]))

jobs = {job.stage: job for job in current_jobs(record.read())}
for stage in wanted:
    calls = ran.setdefault(stage, set())
    words = ["stage", *jobs[stage].words]
    sys.setprofile(note)
    status = main(words)
    sys.setprofile(None)
    assert status == 0, words
print(json.dumps({
    stage: sorted(call for call in calls if not call[1].startswith("<"))
    for stage, calls in ran.items()
}))
"""
COVERS = """
import json, sys
from microexpr.fingerprints.code import functions
from microexpr.fingerprints.definitions import Reference, read
from microexpr.fingerprints.code import reached
from microexpr.fingerprints.meaning import neutral
from microexpr.fingerprints.effects import speaks_only

missing = {}
for stage, calls in json.load(sys.stdin).items():
    known = reached(functions()[stage])
    for module, name in calls:
        reference = Reference(module, name)
        source = read(module)
        silent = any(speaks_only(s, source) for s in source.defined.get(name, []))
        if reference not in known and not neutral(reference) and not silent:
            missing.setdefault(stage, []).append(f"{module}.{name}")
print(json.dumps(missing))
"""
STAGES = ("decode", "crop", "magnify", "features", "split", "train", "evaluate")


def python(project, script, *arguments, given=None):
    done = project.execute(sys.executable, "-c", script, *arguments, given=given)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def test_what_runs_is_covered(finished, tmp_path):
    copy = finished.copy(tmp_path / "copy")
    ran = python(copy, SCRIPT, *STAGES)
    assert {stage: len(calls) > 5 for stage, calls in json.loads(ran).items()} == dict.fromkeys(
        STAGES, True
    )
    assert json.loads(python(copy, COVERS, given=ran)) == {}
