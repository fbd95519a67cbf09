"""4DME (Li et al., IEEE TAC 2022): 267 micro-expressions, here the grey videos.

::

    gray_micro/<sub_ID>/<fold_name>/<anything><counter>.jpg     gray_micro_crop alike
    4DME_Labelling_Micro_release v1.xlsx    sub_ID, fold_name, Emotion, Onset, Apex, Offset, ...

Emotions may be joined, such as ``Surprise+Positive``: map or drop each of them. No public text that
was seen states the frame rate of this tree, so ``data.fps`` must be given.
"""

from __future__ import annotations

from microexpr.datasets.annotated import Release

RELEASE = Release(
    key="fourdme",
    fps=None,
    trees={
        "raw": ("gray_micro", "4DMicro/gray_micro", "4DME/gray_micro"),
        "cropped": ("gray_micro_crop", "4DMicro/gray_micro_crop", "4DME/gray_micro_crop"),
    },
    subjects="*[0-9]*",
    tables=("4dme_labelling_micro*",),
    columns={
        "subject": ("sub_ID",),
        "name": ("fold_name",),
        "onset": ("Onset",),
        "apex": ("Apex",),
        "offset": ("Offset",),
        "emotion": ("Emotion",),
    },
)
