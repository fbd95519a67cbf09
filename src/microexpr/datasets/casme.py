"""CASME (Yan et al., FG 2013): 189 clips at 60 frames/s.

::

    CASME_raw_selected/sub01/<clip>/<clip>-001.jpg    some clips pad the number, others do not
    Cropped/sub01/<clip>/reg_<clip>-001.jpg
    casme.xlsx        Subject, Filename, OnsetF, ApexF1, ApexF2, OffsetF, AU, Emotion

The apex is the first of the two that the table has columns for.
"""

from __future__ import annotations

from microexpr.datasets.annotated import Release
from microexpr.datasets.sheets import padded

RELEASE = Release(
    key="casme",
    fps=60.0,
    trees={
        "raw": ("CASME_raw_selected", "CASME/CASME_raw_selected"),
        "cropped": ("Cropped", "CASME/Cropped"),
    },
    subjects="sub[0-9]*",
    tables=("casme",),
    columns={
        "subject": ("Subject",),
        "name": ("Filename",),
        "onset": ("OnsetF",),
        "apex": ("ApexF1",),
        "offset": ("OffsetF",),
        "emotion": ("Emotion",),
    },
    spell=padded(2, "sub"),
)
