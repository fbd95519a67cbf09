"""Data sets: what each one is, as a list of clips. Frames are read later and lazily."""

from __future__ import annotations

from collections.abc import Callable

from microexpr.config import Data, Demo
from microexpr.datasets import (
    annotated,
    casme3,
    casme_sq,
    demo,
    folder,
    listed,
    megc2019,
    releases,
    smic,
    smic_e,
)
from microexpr.datasets.listing import Finding, Listing
from microexpr.datasets.manifest import natural
from microexpr.errors import CollectedError

__all__ = ["Finding", "Listing", "read"]

READERS: dict[str, Callable[[Data], Listing]] = {
    "smic": smic.read,
    "megc2019": megc2019.read,
    "video": listed.read,
    "folder": folder.read,
}
RELEASES = {
    "casme": releases.CASME,
    "casme2": releases.CASME2,
    "casme_sq": casme_sq.RELEASE,
    "samm": releases.SAMM,
    "mmew": releases.MMEW,
    "fourdme": releases.FOURDME,
}


def read(data: Data, demo_settings: Demo, *, names_only: bool = False) -> Listing:
    """List the clips of the configured data set, and what is wrong with it.

    Parameters
    ----------
    data : Data
        The section ``data`` of the configuration.
    demo_settings : Demo
        The section ``demo``; used when ``data.kind`` is demo.
    names_only : bool
        Leave lengths and camera counters of the generated clips 0: they follow from the settings,
        and numpy is not needed.

    Returns
    -------
    Listing
        Clips in natural order of subject and name, without those of ``data.leave_out``. Folders
        are listed and the annotation table is read, no frame is opened.

    Raises
    ------
    DataError
        When a folder or table is missing or does not have the layout that it should have, or when
        no clip is left.
    """
    if data.kind == "demo":
        find = demo.read_names if names_only else demo.read
        listing = find(data, demo_settings)
    elif data.kind in READERS:
        listing = READERS[data.kind](data)
    else:
        listing = annotated.read(data, _release(data))
    listing.leave_out(data.leave_out)
    if not listing.clips and listing.findings:
        reasons = [str(finding) for finding in listing.findings]
        raise CollectedError([*reasons, f"no clip can be used; reasons: {len(reasons)}"])
    listing.clips.sort(key=lambda clip: (natural(clip.subject), natural(clip.clip_id)))
    return listing


def _release(data: Data) -> annotated.Release:
    if data.kind == "smic_e":
        return smic_e.release(data.camera)
    if data.kind == "casme3":
        return casme3.PART_A if data.part == "A" else casme3.PART_C
    return RELEASES[data.kind]
