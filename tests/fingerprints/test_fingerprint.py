"""Fingerprints follow what a stage reaches, and ignore what changes no result."""

from __future__ import annotations

import pytest

from microexpr.cache import Provenance, create
from microexpr.cache.provenance import provenance
from microexpr.errors import CacheError
from microexpr.fingerprints import code, definitions, meaning
from microexpr.fingerprints.code import CHOICES, Code, functions
from microexpr.fingerprints.definitions import Reference

PHASE = """
import logging
from .filters import ideal

log = logging.getLogger(__name__)
LEVELS = 3

def pmm(frames):
    if not frames:
        raise ValueError("no frames")
    return ideal(frames) * LEVELS
"""
FILTERS = """
LOW = 0.2
HIGH = 2.4

def ideal(frames):
    return scaled(frames, LOW)

def scaled(frames, factor):
    return [frame * factor for frame in frames]

def other(frames):
    return scaled(frames, HIGH)
"""
TABLE = """
from dataclasses import dataclass

from microexpr.runtime.registry import Registry


@dataclass(frozen=True)
class Method:
    name: str
    function: str
    colour: str

    @property
    def code(self):
        return (self.function,)


METHODS = Registry(
    "methods", [Method("a", "toy.filters:ideal", "red"), Method("b", "toy.filters:other", "blue")]
)


def run(name, frames):
    return METHODS.load(name, "function")(frames)


def look(name):
    return METHODS[name].colour
"""
FILES = {"__init__.py": "", "phase.py": PHASE, "filters.py": FILTERS}


def forget() -> None:
    """Forget the source that was read."""
    for known in (
        definitions.read,
        definitions.path_of,
        meaning.meaning,
        code._spelt,
        code._memo,
    ):
        known.cache_clear()


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """Write a small package in place of this one; give the fingerprint of its function pmm."""
    monkeypatch.setattr(definitions, "PACKAGE", tmp_path / "toy")
    monkeypatch.setattr(definitions, "NAME", "toy")

    def write(files: dict[str, str]) -> str:
        (tmp_path / "toy").mkdir(exist_ok=True)
        for name, text in (FILES | files).items():
            (tmp_path / "toy" / name).write_text(text)
        forget()
        return code.fingerprint(Reference("toy.phase", "pmm"))

    yield write
    forget()


def changed(text: str, old: str, new: str) -> str:
    """Replace what is there."""
    assert old in text
    return text.replace(old, new)


MOVED = "\ndef scaled(frames, factor):\n    return [frame * factor for frame in frames]\n"
SAME = {
    "docstring": {
        "phase.py": changed(PHASE, "pmm(frames):\n", 'pmm(frames):\n    """Magnify."""\n')
    },
    "comment": {"filters.py": changed(FILTERS, "LOW = 0.2", "LOW = 0.2  # per frame")},
    "log line": {
        "phase.py": changed(
            PHASE, "    return", '    log.info("%d frames", len(frames))\n    return'
        )
    },
    "error text": {"phase.py": changed(PHASE, "no frames", "this clip has no frames")},
    "type hint": {
        "phase.py": changed(PHASE, "pmm(frames):", "pmm(frames: list[float]) -> list[float]:"),
        "filters.py": changed(FILTERS, "LOW = 0.2", "LOW: float = 0.2"),
    },
    "renamed helper": {"filters.py": FILTERS.replace("scaled", "weighted")},
    "moved helper": {
        "filters.py": "from .scaling import scaled\n" + changed(FILTERS, MOVED, ""),
        "scaling.py": MOVED,
    },
    "alias": {
        "phase.py": changed(PHASE, "import ideal", "import ideal as band").replace(
            "return ideal(", "return band("
        )
    },
    "what is not reached": {"filters.py": changed(FILTERS, "HIGH = 2.4", "HIGH = 9")},
}
OTHER = {
    "constant": {"phase.py": changed(PHASE, "LEVELS = 3", "LEVELS = 4")},
    "constant of another module": {"filters.py": changed(FILTERS, "LOW = 0.2", "LOW = 0.3")},
    "formula of a helper": {"filters.py": changed(FILTERS, "frame * factor", "frame + factor")},
    "another helper": {"phase.py": PHASE.replace("ideal", "other")},
    "kind of error": {"phase.py": changed(PHASE, "ValueError", "KeyError")},
    "condition": {"phase.py": changed(PHASE, "if not frames", "if frames")},
    "effect of an import": {"filters.py": FILTERS + "import numpy\nnumpy.seterr(all='ignore')\n"},
}


@pytest.mark.parametrize("edit", SAME)
def test_what_changes_no_result_keeps_the_fingerprint(edited, edit):
    assert edited(SAME[edit]) == edited({})


@pytest.mark.parametrize("edit", OTHER)
def test_what_may_change_a_result_changes_the_fingerprint(edited, edit):
    assert edited(OTHER[edit]) != edited({})


def test_of_a_registry_only_the_row_in_use_counts(edited, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    edited({"table.py": TABLE})
    methods = Reference("toy.table", "METHODS")

    def both(function: str, high: str = "2.4") -> list[str]:
        edited({"table.py": TABLE, "filters.py": changed(FILTERS, "HIGH = 2.4", f"HIGH = {high}")})
        root = Reference("toy.table", function)
        return [code.fingerprint(root, choice={methods: key}) for key in "ab"]

    before, after = both("run"), both("run", high="9")
    assert before[0] == after[0] != before[1] != after[1]
    assert both("look") == both("look", high="9")
    assert len(set(both("look"))) == 2


@pytest.mark.parametrize(
    ("stage", "choice", "own", "others"),
    [
        ("magnify", ("method", "amm"), "amm", ("pmm", "PhaseMagnifier", "SteerablePyramid")),
        ("magnify", ("method", "pmm"), "PhaseMagnifier", ("AmplitudeMagnifier", "level_weights")),
        ("features", ("network", "mobilenet_vggface2"), "mobilenet_v1", ("resnet50", "MBConv")),
        ("train", ("network", "resnet50_imagenet"), "resnet50", ("separable_block", "MBConv")),
        (
            "train_system",
            ("system", "ststnet"),
            "STSTNet",
            ("OFFApexNet", "SETFNet", "block_counts"),
        ),
    ],
)
def test_code_of_another_row_does_not_count(stage, choice, own, others):
    kind, name = choice
    run = functions()[stage]
    found = code.reached(run, choice={CHOICES[kind]: name})
    assert own in {reference.name for reference in found}
    assert not {reference.name for reference in found} & set(others)
    assert set(others) <= {reference.name for reference in code.reached(run)}


def test_provenance_names_inputs_by_checksum(tmp_path):
    source = tmp_path / "in.csv"
    source.write_bytes(b"abc")
    made = provenance(Code("index"), {"a": 1}, [source])
    assert made.source_sha256 == Code("index").fingerprint
    assert made.inputs[0]["path"] == "in.csv"
    assert made.inputs[0]["sha256"].startswith("ba7816bf")
    assert made.environment["torch"].startswith("2.13.0")


def test_a_cache_of_other_code_is_no_input(tmp_path):
    path = tmp_path / "faces.h5"
    with create(path, "faces", Provenance(source_sha256="0123456789abcdef")):
        pass
    with pytest.raises(CacheError, match=r"other code of stage crop \(0123456789abcdef\)"):
        provenance(Code("magnify", method="amm"), {}, [path])


def test_what_was_computed_is_remembered_until_the_source_changes(edited, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake").mkdir()
    first = edited({})
    memo = tmp_path / code.MEMO
    memo.write_text(memo.read_text().replace(first, "0" * code.DIGITS))
    assert edited({}) == "0" * code.DIGITS
    assert edited({"filters.py": FILTERS + "# Looked at.\n"}) == first
    memo.write_text("not JSON")
    assert edited({}) == first
