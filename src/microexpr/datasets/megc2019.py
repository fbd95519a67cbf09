"""The composite of MEGC 2019 (See et al., FG 2019): SMIC-HS, CASME II and SAMM in three classes.

442 clips of 68 subjects: 164 of SMIC-HS, 145 of CASME II, 133 of SAMM, as in the challenge's list
``combined_3class_gt.csv`` (docs/datasets.md). Subjects and clips get the set as a prefix:
``casme2_sub01_EP02_01f``.
"""

from microexpr.config import Data
from microexpr.datasets.composite import joined
from microexpr.datasets.corrections import SUB24
from microexpr.datasets.listing import Listing, Who
from microexpr.errors import ConfigError

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
    whole = joined(data, {name: _part(name, data) for name in MAPS})
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


def _part(name: str, data: Data) -> Data:
    update: dict[str, object] = {"kind": name, "camera": "HS", "label_map": MAPS[name]}
    update["drop_labels"] = DROPPED_LABELS.get(name, [])
    return data.model_copy(update=update)
