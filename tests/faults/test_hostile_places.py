"""Files that somebody has put in the way: links, libraries of the same name, texts that act."""

from __future__ import annotations

import os
import pty
import re
import secrets
import stat
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
import torch
from safetensors.torch import save_file

from microexpr import stages
from microexpr.cache.disk import Disk
from microexpr.errors import DataError
from microexpr.runtime.files import own_files, replacing, write_text
from microexpr.runtime.printing import printable

SECTION = "Security"
ROOT = Path(__file__).parents[2]
ACTING = "\x1b]0;title\x07\x1b[31mred\x9b2J\r\u202e"
SPELT = r"\x1b]0;title\x07\x1b[31mred\x9b2J\r\u202e"


@pytest.fixture
def victim(tmp_path):
    """Return a file of ours elsewhere, and check that it stays as it is."""
    path = tmp_path / "elsewhere" / "thesis.txt"
    path.parent.mkdir()
    path.write_text("years of work")
    path.chmod(0o640)
    yield path
    assert path.read_text() == "years of work"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_nobody_guesses_the_name_of_a_temporary_file(tmp_path, victim, monkeypatch, fault_row):
    names = set()
    for _ in range(3):
        with replacing(tmp_path / "t.csv") as temporary:
            names.add(temporary.name)
            assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
    assert len(names) == 3
    monkeypatch.setattr(secrets, "token_hex", lambda _: "guessed")
    with replacing(tmp_path / "t.csv") as temporary:
        place = temporary
    place.symlink_to(victim)
    with pytest.raises(FileExistsError), replacing(tmp_path / "t.csv"):
        pass
    message = "none: its name cannot be guessed, and a file that is there is never opened"
    fault_row(SECTION, "a link planted in place of a temporary file", message, 0)


def test_a_temporary_file_that_is_replaced_by_a_link(tmp_path, victim):
    """A self-made one: between its making and its writing, or before it gets its name."""
    replaced = pytest.raises(DataError, match="t.csv: another program has replaced the file")
    with replaced, replacing(tmp_path / "t.csv") as temporary:
        temporary.unlink()
        temporary.symlink_to(victim)
    assert not os.path.lexists(tmp_path / "t.csv")
    link = tmp_path / "link.h5"
    link.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        Disk(link, "w+")


def test_a_link_in_place_of_the_result_is_replaced_and_not_followed(tmp_path, victim):
    (tmp_path / "summary.md").symlink_to(victim)
    write_text(tmp_path / "summary.md", "new")
    assert not (tmp_path / "summary.md").is_symlink()


def test_a_folder_that_is_a_link_keeps_its_mode(tmp_path, fault_row):
    shared, own = tmp_path / "group", tmp_path / "own"
    for folder in (shared, own):
        folder.mkdir()
        folder.chmod(0o2775)
    (tmp_path / "results").symlink_to(shared)
    before = os.umask(0o022)
    try:
        own_files(tmp_path / "results", own, tmp_path / "gone")
    finally:
        os.umask(before)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o2775
    assert stat.S_IMODE(own.stat().st_mode) == 0o2700
    message = "none: the folder that it leads to keeps its mode; new files are the owner's only"
    fault_row(SECTION, "results/ is a link to a folder of a group", message, 0)


@pytest.mark.parametrize("name", stages.NAMES)
def test_jobs_take_no_library_from_the_working_folder(name):
    assert stages.declared(name).command().startswith("python -P -m microexpr stage ")


def test_a_library_in_the_working_folder_is_not_run(tmp_path, fault_row):
    for library in ("h5py", "numpy", "yaml", "json"):
        (tmp_path / f"{library}.py").write_text(
            "open('ran', 'w').write('x')\nraise SystemExit(9)\n"
        )
    command = stages.declared("crop").command()
    for field in re.findall(r"{[^}]+}", command):
        command = command.replace(field, {"{threads}": "1", "{log[0]}": "log"}.get(field, "gone"))
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
    }
    subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, check=False)
    assert not (tmp_path / "ran").exists()
    assert (tmp_path / "log").read_text().startswith("microexpr stage crop: ")
    fault_row(SECTION, "h5py.py in the working folder of a job", "none: it is not run", 0)


def test_texts_that_act_on_a_terminal_are_spelt_out():
    assert printable(ACTING) == SPELT
    assert printable("ä 微表情 a\tb\n") == "ä 微表情 a\tb\n"
    assert printable(os.fsdecode(b"\xff.mp4")) == r"\udcff.mp4"


def on_a_terminal(*arguments: object) -> bytes:
    """Run a command whose output is a terminal; give what reaches it."""
    ours, its = pty.openpty()
    words = [sys.executable, "-m", "microexpr", *map(str, arguments)]
    process = subprocess.Popen(words, stdout=its, stderr=its, stdin=its)
    os.close(its)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # the last one has closed it
        pass
    process.wait()
    os.close(ours)
    return said


def test_a_file_cannot_act_on_the_terminal(tmp_path, image_cache, command, fault_row):
    """Neither by what it holds nor by its name."""
    header = {"microexpr": '{"labels": ["' + ACTING.replace("\x1b", "\\u001b")[:40] + '"]}'}
    header["microexpr"] = re.sub(r"[\x00-\x1f\x9b]", "", header["microexpr"])
    weights = tmp_path / f"w{ACTING}.safetensors"
    save_file(
        {f"layer{ACTING}": torch.zeros(2)}, weights, {"microexpr": '{"a": "b"}'} | {"x": ACTING}
    )
    cache = image_cache()
    with h5py.File(cache, "r+") as file:
        file.attrs["title"] = ACTING
    for arguments in (
        ("inspect", weights),
        ("verify", weights),
        ("inspect", cache),
        ("show", weights),
    ):
        said = on_a_terminal(*arguments)
        for acting in (b"\x1b]0;", b"\x1b[31mred", b"\x9b", b"\x07", "\u202e".encode()):
            assert acting not in said.replace(b"\\x9b", b""), (arguments, said)
    _, lines = command("verify", weights)
    assert SPELT[:20] in lines[-1]
    fault_row(SECTION, "terminal escapes in names and in what a file holds", "spelt out", 0)


def test_installing_checks_hashes():
    """Wherever a page or a script installs from a lock file."""
    places = [ROOT / name for name in ("README.md", "Makefile", ".ci/run", "CONTRIBUTING.md")]
    places += [*(ROOT / "docs").glob("*.md"), *(ROOT / "src/microexpr").rglob("*.py")]
    installs = []
    for place in places:
        for line in place.read_text(encoding="utf-8").splitlines():
            if re.search(r"(pip install|\$\(PIP\)|install --quiet).*\s-r\s", line):
                installs.append(f"{place.name}: {line.strip()}")
    assert len(installs) >= 4
    assert [line for line in installs if "--require-hashes" not in line] == []
    for lock in ROOT.glob("requirements-*.lock"):
        text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
        pins = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
        assert pins
        assert [line for line in pins if "--hash=sha256:" not in line] == []
