"""Whatever is raised, by whom and where: one line, an exit code, the trace where asked for."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import av
import cv2
import numpy as np
import pytest
import torch
from clips import manifest_of

from microexpr.backbones.networks import SHIPPED
from microexpr.cache import clips, verify
from microexpr.cli import main
from microexpr.cli.options import MOST_THREADS
from microexpr.errors import CacheError, DataError, damage, lacking
from microexpr.runtime.ending import TRACE
from microexpr.stages import NAMES, declared

SECTION = "Whatever is raised"
OURS = "internal error in .*: {}; please report it with its trace .set MICROEXPR_TRACE=1."
LEAVE_OUT = r"; to leave the clip out: data.leave_out: \[s1_a\]"


def opaque() -> Exception:
    """Raise what OpenCV raises."""
    try:
        cv2.resize(np.zeros((2, 2), np.uint8), (0, 0))
    except cv2.error as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    "case",
    [
        (RuntimeError("one\n\x1b[31mtwo"), 1, OURS.format("RuntimeError: one") + LEAVE_OUT),
        (opaque(), 1, OURS.format("error: OpenCV.*") + LEAVE_OUT),
        (KeyError("fps"), 1, OURS.format("KeyError: 'fps'")),
        (RecursionError(), 1, OURS.format("RecursionError")),
        (AssertionError(), 1, OURS.format("AssertionError")),
        (ExceptionGroup("many", [ValueError("a\nb")]), 1, OURS.format("ExceptionGroup: many.*")),
        (MemoryError(), 2, "MemoryError; free memory, or run fewer jobs at once"),
        (np._core._exceptions._ArrayMemoryError((9, 9), np.dtype("f8")), 2, "; free memory, or"),
        (torch.OutOfMemoryError("CUDA out of memory"), 2, "; free memory, or"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, "; free memory, or"),
        (RuntimeError("can't start new thread"), 2, "too many processes .ulimit -u"),
        (OSError(errno.EMFILE, "x"), 2, "Too many open files; .*ulimit -n"),
        (OSError(errno.ENOLCK, "x", "a.h5"), 2, "a.h5: No locks available; this file system"),
        (OSError(errno.EDQUOT, "x", "a.h5"), 2, "a.h5: Disk quota exceeded; the quota"),
        (OSError(errno.EIO, "x", "a.h5"), 2, "a.h5: Input/output error; the disk"),
        (
            av.error.InvalidDataError(1094995529, "Invalid data", "a.mp4"),
            2,
            "a.mp4: .*Invalid data",
        ),
        (UnicodeEncodeError("utf-8", "a\udcff.mp4", 1, 2, "surrogates"), 2, "no UTF-8; rename it"),
        (
            ModuleNotFoundError("No module named 'x'"),
            2,
            r"No module named 'x'; pip install 'microexpr\[workflow\]'",
        ),
        (CacheError("a.h5: damaged"), 2, "clip s1_a: a.h5: damaged"),
    ],
    ids=lambda case: type(case[0]).__name__,
)
def test_an_error_of_any_library_is_one_line(tmp_path, monkeypatch, command, case):
    """It names the clip, and no file is left."""
    error, code, says = case
    monkeypatch.setattr(clips, "decode_clip", raising(error))
    found, lines = command(*manifest_of(tmp_path, "a.mp4"))
    (line,) = [line for line in lines if line.startswith("microexpr ")]
    assert line is lines[-1]
    assert found == code, line
    assert re.search(says, line), line
    assert "clip s1_a: " in line or "a.h5: " in line  # the file that a full disk holds
    assert "\x1b" not in line
    assert not any("Traceback" in text for text in lines)
    assert not list(tmp_path.glob(".s1*")) + list(tmp_path.glob("s1*"))


def raising(error: BaseException):
    def work(*_: object, **__: object) -> None:
        raise error

    return work


def test_the_trace_is_shown_where_it_is_asked_for(tmp_path, monkeypatch, command, fault_row):
    """Jobs of the workflow ask for it: their log has it, the screen shows the line."""
    monkeypatch.setattr(clips, "decode_clip", raising(ZeroDivisionError("division by zero")))
    arguments = manifest_of(tmp_path, "a.mp4")
    _, lines = command(*arguments)
    message = re.sub(r" in \S+py:", ":", lines[-1].partition(": ")[2])
    fault_row(SECTION, "an error that nobody foresaw (division by zero)", message, 1)
    monkeypatch.setenv(TRACE, "1")
    code, lines = command(*arguments)
    assert code == 1
    assert any(line.startswith("Traceback") for line in lines)
    assert "with its trace (it stands above)" in lines[-1]
    monkeypatch.setattr(clips, "decode_clip", raising(DataError("frame 3 is grey")))
    _, lines = command(*arguments)
    assert not any(line.startswith("Traceback") for line in lines)  # it is no secret what to do


def test_what_the_machine_lacks_is_no_damage(image_cache, monkeypatch, command, fault_row):
    path = image_cache()
    monkeypatch.setattr(np, "ascontiguousarray", raising(MemoryError("Unable to allocate 9 GiB")))
    code, lines = command("verify", path)
    assert code == 2
    assert "damaged" not in lines[-1]
    assert str(path) in lines[-1]
    message = "MemoryError: Unable to allocate 9 GiB; free memory, or run fewer jobs at once"
    assert message in lines[-1]
    fault_row(SECTION, "short of memory while a cache is verified", lines[-1].partition(": ")[2], 2)


@contextmanager
def limited(kind: int, value: int) -> Iterator[None]:
    """Set a limit of this process."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


def test_too_many_open_files(image_cache, command, fault_row):
    path = image_cache()
    assert command("verify", path)[0] == 0  # all modules are loaded
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    with limited(resource.RLIMIT_NOFILE, free):
        code, lines = command("verify", path)
    assert code == 2
    message = lines[-1].partition(": ")[2]
    assert message == (
        f"{path}: Too many open files; allow this process more open files: ulimit -n 8192"
    )
    fault_row(SECTION, "too many open files", message, 2)


def test_a_file_larger_than_the_system_allows(tmp_path, command):
    """A self-made one: ``ulimit -f``."""
    arguments = ["demo", tmp_path / "d", "--subjects", "s1", "--config", "{demo: {subjects: 1}}"]
    with limited(resource.RLIMIT_FSIZE, 4096):
        code, lines = command(*arguments)
    assert code == 2, lines
    assert "File too large; this disk, or ulimit -f, allows no file as large" in lines[-1]


def test_a_limit_of_addresses_under_which_no_library_loads(fault_row):
    """OpenBLAS ended the process with a segmentation fault."""
    words = f"ulimit -v 1000000; exec {sys.executable} -m microexpr verify x.h5"
    run = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False)
    assert run.returncode == 2, run.stderr
    (line,) = run.stderr.splitlines()
    message = "ulimit -v allows 976 MB of addresses, and the libraries take 1400: allow more, or "
    assert line == f"microexpr verify: {message}leave it unlimited"
    fault_row(SECTION, "a limit of addresses", line.partition(": ")[2], 2)


def test_a_cache_needs_no_lock(image_cache):
    """On a file system that grants none, or where another program holds one."""
    path = image_cache()
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert verify(path)


def test_damage_is_what_no_lack_explains():
    with (
        pytest.raises(CacheError, match="a.h5: damaged .'odd'"),
        damage(CacheError, "a.h5: damaged"),
    ):
        raise KeyError("odd")
    for error in (MemoryError(), OSError(errno.ENOLCK, "no locks"), OSError("Out of memory")):
        assert lacking(error)
        with pytest.raises(type(error)), damage(CacheError, "a.h5: damaged"):
            raise error
    assert not lacking(OSError("Can't read data (filter returned failure during read)"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--threads", "0"), "argument --threads: 0 is not a whole number from 1 to"),
        (("--threads", "100000"), "argument --threads: 100000 is not a whole number"),
        (("--threads", str(MOST_THREADS + 1)), "is not a whole number"),
        (("--threads=-1",), "argument --threads: -1 is not a whole number"),
        (("--threads", "1.5"), "argument --threads: 1.5 is not a whole number"),
        (("--threads", "9" * 5000), "argument --threads: 99.*[.][.][.]; see"),
        (("--threads", ""), "argument --threads: "),
        (("--device", "foo"), "argument --device: foo is not auto, cpu, cuda"),
        (("--device", "cuda:-1"), "argument --device: cuda:-1 is not"),
        (("--device", "CPU"), "argument --device: CPU is not"),
        (("--device", "cuda:99"), "--device cuda:99: torch sees"),
        (("--devic", "\x1b[31m"), r"argument --device: \\x1b\[31m is not"),
        (("--unknown",), "unrecognized arguments: --unknown"),
    ],
)
def test_options_are_refused_in_one_line(tmp_path, fails, options, says):
    row = options in (("--threads", "100000"), ("--device", "foo"))
    files = ("--images", tmp_path / "a.h5", "--features", tmp_path / "b.h5", "--config", "{}")
    fails("Options", " ".join(options), "stage", "features", *files, *options, says=says, row=row)


@pytest.mark.parametrize("stage", NAMES)
def test_numbers_of_stages_are_bounded(stage, command):
    for name, argument in declared(stage).arguments.items():
        if argument.type is int:
            code, lines = command("stage", stage, f"--{name}=-1")
            assert code == 2
            assert f"argument --{name}: -1 is not a whole number from 0" in lines[-1]


def started(*arguments: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "microexpr", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_output_that_nobody_reads(tmp_path):
    """``| head`` is no error; a full disk is one."""
    script = f"{sys.executable} -m microexpr weights list"
    done = subprocess.run(
        ["bash", "-c", f"{script} | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout in ("141\n", "0\n")  # 0: it was faster
    assert done.stderr == ""
    done = subprocess.run(
        ["bash", "-c", f"{script} > /dev/full"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("microexpr weights: No space left on device; free space")


def test_a_second_signal_does_not_disturb_the_first(tmp_path):
    """An impatient Ctrl-C: one line, nothing left. Under nohup a hangup is ignored."""
    arguments = ("demo", tmp_path / "d", "--config", "{demo: {subjects: 30}}")
    for ignored, numbers, code in [
        (False, (signal.SIGINT, signal.SIGINT, signal.SIGTERM), 130),
        (True, (signal.SIGHUP, signal.SIGTERM), 143),
    ]:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
        process = started(*arguments)
        signal.signal(signal.SIGHUP, before)
        assert process.stderr is not None
        assert "0/" in process.stderr.readline()
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.3 if ignored else 0.001)
        _, said = process.communicate(timeout=60)
        assert process.returncode == code, said
        assert said.splitlines()[-1] in ("microexpr demo: interrupted", ""), said
        assert "Traceback" not in said
        assert not list((tmp_path / "d").rglob(".*"))


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "device", "link to a device"])
def test_what_is_no_file_is_refused_at_once(tmp_path, monkeypatch, command, fault_row, kind):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "it.h5"
    server = socket.socket(socket.AF_UNIX)
    make = {
        "pipe": lambda: os.mkfifo(place),
        "socket": lambda: server.bind(place.name),
        "folder": place.mkdir,
        "device": lambda: None,
        "link to a device": lambda: place.symlink_to("/dev/zero"),
    }
    make[kind]()
    path = "/dev/zero" if kind == "device" else place
    output = ("--features", tmp_path / "out.h5")
    weights = f"{{features: {{weights: {{path: {path}}}}}}}"
    for arguments in (
        ("verify", path),
        ("inspect", path),
        ("show", path),
        ("weights", "add", path),
        ("stage", "features", "--images", path, *output, "--config", "{}"),
        ("stage", "features", "--images", "gone.h5", *output, "--config", weights),
        ("predict", path, "--model", path),
    ):
        begun = time.monotonic()
        code, lines = command(*arguments)
        assert code == 2, lines
        assert "Traceback" not in "".join(lines)
        assert str(path) in lines[-1], (arguments, lines)
        assert time.monotonic() - begun < 30
        if kind == "pipe" and arguments[0] == "verify":
            fault_row(SECTION, "a pipe in place of a cache", lines[-1].partition(": ")[2], 2)
    server.close()


def test_a_pipe_beside_a_file_is_no_seal(tmp_path, command):
    (tmp_path / "t.csv").write_text("a\n1\n")
    os.mkfifo(tmp_path / "t.csv.sha256")
    code, lines = command("verify", tmp_path / "t.csv")
    assert code == 2
    assert "t.csv.sha256 is a pipe, not a regular file" in lines[-1]
    assert main(["inspect", str(SHIPPED)]) == 0
