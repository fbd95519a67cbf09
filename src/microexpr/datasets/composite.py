"""Several data sets as one: subjects and clips get the name of their set as a prefix.

The composite of MEGC 2019 (See et al., FG 2019) is SMIC-HS, CASME II and SAMM in three classes: 442
clips of 68 subjects, 164, 145 and 133 clips, as in the challenge's list
``combined_3class_gt.csv`` (docs/datasets.md): ``casme2_sub01_EP02_01f``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from microexpr import datasets
from microexpr.config import Data
from microexpr.datasets.corrections import SUB24
from microexpr.datasets.listing import Finding, Listing, Who
from microexpr.datasets.manifest import Clip
from microexpr.errors import ConfigError

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


LABELS = {"negative", "positive", "surprise"}
NEGATIVE = ("anger", "contempt", "disgust", "fear", "sadness")
MEGC2019: dict[str, tuple[dict[str, str], list[str]]] = {  # of each set: label_map, drop_labels
    "smic": ({}, []),
    "casme2": (
        {"disgust": "negative", "repression": "negative", "happiness": "positive"},
        ["others", "fear", "sadness"],
    ),
    "samm": (dict.fromkeys(NEGATIVE, "negative") | {"happiness": "positive"}, ["other", "others"]),
}
NOT_LISTED = "is not in combined_3class_gt.csv"
DROPPED_CLIPS = {
    "casme2_sub04_EP12_01f": f"{NOT_LISTED}; its apex is not annotated",
    "casme2_sub05_EP09_05f": f"{NOT_LISTED}; its apex is its onset",
    "casme2_sub24_EP02_07": f"{NOT_LISTED}; later versions of the coding table have this row",
    **{
        f"casme2_sub24_{name}": f"{NOT_LISTED}; sadness in the table of 2014, surprise in 2019"
        for name in SUB24
    },
}


def read_megc2019(data: Data) -> Listing:
    """List the clips of all three sets below ``data.root``; ConfigError: other labels."""
    if set(data.labels) != LABELS:
        raise ConfigError(f"data.labels: kind megc2019 has the classes {', '.join(sorted(LABELS))}")
    parts = {}
    for name, (label_map, dropped) in MEGC2019.items():
        update = {"kind": name, "camera": "HS", "label_map": label_map, "drop_labels": dropped}
        parts[name] = data.model_copy(update=update)
    whole = joined(data, parts)
    listed = {clip.clip_id for clip in whole.clips} & {*DROPPED_CLIPS}
    kept = Listing(findings=[f for f in whole.findings if f.clip_id not in listed])
    for clip in whole.clips:
        if reason := DROPPED_CLIPS.get(clip.clip_id):
            who: Who = {"clip_id": clip.clip_id, "subject": clip.subject}
            kept.add("dropped_clip", "dropped", reason, **who)
        else:
            kept.clips.append(clip)
    return kept
