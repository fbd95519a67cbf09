"""One clip, to be decoded by the command line, or as features."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from microexpr import cache
from microexpr.datasets import manifest
from microexpr.fingerprints.code import Code


def manifest_of(root: Path, source: str, kind: str = "video", **changes: object) -> list[object]:
    """Write ``manifest.csv`` with one clip; give the arguments that decode it."""
    values = dict(clip_id="s1_a", subject="s1", label="negative", kind=kind, source=source)
    counts = dict(frames=0, first=0, last=0, fps=0.0)
    manifest.write(root / "manifest.csv", [manifest.Clip(**(values | counts | changes))])
    return [
        *("stage", "decode", "--manifest", root / "manifest.csv", "--frames", root / "s1.h5"),
        *("--root", root, "--subjects", "s1", "--config", "{}"),
    ]


def features_cache(path: Path, clip: str = "s1_a", *, alpha: float = 10.0, **made: object) -> Path:
    """Write features of one clip, as a stage would."""
    made = {"source_sha256": Code("features", network="mobilenet_vggface2").fingerprint, **made}
    about = dict(method="pmm", alpha=alpha, backbone="mobilenet_vggface2", cut=13)
    values = np.random.default_rng(0).normal(size=(9, 4, 1, 1)).astype(np.float16)
    with (
        cache.create(path, "features", cache.Provenance(**made)) as out,
        out.clip(clip, **about) as group,
    ):
        group.append(values, frame=np.arange(9), time=np.arange(9) / 100)
    return path
