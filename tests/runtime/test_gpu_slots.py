"""Jobs on one machine do not share a GPU: tested with devices that are only counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from itertools import pairwise

import pytest
import torch

from microexpr.errors import ConfigError
from microexpr.runtime import resources
from microexpr.runtime.resources import VISIBLE, assign_gpu, choose_device, try_slot, wait_for_slot

HOLD = """
import sys, time
from pathlib import Path
from microexpr.runtime.resources import try_slot
slot = try_slot(int(sys.argv[1]), Path(sys.argv[2]))
print(slot.number, flush=True)
time.sleep(60)
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Make a machine whose slots lie in a folder of the test; no scheduler assigned a GPU."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv(VISIBLE, "")  # so that its removal is undone as well
    monkeypatch.delenv(VISIBLE)
    monkeypatch.setattr(resources, "POLL_S", 0.01)
    monkeypatch.setattr(resources.atexit, "register", lambda function: None)


JOB = """
import os, sys, time
from microexpr.runtime.resources import VISIBLE, assign_gpu
slot = assign_gpu(int(sys.argv[1]))
start = time.monotonic()
time.sleep(0.2)
print(os.environ[VISIBLE], start, time.monotonic(), flush=True)
if sys.argv[2] == "fails":
    raise ValueError
"""


def hold(devices, folder):
    """Start a process that takes a slot; give it and the number it got."""
    command = [sys.executable, "-c", HOLD, str(devices), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def test_jobs_take_different_gpus_and_the_next_finds_none(tmp_path):
    taken = [try_slot(3, tmp_path) for _ in range(3)]
    assert [slot.number for slot in taken] == [0, 1, 2]
    assert try_slot(3, tmp_path) is None
    taken[1].file.close()
    assert try_slot(3, tmp_path).number == 1


def test_a_killed_job_gives_its_gpu_back(tmp_path):
    process, number = hold(1, tmp_path)
    try:
        assert number == 0
        assert try_slot(1, tmp_path) is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert try_slot(1, tmp_path).number == 0


def test_jobs_of_a_machine_never_share_a_gpu_however_they_end(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != VISIBLE}
    environment["TMPDIR"] = str(tmp_path)
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", JOB, "2", ending],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for ending in ("succeeds", "fails") * 3
    ]
    used = {}
    for job in jobs:
        gpu, start, end = job.communicate(timeout=60)[0].split()
        used.setdefault(gpu, []).append((float(start), float(end)))
    assert set(used) == {"0", "1"}
    for spans in used.values():
        spans.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert sum(map(len, used.values())) == 6


def test_a_job_that_waits_gets_the_gpu_of_one_that_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "POLL_S", 0.01)
    holders = [hold(2, tmp_path) for _ in range(2)]
    try:
        assert sorted(number for _, number in holders) == [0, 1]
        process, number = holders[1]
        timer = threading.Timer(0.2, process.send_signal, [signal.SIGKILL])
        timer.start()
        assert wait_for_slot(2, tmp_path).number == number
    finally:
        for process, _ in holders:
            process.kill()
            process.communicate()


def test_a_folder_that_is_not_ours_is_not_written_to(tmp_path, monkeypatch):
    precious = tmp_path / "precious"
    precious.mkdir()
    link = tmp_path / "slots"
    link.symlink_to(precious)
    with pytest.raises(ConfigError, match="not this user's"):
        try_slot(1, link)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(ConfigError, match="CUDA_VISIBLE_DEVICES or TMPDIR"):
        try_slot(1, precious)
    assert list(precious.iterdir()) == []


def test_a_job_waits_until_a_gpu_is_free(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(resources, "POLL_S", 0.01)
    first = try_slot(1, tmp_path)
    timer = threading.Timer(0.2, first.file.close)
    timer.start()
    with caplog.at_level("INFO"):
        assert wait_for_slot(1, tmp_path).number == 0
    timer.join()
    assert "all 1 GPU(s) are taken by other jobs; waiting" in caplog.text


def test_a_job_sees_its_gpu_only(machine, monkeypatch):
    first = assign_gpu(2)
    assert os.environ[VISIBLE] == "0"
    monkeypatch.delenv(VISIBLE)
    second = assign_gpu(2)
    assert (first.number, second.number, os.environ[VISIBLE]) == (0, 1, "1")


@pytest.mark.parametrize("assigned", ["3", ""])
def test_what_a_scheduler_assigned_stays(machine, monkeypatch, assigned):
    monkeypatch.setenv(VISIBLE, assigned)
    assert assign_gpu(4) is None
    assert os.environ[VISIBLE] == assigned


def test_only_the_owner_can_look_into_the_slots(machine):
    assign_gpu(1)
    assert resources.slots_folder().stat().st_mode & 0o777 == 0o700


def test_auto_takes_a_slot_before_cuda_is_asked(machine, monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: os.environ[VISIBLE] == "0")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "counted only")
    with caplog.at_level("INFO"):
        assert choose_device("auto") == "cuda"
    assert "device: GPU 0 of 2" in caplog.text
    assert "device: counted only" in caplog.text


def test_without_a_gpu_the_processor_serves_and_the_log_says_so(machine, monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with caplog.at_level("INFO"):
        assert choose_device("auto") == "cpu"
    assert VISIBLE not in os.environ
    assert "device: CPU" in caplog.text
