"""From a fresh clone to the table. Killed on the way: tests/faults/test_killed.py."""

from __future__ import annotations

import pandas as pd
import pytest

from microexpr.cache import open_cache, verify

pytestmark = pytest.mark.workflow


def test_table_has_the_posters_shape(finished):
    table = pd.read_csv(finished.folder / "results/table.csv")
    assert list(table.columns[:4]) == ["method", "class", "n_7", "n_9"]
    rows = [f"{m} {c}" for m, c in zip(table["method"], table["class"], strict=True)]
    classes = ("Accuracy", "negative", "positive", "surprise")
    assert rows[:8] == [f"{method} {name}" for method in ("pmm", "none") for name in classes]
    assert list(table["clips"][:4]) == [9, 3, 3, 3]
    assert set(table["data"]) == {"synthetic"}
    values = table[["n_7", "n_9"]].to_numpy()
    assert ((values >= 0) & (values <= 1)).all()


def test_every_clip_is_predicted_once_in_every_run(finished):
    predictions = pd.read_csv(finished.folder / "results/predictions.csv")
    assert len(predictions) == 9 * 2 * 2
    assert not predictions.duplicated(["clip_id", "method", "n", "seed", "feature_mode"]).any()
    assert (predictions["fold"] == predictions["subject"]).all()


def test_caches_are_whole_and_say_where_they_come_from(finished):
    results = finished.folder / "results"
    caches = [p for p in results.rglob("*.h5") if "demo" not in p.parts]
    assert len(caches) == 2 * (1 + 1 + 2)  # shards x (faces, pmm, features of pmm and none)
    for path in caches:
        verify(path)
    with open_cache(results / "features/mobilenet_vggface2/pmm/s1-s2.h5", "features") as cache:
        assert len(cache.attributes["weights_sha256"]) == 64
        clip = cache[cache.clip_ids[0]]
        assert clip.attributes["method"] == "pmm"
        assert clip.attributes["alpha"] == 10.0
        assert 0 < clip.attributes["realised_gain"] <= 1.1
        assert len(clip.attributes["passband_hz"]) == 2


def test_decoded_frames_are_temporary(finished):
    assert not list((finished.folder / "results/frames").glob("*.h5"))
