"""The composite of MEGC 2019 (See et al., FG 2019): SMIC-HS, CASME II and SAMM in three classes.

442 clips of 68 subjects: 164 of SMIC-HS, 145 of CASME II, 133 of SAMM, as in the challenge's list
``combined_3class_gt.csv`` (docs/datasets.md). Subjects and clips get the set as a prefix:
``casme2_sub01_EP02_01f``.
"""

from typing import TypeVar

from microexpr.config import Data
from microexpr.datasets import annotated, releases, smic
from microexpr.datasets.corrections import SUB24
from microexpr.datasets.listing import Finding, Listing, Who
from microexpr.datasets.manifest import Clip
from microexpr.errors import ConfigError

ItemT = TypeVar("ItemT", Clip, Finding)
LABELS = {"negative", "positive", "surprise"}
MAPS: dict[str, dict[str, str]] = {
    "smic": {},
    "casme2": {"disgust": "negative", "repression": "negative", "happiness": "positive"},
    "samm": {
        "anger": "negative",
        "contempt": "negative",
        "disgust": "negative",
        "fear": "negative",
        "sadness": "negative",
        "happiness": "positive",
    },
}
DROPPED_LABELS = {"casme2": ["others", "fear", "sadness"], "samm": ["other", "others"]}
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


def read(data: Data) -> Listing:
    """List the clips of all three sets below ``data.root``; ConfigError: other labels."""
    if set(data.labels) != LABELS:
        raise ConfigError(f"data.labels: kind megc2019 has the classes {', '.join(sorted(LABELS))}")
    whole = Listing()
    for name in MAPS:
        part = _read(name, data)
        whole.clips += [_prefixed(name, clip) for clip in part.clips]
        whole.findings += [_prefixed(name, finding) for finding in part.findings]
    listed = {clip.clip_id for clip in whole.clips} & {*DROPPED_CLIPS}
    kept = Listing(findings=[f for f in whole.findings if f.clip_id not in listed])
    for clip in whole.clips:
        reason = DROPPED_CLIPS.get(clip.clip_id)
        if reason is None:
            kept.clips.append(clip)
        else:
            who: Who = {"clip_id": clip.clip_id, "subject": clip.subject}
            kept.add("dropped_clip", "dropped", reason, **who)
    return kept


def _prefixed(name: str, item: ItemT) -> ItemT:
    values = {"clip_id": item.clip_id, "subject": item.subject}
    changed = {key: f"{name}_{value}" for key, value in values.items() if value}
    return item.model_copy(update=changed)


def _read(name: str, data: Data) -> Listing:
    update: dict[str, object] = {"kind": name, "camera": "HS", "label_map": MAPS[name]}
    update["drop_labels"] = DROPPED_LABELS.get(name, [])
    own = data.model_copy(update=update)
    if name == "smic":
        return smic.read(own)
    return annotated.read(own, releases.CASME2 if name == "casme2" else releases.SAMM)
