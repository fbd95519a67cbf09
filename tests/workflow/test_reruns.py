"""A change reruns what depends on it, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from microexpr.fingerprints.code import stages

pytestmark = pytest.mark.workflow
CODES = (
    "import json; from microexpr.pipeline.record import codes; "
    "print(json.dumps({name: code.fingerprint for name, code in codes().items()}))"
)
TABLE_STAGES = {"magnify": 2, "features": 2, "train": 4, "evaluate": 1}
# Edits that can change results, with the jobs of the smallest run that they plan.
NUMBERS = {
    "magnify/phase_magnifier.py": ("HIGH_OCTAVES = 0.5", "HIGH_OCTAVES = 0.45", TABLE_STAGES),
    "faces.py": (
        "sigma > 0.3",
        "sigma > 0.2",
        {"decode": 2, "crop": 2, "magnify": 2, "features": 4, "train": 8, "evaluate": 1},
    ),
    "training/optimiser.py": ("0.999", "0.99", {"train": 8, "evaluate": 1}),
    "evaluation/intervals.py": ("(1 - confidence) / 2,", "(1 - confidence) / 3,", {"evaluate": 1}),
}


def replaced(pattern, new, *, under="**/*.py", most=0):
    """Give an edit of all files: a regular expression that is replaced."""

    def edit(source):
        count = 0
        for path in sorted(source.glob(under)):
            text, here = re.subn(pattern, new, path.read_text(), count=most, flags=re.MULTILINE)
            path.write_text(text)
            count += here
        assert count, "the edit has found nothing to change"

    return edit


def moved(source):
    """Move a module and let everybody import it from its new place."""
    (source / "magnify/local_phase.py").rename(source / "magnify/phases.py")
    replaced(r"magnify\.local_phase", "magnify.phases")(source)


# Edits that cannot change a result.
HARMLESS = {
    "a log line": replaced(r'log\.(info|warning)\(\s*"', r'log.\1("In other words: '),
    "a new log line": replaced(
        r"^    settings = config\.crop$",
        '    settings = config.crop\n    log.info("%s", settings)',
        under="stages/crop.py",
    ),
    "an error text": replaced(r'raise (\w+Error)\((\s*)f"', r'raise \1(\2f"In other words: '),
    "a docstring": replaced(r'^    """(\w)', r'    """Now: \1'),
    "a comment": replaced(r"^from __future__", "# Looked at again.\nfrom __future__", most=1),
    "a type hint": replaced(r"\) -> None:", ") -> object:"),
    "a parameter's type": replaced(r"\bPath, ", "object, ", under="stages/*.py"),
    "how often progress is told": replaced(
        r"^LOG_EVERY_S = .*$", "LOG_EVERY_S = 99.0", under="progress.py"
    ),
    "what progress says": replaced(r'track\((.*), "(\w+)"\)', r'track(\1, "now \2")'),
    "when a file counts as abandoned": replaced(
        r"^ABANDONED_S = .*$", "ABANDONED_S = 7.0", under="files.py"
    ),
    "a helper for files": replaced(
        r"^    path = Path\(path\)$", "    path = Path(path).absolute()", under="files.py"
    ),
    "how threads are set": replaced(
        r"cv2\.setNumThreads\(threads\)", "cv2.setNumThreads(max(threads, 1))", under="threads.py"
    ),
    "memory that is kept": replaced(r"^KEPT_BYTES = .*$", "KEPT_BYTES = 1e6", under="stages/*.py"),
    "the command line": replaced(r'help="', 'help="now: ', under="cli/*.py"),
    "a description of a key": replaced(r'description="', 'description="now: '),
    "a moved module": moved,
    "a renamed function": replaced(r"\bclip_transform\b", "transform_of_clip"),
    "a renamed constant": replaced(r"\bHIGH_OCTAVES\b", "STEEPNESS"),
    "an unused constant": replaced(
        r"^from __future__ import annotations$",
        "from __future__ import annotations\n\nUNUSED = 1",
        most=1,
    ),
}


def codes(project):
    """Read the fingerprints of all stages of a copy, by name."""
    done = subprocess.run(
        [sys.executable, "-c", CODES],
        cwd=project.folder,
        env=project.environment(),
        text=True,
        capture_output=True,
        check=True,
    )
    return json.loads(done.stdout)


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


@pytest.fixture(scope="module")
def before(finished):
    return codes(finished)


@pytest.fixture
def copy(finished, tmp_path):
    return finished.copy(tmp_path / "copy")


def test_nothing_to_do_when_nothing_changed(finished):
    assert finished.planned() == {}


def test_alpha_reruns_magnification_and_not_the_crops(finished):
    assert finished.planned("magnify: {alpha: 5}") == TABLE_STAGES


def test_another_n_computes_no_feature(finished):
    assert finished.planned("windows: {n: [7, 9, 11]}") == {"train": 4, "evaluate": 1}


def test_another_method_leaves_the_others_alone(finished):
    planned = finished.planned("magnify: {methods: [pmm, none, amm]}")
    assert planned == {"magnify": 2, "features": 2, "train": 4, "evaluate": 1}


def test_a_new_subject_recomputes_its_shard_and_the_folds(finished):
    planned = finished.planned("demo: {subjects: 5}")
    # s3 is joined by s4 in a new shard, s5 stands alone; s1-s2 keeps its files.
    assert planned == {
        **{"demo": 2, "decode": 2, "crop": 2, "magnify": 2},
        **{"split": 1, "features": 4, "train": 8, "evaluate": 1},
    }


def test_a_copy_with_other_dates_recomputes_nothing(finished, tmp_path):
    folder = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(finished.folder), str(folder)], check=True)
    copy = type(finished)(folder)
    assert copy.planned() == {}


@pytest.mark.parametrize("file", NUMBERS)
def test_a_number_reruns_its_stage_and_what_follows(copy, file):
    old, new, planned = NUMBERS[file]
    path = copy.folder / "src/microexpr" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    assert copy.planned() == planned


@pytest.mark.parametrize("edit", HARMLESS)
def test_what_cannot_change_a_result_plans_nothing(copy, before, edit):
    HARMLESS[edit](copy.folder / "src/microexpr")
    assert changed(before, codes(copy)) == set()


def test_all_harmless_edits_together_plan_nothing(copy):
    for edit in ("a log line", "an error text", "a docstring", "a type hint", "the command line"):
        HARMLESS[edit](copy.folder / "src/microexpr")
    assert copy.planned() == {}


@pytest.mark.parametrize("stage", stages())
def test_other_code_of_a_stage_is_that_stage_alone(copy, before, stage):
    path = copy.folder / f"src/microexpr/stages/{stage}.py"
    text = path.read_text()
    start = text.index("\ndef run(")
    end = text.index('"""', text.index('"""', start) + 3) + 3
    path.write_text(text[:end] + '\n    globals()["CHANGED"] = True\n' + text[end:])
    found = {name.partition(":")[0] for name in changed(before, codes(copy))}
    assert found == {stage}
