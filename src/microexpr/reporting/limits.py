"""What a run does not show: sentences that follow from its configuration and its size."""

from __future__ import annotations

from microexpr.evaluation.tables import NESTED
from microexpr.protocol import SUBJECT_INDEPENDENT
from microexpr.reporting.results import SYNTHETIC, Results

PAPER = "resnet50_vggface2"
POSTER = (
    "The published 75.76 % (Bai, Goecke and Herath, ICIP 2021) is no yardstick: other clips, other "
    "folds, perhaps another number of classes (docs/reproducing-the-poster.md)."
)


def limits(results: Results) -> list[str]:
    """Say what must not be read into the numbers.

    Parameters
    ----------
    results : Results
        The run.

    Returns
    -------
    list of str
        One sentence or two each.
    """
    config, first = results.config, results.metrics.iloc[0]
    clips, subjects = int(first["clips"]), int(first["subjects"])
    lines = []
    if results.data == SYNTHETIC:
        lines.append(
            "Anything about people: the faces are drawn, and their motion was made to be found."
        )
    if not SUBJECT_INDEPENDENT[config.protocol.name]:
        lines.append("How a new face fares: the tested subjects were trained on.")
    if not results.metrics["method"].str.endswith(NESTED).any():
        lines.append(
            "What a choice of N is worth: none was made on training clips (`select.n: nested`), "
            "and the best column was found on the test clips."
        )
    lines += [
        f"Small differences: one clip is {1 / clips:.1%} of {clips}, and the intervals rest on "
        f"{subjects} subjects. McNemar's test takes clips as independent.",
        "Other cameras, cultures or laboratories: the intervals speak of subjects like these.",
        "Spotting: each clip was cut out and holds an expression. A long video is another task.",
    ]
    if len(config.train.seeds) == 1:
        lines.append("How much chance in training matters: there is one seed (`train.seeds`).")
    if config.features.backbone != PAPER:
        lines.append(
            f"A reproduction of the paper: the network is {config.features.backbone}, not its "
            "VGGFace2 ResNet-50."
        )
    return [*lines, POSTER]
