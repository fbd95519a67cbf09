"""folds.csv: what is written is what training reads."""

from __future__ import annotations

import pytest

from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError, ProtocolError
from microexpr.protocol import Fold, read_folds, write_folds
from microexpr.runtime.tables import seal
from running import run_stage


def clips(count: int) -> list[Clip]:
    return [
        Clip(
            clip_id=f"c{i}", subject=f"s{i % 3}", label="negative", kind="images", source="a",
            frames=1, first=1, last=1, fps=100.0,
        )
        for i in range(count)
    ]  # fmt: skip


def test_roundtrip_in_another_order_of_the_clips(tmp_path):
    given = clips(6)
    folds = [Fold(f"s{s}", *_sides(s, 6)) for s in range(3)]
    write_folds(tmp_path / "folds.csv", given, folds)
    order = [5, 3, 1, 0, 2, 4]
    found = read_folds(tmp_path / "folds.csv", [f"c{i}" for i in order])
    assert [fold.name for fold in found] == ["s0", "s1", "s2"]
    for fold, back in zip(folds, found, strict=True):
        assert {order[i] for i in back.test} == set(fold.test)
        assert {order[i] for i in back.train} == set(fold.train)


def _sides(subject: int, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    test = tuple(i for i in range(count) if i % 3 == subject)
    return tuple(i for i in range(count) if i not in test), test


def test_clips_that_are_only_trained_on(tmp_path):
    write_folds(tmp_path / "folds.csv", clips(3), [Fold("holdout", (1, 2), (0,))])
    assert read_folds(tmp_path / "folds.csv", ["c0", "c1", "c2"]) == [Fold("holdout", (1, 2), (0,))]
    # Two test sets: neither fold trains on the other's clips.
    official = [Fold("testA", (1, 2), (0,)), Fold("testB", (1, 2), (3,))]
    write_folds(tmp_path / "folds.csv", clips(4), official)
    assert read_folds(tmp_path / "folds.csv", ["c0", "c1", "c2", "c3"]) == official


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["c0", "c1"], "clip c2 has no features"),
        (["c0", "c1", "c2", "c3"], "clip c3 has no row"),
    ],
)
def test_other_clips_than_those_at_hand_are_refused(tmp_path, ids, message):
    write_folds(tmp_path / "folds.csv", clips(3), [Fold("holdout", (1, 2), (0,))])
    with pytest.raises(ProtocolError, match=message):
        read_folds(tmp_path / "folds.csv", ids)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "folds.csv").write_text("a,b\n1,2\n")
    seal(tmp_path / "folds.csv")
    with pytest.raises(ProtocolError, match="not a table of folds .no column 'clip_id'"):
        read_folds(tmp_path / "folds.csv", ["c0"])
    (tmp_path / "folds.csv").write_bytes(b"clip_id,fold\n" + bytes(range(256)) * 40)
    seal(tmp_path / "folds.csv")
    with pytest.raises(DataError, match="cannot be read") as raised:
        read_folds(tmp_path / "folds.csv", ["c0"])
    assert len(str(raised.value)) < 300


def test_the_same_frames_under_two_names_must_stay_together(tmp_path):
    labels, path = ["negative", "positive"], tmp_path / "manifest.csv"
    about = {"kind": "video", "frames": 0, "first": 0, "last": 0, "fps": 0}
    rows = [
        Clip(clip_id=f"{s}_{label}", subject=s, label=label, source=f"{s}_{label}.mp4", **about)
        for s in ("s1", "s2", "s3")
        for label in labels
    ]
    again = rows[0].model_copy(update={"clip_id": "s3_again", "subject": "s3"})
    config = Config.parse({"data": {"labels": labels}})
    manifest.write(path, [*rows, again.model_copy(update={"subject": "s1"})])
    run_stage("split", config, manifest=path, folds=tmp_path / "folds.csv")
    assert "s3_again,s1,negative,s1" in (tmp_path / "folds.csv").read_text()
    manifest.write(path, [*rows, again])
    message = "fold s1: clips s1_negative and s3_again hold the same frames, and are in training"
    with pytest.raises(ProtocolError, match=message):
        run_stage("split", config, manifest=path, folds=tmp_path / "leaking.csv")
    assert not (tmp_path / "leaking.csv").exists()
