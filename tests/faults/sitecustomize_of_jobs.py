"""Python runs this first in every process of a project that the test put it into.

Each stage's first job ends by kill -9 at a random moment: after a random time, or at the latest
when its work is done and before its exit status is known. Nothing may reach a network. What ran,
and with how many threads, is written down.
"""

import atexit
import json
import os
import random
import signal
import socket
import sys
import threading
from pathlib import Path

NOTES = Path(__file__).parents[1] / "notes"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _no_network(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6):
        (NOTES / f"network.{os.getpid()}").write_text(str(address))
        raise OSError(101, "Network is unreachable")
    return _connect(self, address)


_connect = socket.socket.connect
socket.socket.connect = _no_network


def _kill(stage):
    (NOTES / f"killed.{stage}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


def _watch(stage, longest_s):
    seed = int.from_bytes(os.urandom(4), "big")
    delay_s = random.Random(seed).uniform(0, longest_s)
    (NOTES / f"seed.{stage}").write_text(f"{seed} {delay_s}")
    timer = threading.Timer(delay_s, _kill, [stage])
    timer.daemon = True
    timer.start()
    atexit.register(_kill, stage)


_arguments = sys.orig_argv
if "-m" in _arguments and "stage" in _arguments:
    _stage = _arguments[_arguments.index("stage") + 1]
    _note = {"arguments": _arguments, "threads": [os.environ.get(name) for name in THREADS]}
    (NOTES / f"job.{_stage}.{os.getpid()}").write_text(json.dumps(_note))
    _longest = json.loads((NOTES / "longest.json").read_text())
    if _stage in _longest and not (NOTES / f"started.{_stage}").exists():
        (NOTES / f"started.{_stage}").touch()
        _watch(_stage, _longest[_stage])
