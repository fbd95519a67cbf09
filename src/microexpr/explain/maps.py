"""The file of a method's maps, ``results/gradcam/<method>/maps.h5``.

```
/<clip_id>            subject, label, fold, fps, apex, apex_known, transform, landmarks_px
    image                 (y, x, 3)     what the network sees at the apex
    window/<model>/B<k>   (h, w)        positive parts added up over the apex window
    frames                (F)           frame numbers from 0, of a clip that is shown
    images                (F, y, x, 3)  what the network sees there
    frame/<model>/B<k>    (F, h, w)     signed, at those frames, for all blocks
    clip/<model>/B<k>     (T, h, w)     signed, at all frames, for one block
```
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from microexpr.cache.disk import reading, writing
from microexpr.errors import CacheError
from microexpr.runtime.files import AnyPath

FORMAT = "microexpr/gradcam 1.0"
TRAINED, BACKBONE, RANDOM_HEAD, RANDOM = MODELS = ("trained", "backbone", "random_head", "random")
Maps = dict[tuple[str, int], np.ndarray]  # by model and block


@dataclass
class ClipMaps:
    """Maps of one clip, as in the file; `frames` is empty where the clip is not shown."""

    attributes: Mapping[str, Any]
    image: np.ndarray
    window: Maps
    frames: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    images: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0, 3), np.uint8))
    frame: Maps = field(default_factory=dict)
    clip: Maps = field(default_factory=dict)


@contextmanager
def write(path: AnyPath, **attributes: Any) -> Iterator[h5py.File]:
    """Open a file for :func:`add`; it appears under its name when the block succeeds."""
    with writing(path) as (file, _):
        file.attrs.update(format=FORMAT, **attributes)
        yield file


def add(file: h5py.File, clip_id: str, maps: ClipMaps) -> None:
    """Write the maps of a clip, float32."""
    group = file.create_group(clip_id)
    group.attrs.update(maps.attributes)
    for name in ("window", "frame", "clip"):
        for (model, block), values in getattr(maps, name).items():
            path = f"{name}/{model}/B{block}"
            group.create_dataset(path, data=values.astype(np.float32), compression="gzip")
    group["image"] = maps.image
    if len(maps.frames):
        group["frames"], group["images"] = maps.frames, maps.images


class MethodMaps(Mapping[str, ClipMaps]):
    """The maps of an open file by clip, in the order of writing; each is read on access."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file

    def __getitem__(self, clip_id: str) -> ClipMaps:
        if clip_id not in self._file:
            raise CacheError(f"{self._file.filename}: holds no clip {clip_id}")
        group = self._file[clip_id]
        about = {k: v.item() if isinstance(v, np.generic) else v for k, v in group.attrs.items()}
        found = ClipMaps(about, group["image"][()], _maps(group, "window"))
        if "frames" in group:
            found.frames, found.images = group["frames"][()], group["images"][()]
            found.frame, found.clip = _maps(group, "frame"), _maps(group, "clip")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._file)

    def __len__(self) -> int:
        return len(self._file)


@contextmanager
def read(path: AnyPath) -> Iterator[MethodMaps]:
    """Open a file of :func:`write`; CacheError when it is not such a file."""
    with reading(path) as file:
        if file.attrs.get("format") != FORMAT:
            raise CacheError(f"{path}: holds no Grad-CAM maps of format {FORMAT}")
        yield MethodMaps(file)


def _maps(group: h5py.Group, name: str) -> Maps:
    return {
        (model, int(block[1:])): values[()]
        for model, blocks in group.get(name, {}).items()
        for block, values in blocks.items()
    }
