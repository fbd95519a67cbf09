"""Which clips are trained on and which are tested, and the guards that refuse leakage.

``folds`` holds a fold and reads and writes ``folds.csv``; ``guards`` checks folds; ``splits`` makes
them; ``predictions`` reads, writes and checks what is predicted for the test clips. ``splits`` and
``predictions`` import slow libraries, so they are not imported here.
"""

from microexpr.protocol.folds import (
    COMPLETE,
    SUBJECT_INDEPENDENT,
    Fold,
    read_folds,
    write_folds,
)
from microexpr.protocol.guards import (
    check_classes,
    check_folds,
    check_inner,
    check_trained,
)

__all__ = [
    "COMPLETE",
    "SUBJECT_INDEPENDENT",
    "Fold",
    "check_classes",
    "check_folds",
    "check_inner",
    "check_trained",
    "read_folds",
    "write_folds",
]
