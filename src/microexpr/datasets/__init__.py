"""Data sets as lists of clips; frames are read later."""

from dataclasses import dataclass
from pathlib import Path

from microexpr.config import Data, Demo
from microexpr.datasets import annotated
from microexpr.datasets.listing import Finding, Listing
from microexpr.datasets.manifest import natural
from microexpr.errors import CollectedError
from microexpr.runtime.registry import Registry

__all__ = ["KINDS", "Finding", "Kind", "Listing", "listed", "read", "title"]


@dataclass(frozen=True)
class Kind:
    """A kind of data set: what reads it is ``"package.module:name"``."""

    name: str  # as in data.kind
    title: str  # for people, with {table}, {camera}, {version}, {part} and {sets}
    reader: str = ""  # a function read(data) -> Listing
    release: str = ""  # in place of a reader: the layout, an annotated.Release

    @property
    def code(self) -> tuple[str, ...]:
        """What results follow from: see :class:`microexpr.runtime.registry.Row`."""
        return (self.reader or self.release,)


RELEASES, SMIC = "microexpr.datasets.releases", "microexpr.datasets.smic"
KINDS = Registry(
    "data.kind",
    [
        Kind("demo", "synthetic", "microexpr.datasets.own:read_demo"),
        Kind("smic", "SMIC-{camera} {version}", f"{SMIC}:read"),
        Kind("smic_e", "SMIC-{camera}-E {version}", f"{SMIC}:read_smic_e"),
        Kind("casme", "CASME {version}", release=f"{RELEASES}:CASME"),
        Kind("casme2", "CASME II {version}", release=f"{RELEASES}:CASME2"),
        Kind("casme_sq", "CAS(ME)^2 {version}", release=f"{RELEASES}:CASME_SQ"),
        Kind("casme3", "CAS(ME)^3 part {part}", f"{RELEASES}:read_casme3"),
        Kind("samm", "SAMM {version}", release=f"{RELEASES}:SAMM"),
        Kind("mmew", "MMEW {version}", release=f"{RELEASES}:MMEW"),
        Kind("fourdme", "4DME {version}", release=f"{RELEASES}:FOURDME"),
        Kind("dfme", "DFME", f"{RELEASES}:read_dfme"),
        Kind("megc2019", "MEGC 2019 {version}", "microexpr.datasets.composite:read_megc2019"),
        Kind("composite", "composite of {sets}", "microexpr.datasets.composite:read"),
        Kind("video", "{table}", "microexpr.datasets.own:read_table"),
        Kind("folder", "folder", "microexpr.datasets.own:read_folder"),
    ],
)


def read(data: Data, demo_settings: Demo, *, names_only: bool = False) -> Listing:
    """List the clips of the configured data set, and findings about it; no frame is opened.

    They are in natural order, without ``data.leave_out``. With `names_only`, generated clips have
    no lengths, which needs no numpy. DataError: a folder or table is missing, or no clip is left.
    """
    if data.kind == "demo":
        listing = KINDS.load("demo", "reader")(data, demo_settings, names_only=names_only)
    else:
        listing = listed(data)
    listing.leave_out(data.leave_out)
    if not listing.clips and listing.findings:
        reasons = [str(finding) for finding in listing.findings]
        raise CollectedError([*reasons, f"no clip can be used; reasons: {len(reasons)}"])
    listing.clips.sort(key=lambda clip: (natural(clip.subject), natural(clip.clip_id)))
    return listing


def listed(data: Data) -> Listing:
    """List the clips of a data set that is not generated, as its reader finds them."""
    if KINDS[data.kind].reader:
        found: Listing = KINDS.load(data.kind, "reader")(data)
        return found
    return annotated.read(data, KINDS.load(data.kind, "release"))


def title(data: Data) -> str:
    """Return the name of a data set for people; the generated one is always ``synthetic``."""
    return KINDS[data.kind].title.format(
        table=Path(data.table or "videos").stem,
        camera=data.camera,
        version=data.version,
        part=data.part,
        sets=", ".join(data.sets),
    )
