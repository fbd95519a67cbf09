"""What several tests need: one thread, real data where it is present, caches, a finished run."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from microexpr import cache
from project import Project, fresh

SHARED = Path(__file__).parents[2] / "shared" / "data"
torch.set_num_threads(1)
cv2.setNumThreads(1)


@pytest.fixture
def shared_video():
    """Give the path of a real clip by name; skip where the clips are absent."""

    def path(name: str) -> Path:
        found = SHARED / "video" / name
        if not found.exists():
            pytest.skip(f"{name} is not here")
        return found

    return path


@pytest.fixture
def image_cache(tmp_path):
    """Write a cache of images with random pixels and give its path."""

    def write(
        kind: str = "faces", clips: int = 2, frames: int = 5, size: int = 16, seed: int = 0
    ) -> Path:
        rng = np.random.default_rng(seed)
        path = tmp_path / f"{kind}.h5"
        with cache.create(path, kind, cache.Provenance()) as out:
            for number in range(clips):
                with out.clip(f"s{number}_ne_01", fps=100.0) as clip:
                    clip.append(
                        rng.integers(0, 256, (frames, size, size, 3), np.uint8),
                        frame=np.arange(frames) + 1000,
                        time=np.arange(frames) / 100,
                        detected=np.ones(frames),
                        box=rng.uniform(0, size, (frames, 4)),
                    )
        return path

    return write


@pytest.fixture
def project(tmp_path) -> Project:
    """Make a fresh copy of the project."""
    return fresh(tmp_path / "project")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory, worker_id) -> Callable[[str, Callable[[Path], Project]], Project]:
    """Make a run by one process of pytest; the others take copies."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent

    def copy(name: str, make: Callable[[Path], Project]) -> Project:
        folder, done = shared / f"made/{name}", shared / f"made/{name}.done"
        folder.parent.mkdir(exist_ok=True)
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # another process failed
                make(folder)
                done.touch()
        return Project(folder).copy(tmp_path_factory.mktemp(name) / "project")

    return copy


@pytest.fixture(scope="session")
def finished(made_once) -> Project:
    """Return a project whose smallest run is complete. Do not change it: copy it."""
    return made_once("finished", lambda folder: fresh(folder).finish())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process of pytest is the last for minutes."""
    items.sort(key=lambda item: item.get_closest_marker("workflow") is None)
