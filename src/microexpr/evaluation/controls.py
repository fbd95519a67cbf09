"""Controls that are trained, each compared with the method that it stands beside."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from microexpr.evaluation import intervals
from microexpr.evaluation.metrics import ALL
from microexpr.evaluation.pooled import Evaluation, System
from microexpr.training.controls import split_control

CONTROLS = [
    *("method", "control", "feature_mode", "n", "accuracy", "control_accuracy", "control_low"),
    *("control_high", "difference", "difference_low", "difference_high", "below", "chance"),
    *("confidence", "clips", "subjects", "protocol", "backbone", "data"),
]


def controls_table(evaluation: Evaluation, names: Sequence[str]) -> pd.DataFrame:
    """Compare each of the controls `names` with its method on the same clips: ``controls.csv``.

    difference is the method's accuracy less the control's, with its paired interval over subjects;
    below is true where that lies above zero. chance is the share of the most frequent class.
    """
    rows = []
    truth = evaluation.truth
    for key, predicted in evaluation.beside.items():
        method, control = split_control(key[0])
        own = cast(System, (method, *key[1:]))
        if key[0] not in names or own not in evaluation.predicted:
            continue
        pair = (evaluation.predicted[own], predicted)
        found = intervals.paired_interval(
            "accuracy", truth, pair, evaluation.subjects, evaluation.classes, level=evaluation.level
        )
        alone, _ = evaluation.estimates(key)["accuracy", ALL]
        values = (method, control, *key[1:], alone.value + found.value, *alone[:3], *found[:3])
        about = {
            "below": str(found.low > 0).lower(),
            "chance": np.bincount(truth).max() / len(truth),
        }
        cells = dict(zip(CONTROLS, values, strict=False))
        rows.append(cells | about | evaluation.extent(len(predicted)))
    return pd.DataFrame(rows, columns=CONTROLS)
