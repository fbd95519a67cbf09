"""SAMM (Davison et al., IEEE TAC 2018): 159 clips of 29 subjects, grey, 200 frames/s.

::

    SAMM/006/006_1_2/006_05562.jpg     960x650; SAMM_CROP has the same layout
    SAMM_Micro_FACS_Codes_v2.xlsx      13 lines of explanation, then Subject, Filename,
                                       Inducement Code, Onset Frame, Apex Frame, Offset Frame,
                                       Duration, Micro, Action Units, Estimated Emotion, ...
"""

from __future__ import annotations

from microexpr.datasets.annotated import Release
from microexpr.datasets.sheets import padded

RELEASE = Release(
    key="samm",
    fps=200.0,
    trees={"raw": ("SAMM", "SAMM/SAMM"), "cropped": ("SAMM_CROP", "SAMM/SAMM_CROP")},
    subjects="[0-9][0-9][0-9]",
    tables=("samm_micro_facs_codes*",),
    columns={
        "subject": ("Subject",),
        "name": ("Filename",),
        "onset": ("Onset Frame",),
        "apex": ("Apex Frame",),
        "offset": ("Offset Frame",),
        "emotion": ("Estimated Emotion",),
    },
    spell=padded(3),
    own_names=True,
)
