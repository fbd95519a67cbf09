"""Which clips a command line names: videos, folders of images, globs of either."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microexpr.datasets.manifest import Clip
from microexpr.errors import ConfigError, DataError
from microexpr.runtime.files import regular, sha256_of
from microexpr.runtime.names import identifier
from microexpr.video.suffixes import IMAGES, list_images, matching

UNKNOWN = "unknown"  # subject and label of a clip that nobody has annotated


@dataclass(frozen=True)
class NamedClip:
    """One clip to predict."""

    path: Path  # a video file or a folder of images
    clip: Clip  # how :func:`microexpr.datasets.decoder.decode` reads it, below the root ``.``

    @property
    def name(self) -> str:
        """Names its outputs."""
        return self.clip.clip_id

    def checksum(self) -> str:
        """Return the sha256 of the file; of a folder, over its images' names and checksums."""
        if self.clip.kind == "video":
            return sha256_of(self.path)
        sums = [f"{path.name} {sha256_of(path)}\n" for _, path in list_images(self.path)]
        return hashlib.sha256("".join(sums).encode()).hexdigest()


def find(names: Sequence[str], fps: float | None = None) -> list[NamedClip]:
    """Find the clips that `names` stand for: videos, folders of numbered images, or globs.

    `fps` is the rate of the camera, frames/s: needed for images; for a video where its times are
    wrong. DataError when nothing is there or two clips have the same name, ConfigError when images
    come without a rate.
    """
    paths = list(dict.fromkeys(path for name in names for path in matching(name)))
    clips = [_clip(path, fps) for path in paths]
    counts = Counter(clip.clip_id for clip in clips)
    found = []
    for path, clip in zip(paths, clips, strict=True):
        name = clip.clip_id
        if counts[name] > 1:
            name = identifier(f"{path.resolve().parent.name}_{name}")
        found.append(NamedClip(path, clip.model_copy(update={"clip_id": name})))
    name, count = Counter(clip.name for clip in found).most_common(1)[0]
    if count > 1:
        raise DataError(f"{count} clips have the name {name}; predict them one by one")
    return found


def _clip(path: Path, fps: float | None) -> Clip:
    about: dict[str, Any] = {"source": str(path), "fps": fps or 0}
    about |= {"subject": UNKNOWN, "label": UNKNOWN}
    if not path.is_dir():
        if regular(path).suffix.lower() in IMAGES:
            raise DataError(f"{path} is a single image; give its folder")
        clip_id = identifier(path.stem)[:80]
        return Clip(clip_id=clip_id, kind="video", frames=0, first=0, last=0, **about)
    images = list_images(path)
    if not images:
        raise DataError(f"folder {path} holds no image ({', '.join(IMAGES)})")
    if fps is None:
        raise ConfigError(f"{path}: images carry no time; give the rate of the camera with --fps")
    clip_id = identifier(path.resolve().name)[:80]
    first, last = images[0][0], images[-1][0]
    return Clip(clip_id=clip_id, kind="images", frames=len(images), first=first, last=last, **about)
