"""Who is trained on and who is tested, and the guards that refuse a leak.

``splits`` makes folds, ``configured`` those of a run, ``folds`` checks them, ``table`` keeps them
as ``folds.csv``. What training needs stands here and imports little.
"""

from microexpr.protocol.guards import (
    COMPLETE,
    SUBJECT_INDEPENDENT,
    Fold,
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
]
