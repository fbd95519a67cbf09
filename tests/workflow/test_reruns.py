"""A change reruns what depends on it, and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from microexpr.fingerprints import code, definitions, meaning
from microexpr.pipeline import record
from project import ROOT

pytestmark = pytest.mark.workflow
TABLE_STAGES = {"magnify": 2, "features": 2, "train": 2, "evaluate": 1}
# Edits that can change results, with the jobs of the smallest run that they plan. Each text stands
# once in the package.
NUMBERS = {
    "a filter": ("{1: 1.0, 2: 0.75}", "{1: 0.9, 2: 0.75}", TABLE_STAGES),
    "the face detector": (
        "sigma > 0.3",
        "sigma > 0.2",
        # The frames are temporary: they are decoded again, and their record is compared again.
        {
            "decode": 2,
            "split": 1,
            "crop": 2,
            "magnify": 2,
            "features": 4,
            "train": 4,
            "evaluate": 1,
        },
    ),
    "the optimiser": ("0.9, 0.999,", "0.9, 0.99,", {"train": 4, "evaluate": 1}),
    "an interval": ("(1 + level) / 2)", "(1 + level) / 3)", {"evaluate": 1}),
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
    (source / "magnify/temporal.py").rename(source / "protocol/filters.py")
    replaced(r"microexpr\.magnify\.temporal\b", "microexpr.protocol.filters")(source)


# Edits that cannot change a result.
HARMLESS = {
    "a log line": replaced(r'log\.(info|warning)\(\s*"', r'log.\1("In other words: '),
    "a new log line": replaced(
        r"^    first = clip\.data\[",
        '    log.info("%s", settings)\n    first = clip.data[',
        under="cache/clips.py",
    ),
    "an error text": replaced(r'raise (\w+Error)\((\s*)f"', r'raise \1(\2f"In other words: '),
    "a docstring": replaced(r'^    """(\w)', r'    """Now: \1'),
    "a comment": replaced(r"^from __future__", "# Looked at again.\nfrom __future__", most=1),
    "a type hint": replaced(r"\) -> None:", ") -> object:"),
    "a parameter's type": replaced(r"\bPath, ", "object, ", under="stages/*.py"),
    "how often progress is told": replaced(
        r"^LOG_EVERY_S = .*$", "LOG_EVERY_S = 99.0", under="runtime/progress.py"
    ),
    "what progress says": replaced(r'track\((.*), "(\w+)"\)', r'track(\1, "now \2")'),
    "when a file counts as abandoned": replaced(
        r"^ABANDONED_S = .*$", "ABANDONED_S = 7.0", under="runtime/files.py"
    ),
    "a helper for files": replaced(
        r"^    path = Path\(path\)$", "    path = Path(path).absolute()", under="runtime/files.py"
    ),
    "how threads are set": replaced(
        r"cv2\.setNumThreads\(threads\)",
        "cv2.setNumThreads(max(threads, 1))",
        under="runtime/resources.py",
    ),
    "memory that is kept": replaced(r"kept_bytes=\w+", "kept_bytes=1e6", under="stages/*.py"),
    "what a stage says of a file": replaced(
        r'(Reads|Writes)\("', r'\1("now: ', under="stages/*.py"
    ),
    "what a stage says of an option": replaced(r'Option\("', 'Option("now: ', under="stages/*.py"),
    "the command line": replaced(r'help="', 'help="now: ', under="cli/*.py"),
    "a description of a key": replaced(r'description="', 'description="now: '),
    "a moved module": moved,
    "a renamed function": replaced(r"\bclip_transform\b", "transform_of_clip"),
    "a renamed constant": replaced(r"\bTRANSITION_OCTAVES\b", "STEEPNESS"),
    "an unused constant": replaced(
        r"^from __future__ import annotations$",
        "from __future__ import annotations\n\nUNUSED = 1",
        most=1,
    ),
}


@pytest.fixture
def source(tmp_path):
    """Copy the source of the package, to be edited."""
    return shutil.copytree(
        ROOT / "src/microexpr", tmp_path / "microexpr", ignore=shutil.ignore_patterns("__pycache__")
    )


@pytest.fixture
def codes(monkeypatch):
    """Compute the fingerprints of all stages from a folder of source; nothing of it is imported."""

    def forget():
        for known in (k for m in (definitions, code, meaning) for k in vars(m).values()):
            if hasattr(known, "cache_clear"):
                known.cache_clear()

    def read(folder):
        monkeypatch.setattr(definitions, "PACKAGE", folder)
        forget()
        return {name: found.fingerprint for name, found in record.codes().items()}

    yield read
    monkeypatch.undo()
    forget()


@pytest.fixture(scope="module")
def before():
    """Return the fingerprints of the source as it is."""
    return {name: found.fingerprint for name, found in record.codes().items()}


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


@pytest.fixture
def copy(finished, tmp_path):
    return finished.copy(tmp_path / "copy")


def test_nothing_to_do_when_nothing_changed(finished):
    assert finished.planned() == {}


def test_alpha_reruns_magnification_and_not_the_crops(finished):
    assert finished.planned("magnify: {alpha: 5}") == TABLE_STAGES


def test_another_n_computes_no_feature(finished):
    # All N of a method are one job for each chunk, which finds the folds of the others.
    assert finished.planned("windows: {n: [7, 9, 11]}") == {"train": 4, "evaluate": 1}
    assert finished.planned("windows: {n: [7]}") == {"evaluate": 1}


def test_another_method_leaves_the_others_alone(finished):
    planned = finished.planned("magnify: {methods: [pmm, none, amm]}")
    assert planned == {"magnify": 2, "features": 2, "train": 2, "evaluate": 1}


def test_a_new_subject_recomputes_its_shard_and_the_folds(finished):
    planned = finished.planned("demo: {subjects: 5}")
    # s3 is joined by s4 in a new shard, s5 stands alone; s1-s2 keeps its files.
    assert planned == {
        **{"demo": 2, "decode": 2, "crop": 2, "magnify": 2},
        **{"split": 1, "features": 4, "train": 4, "evaluate": 1},
    }


def test_a_copy_with_other_dates_recomputes_nothing(finished, tmp_path):
    folder = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(finished.folder), str(folder)], check=True)
    copy = type(finished)(folder)
    assert copy.planned() == {}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_reruns_its_stage_and_what_follows(copy, number):
    old, new, planned = NUMBERS[number]
    (path,) = [p for p in copy.folder.rglob("src/**/*.py") if old in p.read_text()]
    path.write_text(path.read_text().replace(old, new, 1))
    assert copy.planned() == planned


def test_what_cannot_change_a_result_keeps_every_fingerprint(source, codes, before):
    """Make all edits at once; one by one only to name those that count after all."""
    for edit in HARMLESS.values():
        edit(source)
    found = codes(source)
    assert found.keys() == before.keys()
    guilty = {}
    for name, edit in HARMLESS.items() if found != before else ():
        again = shutil.copytree(ROOT / "src/microexpr", source.with_name(f"with {name}"))
        edit(again)
        if counts := changed(before, codes(again)):
            guilty[name] = counts
    assert found == before, guilty


def test_what_cannot_change_a_result_plans_nothing(copy):
    for edit in HARMLESS.values():
        edit(copy.folder / "src/microexpr")
    assert copy.planned() == {}


def test_other_code_of_a_stage_is_that_stage_alone(source, codes, before):
    """Edit half of the stages at a time: any two of them are edited apart once, either way."""
    stages = list(code.functions())
    texts = {path: path.read_text() for path in source.glob("stages/*.py")}
    for bit in range(len(stages).bit_length()):
        for half in (0, 1):
            chosen = {stage for n, stage in enumerate(stages) if n >> bit & 1 == half}
            for path, text in texts.items():
                path.write_text(with_other_code(text, chosen))
            found = {name.partition(":")[0] for name in changed(before, codes(source))}
            assert found == chosen


def with_other_code(text, chosen):
    """Add a statement to the functions of some stages."""
    for stage in chosen:
        if (start := text.find(f"\ndef {stage}(")) >= 0:
            end = text.index('"""', text.index('"""', start) + 3) + 3
            text = text[:end] + '\n    globals()["CHANGED"] = True\n' + text[end:]
    return text
