"""Threads and devices: asked for in every job, never taken from what the machine has.

Two jobs with two threads each on two cores are ten times slower than two jobs with one thread.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import logging
import sys

import cv2

from microexpr.errors import ConfigError

log = logging.getLogger(__name__)


def limit_threads(threads: int) -> None:
    """Let OpenCV, and torch where it is in use, run this many threads."""
    cv2.setNumThreads(threads)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def choose_device(name: str) -> str:
    """Resolve ``auto``; say which device it is.

    ``auto`` takes a GPU that no other job of this user holds, and waits for one; see
    :mod:`microexpr.gpu_slots`.

    Raises
    ------
    ConfigError
        When a device is asked for that is not there.
    """
    import torch

    if name == "auto":
        # Counting asks the driver's management library and leaves CUDA uninitialised.
        if devices := torch.cuda.device_count():
            from microexpr.gpu_slots import assign_gpu

            assign_gpu(devices)
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"--device {name}: torch sees no CUDA device")
    log.info("device: %s", torch.cuda.get_device_name() if name.startswith("cuda") else "CPU")
    return name
