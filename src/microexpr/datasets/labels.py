"""Class names and titles of a data set: as configured, spelled in any way."""

from __future__ import annotations

from pathlib import Path

from microexpr.config import Data
from microexpr.datasets.listing import Listing
from microexpr.datasets.manifest import fold


class Labels:
    """``data.labels``, ``data.label_map`` and ``data.drop_labels``, asked by emotion.

    Parameters
    ----------
    data : Data
        An emotion that is a label itself need not be in the map. Case does not matter.
    """

    def __init__(self, data: Data) -> None:
        self._names = {fold(name): name for name in data.labels}
        self._names |= {fold(emotion): label for emotion, label in data.label_map.items()}
        self._dropped = {fold(emotion) for emotion in data.drop_labels}

    def of(self, emotion: str, listing: Listing, *, detail: str = "", **who: str) -> str | None:
        """Give the label of an emotion; note in `listing` why there is none.

        Parameters
        ----------
        emotion : str
            As the release spells it.
        listing : Listing
            Takes the finding: ``dropped_label`` or ``unknown_labels``.
        detail : str
            Where the emotion stands, such as file and line.
        **who : str
            ``clip_id`` and ``subject``.
        """
        label = self._names.get(fold(emotion))
        if label is not None:
            return label
        where = f"{detail}: " if detail else ""
        if fold(emotion) in self._dropped:
            reason = f"{where}emotion {emotion!r} is in data.drop_labels"
            listing.add("dropped_label", "dropped", reason, **who)
        else:
            reason = f"{where}emotion {emotion!r} is in none of data.labels, label_map, drop_labels"
            listing.add("unknown_labels", "dropped", reason, **who)
        return None


NAMES = {
    "smic_e": "SMIC-E",
    "casme": "CASME",
    "casme2": "CASME II",
    "casme_sq": "CAS(ME)^2",
    "casme3": "CAS(ME)^3",
    "samm": "SAMM",
    "mmew": "MMEW",
    "fourdme": "4DME",
    "megc2019": "MEGC 2019",
}


def title(data: Data) -> str:
    """Give the name of a data set; the generated one is ``synthetic`` wherever it stands."""
    if data.kind == "demo":
        return "synthetic"
    if data.kind == "smic":
        return f"SMIC-{data.camera} {data.version}"
    if data.kind == "video":
        return Path(data.table or "videos").stem
    if data.kind == "folder":
        return "folder"
    name = NAMES[data.kind]
    if data.kind == "smic_e":
        return f"SMIC-{data.camera}-E {data.version}"
    return f"{name} part {data.part}" if data.kind == "casme3" else f"{name} {data.version}"
