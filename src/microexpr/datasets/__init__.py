"""Data sets: what each one is, as a list of clips. Frames are read later and lazily."""

from __future__ import annotations

from dataclasses import dataclass

from microexpr.config import Data, Demo
from microexpr.datasets import annotated, recordings
from microexpr.datasets.listing import Finding, Listing
from microexpr.datasets.manifest import natural
from microexpr.errors import CollectedError
from microexpr.runtime.registry import Registry

__all__ = ["KINDS", "Finding", "Kind", "Listing", "read"]


@dataclass(frozen=True)
class Kind:
    """A kind of data set.

    Parameters
    ----------
    name : str
        As in ``data.kind``.
    title : str
        For people; names of keys of section ``data`` in braces stand for their values.
    reader : str
        A function ``read(data) -> Listing``, ``"package.module:name"``.
    release : str
        In place of a reader: the layout, a :class:`microexpr.datasets.annotated.Release`.
    """

    name: str
    title: str
    reader: str = ""
    release: str = ""

    @property
    def code(self) -> tuple[str, ...]:
        """What results follow from: see :class:`microexpr.runtime.registry.Row`."""
        return (self.reader or self.release,)


RELEASES = "microexpr.datasets.releases"
KINDS = Registry(
    "data.kind",
    [
        Kind("demo", "synthetic", "microexpr.datasets.demo:read"),
        Kind("smic", "SMIC-{camera} {version}", "microexpr.datasets.smic:read"),
        Kind("smic_e", "SMIC-{camera}-E {version}", "microexpr.datasets:read_smic_e"),
        Kind("casme", "CASME {version}", release=f"{RELEASES}:CASME"),
        Kind("casme2", "CASME II {version}", release=f"{RELEASES}:CASME2"),
        Kind("casme_sq", "CAS(ME)^2 {version}", release="microexpr.datasets.recordings:CASME_SQ"),
        Kind("casme3", "CAS(ME)^3 part {part}", "microexpr.datasets:read_casme3"),
        Kind("samm", "SAMM {version}", release=f"{RELEASES}:SAMM"),
        Kind("mmew", "MMEW {version}", release=f"{RELEASES}:MMEW"),
        Kind("fourdme", "4DME {version}", release=f"{RELEASES}:FOURDME"),
        Kind("megc2019", "MEGC 2019 {version}", "microexpr.datasets.megc2019:read"),
        Kind("video", "{table}", "microexpr.datasets.own:read_table"),
        Kind("folder", "folder", "microexpr.datasets.own:read_folder"),
    ],
)


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
        listing = KINDS.load("demo", "reader")(data, demo_settings, names_only=names_only)
    elif KINDS[data.kind].reader:
        listing = KINDS.load(data.kind, "reader")(data)
    else:
        listing = annotated.read(data, KINDS.load(data.kind, "release"))
    listing.leave_out(data.leave_out)
    if not listing.clips and listing.findings:
        reasons = [str(finding) for finding in listing.findings]
        raise CollectedError([*reasons, f"no clip can be used; reasons: {len(reasons)}"])
    listing.clips.sort(key=lambda clip: (natural(clip.subject), natural(clip.clip_id)))
    return listing


def read_smic_e(data: Data) -> Listing:
    """List the clips of SMIC-E: each camera has a layout of its own."""
    return annotated.read(data, recordings.smic_e(data.camera))


def read_casme3(data: Data) -> Listing:
    """List the clips of CAS(ME)^3: each part has a layout of its own."""
    return annotated.read(data, recordings.CASME3_A if data.part == "A" else recordings.CASME3_C)
