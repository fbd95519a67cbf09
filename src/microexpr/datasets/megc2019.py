"""The composite of MEGC 2019 (See et al., FG 2019): SMIC-HS, CASME II and SAMM in three classes.

442 clips of 68 subjects: 164 of SMIC-HS, 145 of CASME II, 133 of SAMM, as the challenge's list
``combined_3class_gt.csv`` names them. ``data.root`` holds the three releases, each in a layout of
its own reader. Subjects and clips get the set as a prefix: ``casme2_sub01_EP02_01f``.

The map alone gives 147 clips of CASME II. The challenge's list lacks two of them, which therefore
are left out by name, and reported; so is a row that one later version of the coding table adds.
"""

from __future__ import annotations

from microexpr.config import Data
from microexpr.datasets import annotated, releases, smic
from microexpr.datasets.listing import Listing
from microexpr.errors import ConfigError

LABELS = {"negative", "positive", "surprise"}
MAPS = {
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
DROPPED_LABELS = {
    "smic": [],
    "casme2": ["others", "fear", "sadness"],
    "samm": ["other", "others"],
}
NOT_LISTED = "is not in combined_3class_gt.csv"
DROPPED_CLIPS = {
    "casme2_sub04_EP12_01f": f"{NOT_LISTED}; its apex is not annotated",
    "casme2_sub05_EP09_05f": f"{NOT_LISTED}; its apex is its onset",
    "casme2_sub24_EP02_07": f"{NOT_LISTED}; later versions of the coding table have this row",
}


def read(data: Data) -> Listing:
    """List the clips of all three sets.

    Parameters
    ----------
    data : Data
        ``root`` and ``version``; ``labels`` must be negative, positive and surprise.

    Raises
    ------
    ConfigError
        When ``data.labels`` are other classes.
    """
    if set(data.labels) != LABELS:
        raise ConfigError(f"data.labels: kind megc2019 has the classes {', '.join(sorted(LABELS))}")
    whole = Listing()
    for name in MAPS:
        part = _read(name, data)
        prefixed = {"clip_id", "subject"}
        for old, new in ((part.clips, whole.clips), (part.findings, whole.findings)):
            for item in old:
                values = {key: getattr(item, key) for key in prefixed}
                changed = {key: f"{name}_{value}" for key, value in values.items() if value}
                new.append(item.model_copy(update=changed))
    return _without_dropped(whole)


def _read(name: str, data: Data) -> Listing:
    update = {
        "kind": name,
        "camera": "HS",
        "label_map": MAPS[name],
        "drop_labels": DROPPED_LABELS[name],
    }
    own = data.model_copy(update=update)
    if name == "smic":
        return smic.read(own)
    return annotated.read(own, releases.CASME2 if name == "casme2" else releases.SAMM)


def _without_dropped(whole: Listing) -> Listing:
    kept = Listing(findings=[f for f in whole.findings if f.clip_id not in DROPPED_CLIPS])
    for clip in whole.clips:
        if clip.clip_id in DROPPED_CLIPS:
            reason = DROPPED_CLIPS[clip.clip_id]
            who = {"clip_id": clip.clip_id, "subject": clip.subject}
            kept.add("dropped_clip", "dropped", reason, **who)
        else:
            kept.clips.append(clip)
    return kept
