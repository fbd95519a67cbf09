"""Manifests for tests that read caches: who is seen in which clip; no frame is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.datasets import manifest
from microexpr.datasets.manifest import Clip


def rows(clip_ids: Sequence[str], subjects: Sequence[str], labels: Sequence[str]) -> list[Clip]:
    """Make the rows of a manifest."""
    about = {"kind": "images", "source": "x", "frames": 9, "first": 0, "last": 8, "fps": 100}
    return [
        Clip(clip_id=clip_id, subject=subject, label=label, **about)
        for clip_id, subject, label in zip(clip_ids, subjects, labels, strict=True)
    ]


def write(
    path: Path, clip_ids: Sequence[str], subjects: Sequence[str], labels: Sequence[str]
) -> Path:
    """Write ``manifest.csv``; give its path."""
    manifest.write(path, rows(clip_ids, subjects, labels))
    return path
