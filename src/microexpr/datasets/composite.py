"""Several data sets as one: subjects and clips get the name of their set as a prefix.

The column ``split`` of the manifest holds the set, which ``leave_one_dataset_out`` leaves out. What
the labels of a set become is said in the report, by name and with the number of clips.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from microexpr import datasets
from microexpr.config import Data
from microexpr.datasets.listing import Finding, Listing
from microexpr.datasets.manifest import Clip

ItemT = TypeVar("ItemT", Clip, Finding)


def read(data: Data) -> Listing:
    """List the clips of all ``data.sets``; DataError: a folder or table is missing."""
    return joined(data, {name: data.of_set(name) for name in data.sets})


def joined(whole: Data, parts: Mapping[str, Data]) -> Listing:
    """List the clips of data sets that lie in or below ``data.root`` of the `whole`."""
    result = Listing()
    for name, data in parts.items():
        below = Path(data.root).relative_to(whole.root)
        part = datasets.listed(data)
        for clip in part.clips:
            update = {"split": name, "source": (below / clip.source).as_posix()}
            result.clips.append(_prefixed(name, clip).model_copy(update=update))
        result.findings += [_prefixed(name, finding) for finding in part.findings]
        for (emotion, label), count in part.renamed.items():
            text = f"{name}: emotion {emotion!r} is {label} here ({count} clips)"
            result.add("mapped_label", "kept", text)
    return result


def _prefixed(name: str, item: ItemT) -> ItemT:
    values = {"clip_id": item.clip_id, "subject": item.subject}
    changed = {key: f"{name}_{value}" for key, value in values.items() if value}
    return item.model_copy(update=changed)
