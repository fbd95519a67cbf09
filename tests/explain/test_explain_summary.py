"""regions.csv: means over clips, intervals over subjects, and what is left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from microexpr.explain.scores import REGIONS, region_table

CLASSES = ["a", "b"]


def clip(number: int, subject: str, label: str, **values: float | str) -> dict[str, object]:
    shares = dict.fromkeys((f"share_{name}" for name in REGIONS), 0.2)
    areas = dict.fromkeys((f"area_{name}" for name in REGIONS), 0.2)
    about = {"clip_id": f"c{number}", "subject": subject, "label": label, "fold": subject}
    system = {"method": "pmm", "model": "trained", "block": 13}
    return about | system | shares | areas | {"peak": "eyes", "like_trained": 1.0} | values


def table(rows: list[dict[str, object]]) -> pd.DataFrame:
    found = region_table(pd.DataFrame(rows), classes=CLASSES, level=0.95)
    return found.set_index(["class", "fold", "measure", "region"]).sort_index()


def test_means_counts_and_shares():
    rows = table(
        [
            clip(0, "s1", "a", share_eyes=0.6, share_rest=-0.2),
            clip(1, "s1", "b", peak="nose"),
            clip(2, "s2", "b"),
            clip(3, "s2", "b", peak="", **dict.fromkeys((f"share_{n}" for n in REGIONS), np.nan)),
        ]
    )
    everyone = rows.loc["all", "all"]
    assert everyone.loc[("share", "eyes"), "value"] == pytest.approx((0.6 + 0.2 + 0.2) / 3)
    assert everyone.loc["share"]["value"].sum() == pytest.approx(1)
    assert everyone.loc["peak"]["value"].sum() == pytest.approx(1)
    assert everyone.loc[("peak", "nose"), "value"] == pytest.approx(1 / 3)
    assert everyone.loc[("share", "eyes"), "chance"] == 0.2
    assert set(everyone["clips"]) == {3}
    assert set(everyone["empty"]) == {1}
    assert rows.loc[("b", "s2", "peak", "eyes"), "value"] == 1
    assert np.isnan(rows.loc[("b", "s2", "peak", "eyes"), "low"])
    assert ("a", "s2", "peak", "eyes") not in rows.index


def test_intervals_are_over_subjects():
    # Two subjects that always differ: more clips of them do not make the interval narrower.
    few, many = (
        table(
            [clip(k, f"s{k % 2}", "a", peak="eyes" if k % 2 else "nose") for k in range(2 * count)]
        ).loc[("all", "all", "peak", "eyes")]
        for count in (2, 200)
    )
    assert 0 <= many["low"] <= few["low"] < 0.1
    assert 0.9 < few["high"] <= many["high"] <= 1


def test_what_moves_is_there_only_for_generated_clips():
    seen = {"hit": 1.0, "mass": 0.5, "elsewhere": 0.25, "area": 0.2}
    rows = table([clip(0, "s1", "a", **seen), clip(1, "s2", "b", **seen | {"hit": 0.0})])
    moving = rows.loc["all", "all"].xs("moving", level="region")
    assert moving["value"].to_dict() == {"share": 0.5, "peak": 0.5, "peak_other_class": 0.25}
    assert set(moving["chance"]) == {0.2}
    assert "moving" not in table([clip(0, "s1", "a")]).index.get_level_values("region")
