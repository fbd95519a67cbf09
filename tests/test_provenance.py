"""Fingerprints follow imports, and ignore what changes no result."""

from __future__ import annotations

import pytest

from microexpr import provenance


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in place of this one."""
    files = {
        "__init__.py": "",
        "magnify/__init__.py": "from toy.magnify.phase import pmm\n",
        "magnify/phase.py": "from ..filters import ideal\n\ndef pmm():\n    return ideal()\n",
        "filters.py": "def ideal():\n    return 1\n",
        "train.py": "import toy.filters\nlr = 1\n",
        "report.py": "title = 'x'\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    monkeypatch.setattr(provenance, "NAME", "toy")
    monkeypatch.setattr(provenance, "IGNORED", {"toy"})
    provenance._module.cache_clear()
    yield tmp_path
    provenance._module.cache_clear()


def prints(package, name, text):
    """Give the fingerprints of two stages before and after an edit."""
    stages = ("toy.magnify", "toy.train")
    before = [provenance.fingerprint(s) for s in stages]
    (package / name).write_text(text)
    provenance._module.cache_clear()
    after = [provenance.fingerprint(s) for s in stages]
    return [old != new for old, new in zip(before, after, strict=True)]


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("filters.py", "def ideal():\n    return 2\n", [True, True]),
        (
            "magnify/phase.py",
            "from ..filters import ideal\n\ndef pmm():\n    return 7\n",
            [True, False],
        ),
        ("train.py", "import toy.filters\nlr = 2\n", [False, True]),
        ("report.py", "title = 'y'\n", [False, False]),
        (
            "filters.py",
            '"""Doc."""\n\n\ndef ideal():  # why\n    """Doc."""\n    return 1\n',
            [False, False],
        ),
    ],
)
def test_an_edit_changes_the_stages_that_use_it(package, name, text, changed):
    assert prints(package, name, text) == changed


def test_provenance_names_inputs_by_checksum(tmp_path):
    source = tmp_path / "in.csv"
    source.write_bytes(b"abc")
    made = provenance.provenance("microexpr.stages.index", {"a": 1}, [source])
    assert made.inputs[0]["path"] == "in.csv"
    assert made.inputs[0]["sha256"].startswith("ba7816bf")
    assert made.environment["torch"].startswith("2.13.0")
