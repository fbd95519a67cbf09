"""From the words of a release to the classes of the configuration."""

from __future__ import annotations

from microexpr.config import Data
from microexpr.datasets.listing import Listing
from microexpr.spelling import fold


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
