"""Titles of data sets, as tables and figures print them."""

from __future__ import annotations

from pathlib import Path

from microexpr.config import Data

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
    """Return the name of a data set; the generated one is always ``synthetic``."""
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
