"""Figures of tables: what is drawn is what the table says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer

from microexpr.figures import style
from microexpr.figures.tables import (
    accuracy_against_n,
    confusion_matrix,
    recall_against_n,
    subject_accuracy,
    training_curves,
)
from microexpr.magnify.methods import METHODS

CLASSES = ["negative", "positive", "surprise"]
LENGTHS = [7, 9, 11]
FEATURE_MODE = "onset_difference"


@pytest.fixture
def metrics() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    about = {
        "feature_mode": FEATURE_MODE,
        "clips": 12,
        "subjects": 4,
        "protocol": "loso",
        "backbone": "small",
    }
    about |= {"confidence": 0.95}
    rows = []
    for method in ("pmm", "none"):
        for n in LENGTHS:
            for metric, names in (("accuracy", ["all"]), ("recall", CLASSES)):
                for name in names:
                    value = rng.uniform(0.3, 0.9)
                    interval = {"low": value - 0.1, "high": value + 0.05}
                    rows.append(
                        about
                        | interval
                        | {"method": method, "n": n, "metric": metric}
                        | {"class": name, "value": value, "clips": 12 if name == "all" else 4}
                    )
    # What must not become a line: another feature mode, a choice of N, and controls.
    rows += [row | {"feature_mode": "raw", "value": 0.01} for row in rows]
    accuracy = about | {"metric": "accuracy", "class": "all", "low": 0.2, "high": 0.4}
    for method, n in (("majority", np.nan), ("pmm_nested", np.nan), ("permuted_labels", 9)):
        rows.append(accuracy | {"method": method, "n": n, "value": 1 / 3})
    return pd.DataFrame(rows)


def lines(axes) -> dict[str, ErrorbarContainer]:
    return {c.get_label(): c for c in axes.containers if isinstance(c, ErrorbarContainer)}


def assert_drawn(drawn: ErrorbarContainer, rows: pd.DataFrame) -> None:
    data, _, (bars,) = drawn.lines
    np.testing.assert_allclose(data.get_ydata(), rows["value"])
    np.testing.assert_allclose(np.round(data.get_xdata()), rows["n"])
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends, rows[["low", "high"]])


def test_accuracy_is_that_of_the_table(metrics):
    figure = accuracy_against_n(metrics, feature_mode=FEATURE_MODE, synthetic=False)
    (axes,) = figure.axes
    mine = metrics[(metrics["metric"] == "accuracy") & (metrics["feature_mode"] == FEATURE_MODE)]
    drawn = lines(axes)
    assert set(drawn) == {METHODS[m].label for m in ("pmm", "none")}
    for method in ("pmm", "none"):
        assert_drawn(drawn[METHODS[method].label], mine[mine["method"] == method])
    assert any(np.allclose(line.get_ydata(), 1 / 3) for line in axes.lines)
    assert "most frequent class 0.333" in [text.get_text() for text in axes.texts]
    (title,) = (text.get_text() for text in figure.texts)
    assert "12 clips of 4 subjects, leave one subject out, small, difference to onset" in title


def test_recall_is_that_of_the_table(metrics):
    figure = recall_against_n(metrics, feature_mode=FEATURE_MODE, synthetic=False)
    assert [axes.get_title() for axes in figure.axes] == [f"{name} (4 clips)" for name in CLASSES]
    for name, axes in zip(CLASSES, figure.axes, strict=True):
        rows = metrics[(metrics["metric"] == "recall") & (metrics["class"] == name)]
        rows = rows[(rows["feature_mode"] == FEATURE_MODE) & (rows["method"] == "pmm")]
        assert_drawn(lines(axes)[METHODS["pmm"].label], rows)


def test_each_subject_gets_its_own_accuracy():
    rows = [
        {"clip_id": f"{s}_{k}", "subject": s, "label": "a", "method": "pmm", "n": n, "seed": seed}
        | {"predicted": "a" if k < right else "b", "feature_mode": FEATURE_MODE}
        for s, right in (("s10", 1), ("s2", 4))
        for k in range(4)
        for n in LENGTHS
        for seed in (0, 1)
    ]
    figure = subject_accuracy(pd.DataFrame(rows), feature_mode=FEATURE_MODE, synthetic=False)
    image = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(image, [[1.0] * 3, [0.25] * 3])  # s2 before s10
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["s2 (4)", "s10 (4)"]


def test_confusion_shows_the_counts_of_all_seeds_and_who_was_not_answered():
    counts = pd.DataFrame(
        [("negative", "negative", 3), ("negative", "surprise", 1), ("positive", "", 2)],
        columns=["label", "predicted", "clips"],
    )
    both = pd.concat([counts, counts])
    figure = confusion_matrix(both, classes=CLASSES, title="t", synthetic=False)
    axes = figure.axes[0]
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    assert shown[0, 0] == "6\n75%"
    assert shown[2, 0] == "2\n25%"
    assert shown[3, 1] == "4\n100%"
    assert [t.get_text() for t in axes.get_xticklabels()] == [*CLASSES, "no prediction"]
    answered = confusion_matrix(counts[:2], classes=CLASSES, title="t", synthetic=False)
    assert len(answered.axes[0].get_xticklabels()) == 3


def test_training_curves_are_the_runs_and_their_median():
    epochs = pd.DataFrame(
        [
            {
                "feature_mode": "raw",
                "seed": 0,
                "fold": f"s{k}",
                "epoch": e,
                "loss": k / e,
                "accuracy": 1,
            }
            for k in (1, 2, 6)
            for e in (1, 2, 3)
        ]
    )
    figure = training_curves(epochs, title="t", synthetic=False)
    drawn = [line.get_ydata() for line in figure.axes[0].lines]
    assert len(drawn) == 4
    np.testing.assert_allclose(drawn[-1], [2, 1, 2 / 3])


def test_generated_data_are_labelled_and_files_are_the_same_every_time(metrics, tmp_path):
    for name in ("first", "second"):
        with style.paper():
            figure = accuracy_against_n(metrics, feature_mode=FEATURE_MODE, synthetic=True)
            style.save(figure, tmp_path / name)
    assert style.SYNTHETIC in [text.get_text() for text in figure.texts]
    for kind, start in (("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")):
        content = (tmp_path / f"first.{kind}").read_bytes()
        assert content.startswith(start)
        assert content == (tmp_path / f"second.{kind}").read_bytes()
