"""CASME II (Yan et al., PLOS ONE 2014): 255 clips of 26 subjects at 200 frames/s.

::

    CASME2_RAW_selected/sub01/EP02_01f/img46.jpg      640x480; numbers are not padded
    Cropped/sub01/EP02_01f/reg_img46.jpg
    CASME2-coding-20140508.xlsx     Subject, Filename, OnsetFrame, ApexFrame, OffsetFrame,
                                    Action Units, Estimated Emotion

``CASME2-RAW``, the tree of long recordings, is read too. One apex is ``/``.
"""

from __future__ import annotations

from microexpr.datasets.annotated import Release
from microexpr.datasets.sheets import padded

RELEASE = Release(
    key="casme2",
    fps=200.0,
    trees={
        "raw": (
            "CASME2_RAW_selected",
            "CASME2/CASME2_RAW_selected",
            "CASME2-RAW",
            "CASME2/CASME2-RAW",
        ),
        "cropped": ("Cropped", "CASME2/Cropped", "Cropped-updated/Cropped"),
    },
    subjects="sub[0-9]*",
    tables=("casme2-coding*",),
    columns={
        "subject": ("Subject",),
        "name": ("Filename",),
        "onset": ("OnsetFrame",),
        "apex": ("ApexFrame",),
        "offset": ("OffsetFrame",),
        "emotion": ("Estimated Emotion",),
    },
    spell=padded(2, "sub"),
)
