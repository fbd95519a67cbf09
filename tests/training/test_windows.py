"""Windows: the published counts, closed forms, short clips, and how training draws them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microexpr.errors import DataError
from microexpr.training.windows import WindowTable, windows

# Lengths of 162 clips that agree with every published count of SMIC-HS. The list itself is not
# public; an integer program gives one that fits. Counts of windows fix the numbers of clips of up
# to 28 and from 52 frames; between them several lists fit.
CLIPS_OF_LENGTH = {
    **{11: 1, 16: 1, 17: 3, 19: 3, 20: 4, 21: 6, 22: 1, 23: 7, 24: 4, 25: 4, 26: 7, 27: 6, 28: 6},
    **{30: 11, 31: 7, 32: 3, 33: 12, 36: 15, 37: 1, 38: 6, 40: 16, 41: 5, 42: 8, 44: 1, 46: 10},
    **{49: 8, 50: 1, 51: 4, 58: 1},
}
LENGTHS = np.repeat(list(CLIPS_OF_LENGTH), list(CLIPS_OF_LENGTH.values()))

# N: clips below N, clips of 2 N and more, windows by step 1..6, their sum.
PUBLISHED = {
    7: (0, 161, (4493, 3361, 2250, 1296, 610, 191), 12201),
    8: (0, 161, (4331, 3039, 1813, 865, 283, 46), 10377),
    9: (0, 157, (4169, 2718, 1417, 534, 108, 5), 8951),
    10: (0, 154, (4007, 2404, 1072, 283, 18, 0), 7784),
    11: (0, 144, (3845, 2100, 774, 133, 4, 0), 6856),
    12: (1, 136, (3683, 1813, 534, 46, 0, 0), 6076),
    13: (1, 128, (3522, 1545, 337, 7, 0, 0), 5411),
    14: (1, 115, (3361, 1296, 191, 3, 0, 0), 4851),
}


def steps(found: np.ndarray) -> np.ndarray:
    return found[:, 1] - found[:, 0]


def test_lengths_agree_with_the_published_summary():
    assert len(LENGTHS) == 162
    assert LENGTHS.sum() == 5465
    assert LENGTHS.mean() == pytest.approx(33.73, abs=0.005)
    assert np.median(LENGTHS) == 33
    assert LENGTHS.std() == pytest.approx(9.3, abs=0.05)
    assert (LENGTHS.min(), LENGTHS.max()) == (11, 58)


@pytest.mark.parametrize("n", PUBLISHED)
def test_published_counts_of_windows(n):
    below, above, by_step, total = PUBLISHED[n]
    found = [windows(length, n, even="all_steps", short="drop") for length in LENGTHS]
    counted = np.bincount(steps(np.concatenate(found)), minlength=7)[1:]
    assert tuple(counted) == by_step
    assert counted.sum() == total
    assert sum(len(w) == 0 for w in found) == below == (n > LENGTHS).sum()
    assert (2 * n <= LENGTHS).sum() == above
    continuous = [windows(length, n, modes=["continuous"], short="drop") for length in LENGTHS]
    assert sum(map(len, continuous)) == by_step[0]
    # A padded clip adds one window.
    assert sum(len(windows(length, n)) for length in LENGTHS) == total + below


@given(length=st.integers(1, 120), n=st.integers(2, 20))
def test_all_steps_are_exactly_the_rule_of_the_2020_code(length, n):
    expected = [
        [start + step * k for k in range(n)]
        for step in range(1, 7)
        for start in range(length)
        if length - start >= n * step
    ]
    found = windows(length, n, even="all_steps", short="drop")
    assert found.dtype == np.int64
    assert found.tolist() == expected


@given(
    length=st.integers(1, 120),
    n=st.integers(2, 20),
    modes=st.sampled_from([["continuous"], ["even"], ["continuous", "even"]]),
    even=st.sampled_from(["all_steps", "length_step"]),
)
def test_windows_are_distinct_inside_the_clip_and_evenly_spaced(length, n, modes, even):
    found = windows(length, n, modes=modes, even=even, short="drop")
    assert found.shape[1] == n
    assert len(np.unique(found, axis=0)) == len(found)
    if len(found):
        assert found.min() >= 0
        assert found.max() < length
        assert (np.diff(found) == steps(found)[:, None]).all()
    padded = windows(length, n, modes=modes, even=even, short="pad")
    assert len(padded) == max(len(found), 1)
    assert padded.max() < length


def test_length_step_is_one_interval_a_clip_that_reaches_the_last_frame():
    found = windows(31, 7, modes=["even"], even="length_step")
    assert set(steps(found)) == {31 // 7}
    assert found[-1, -1] == 30
    assert len(found) == 31 - 6 * 4
    both = windows(31, 7, even="length_step")
    assert len(both) == 31 - 7 + 1 + len(found)


def test_length_step_of_one_is_not_listed_twice():
    both = windows(13, 7, even="length_step")
    assert both.tolist() == windows(13, 7, modes=["continuous"]).tolist()
    assert both.tolist() == windows(13, 7, modes=["even"], even="length_step").tolist()


def test_short_clips_are_padded_in_front_with_the_first_frame():
    assert windows(3, 5).tolist() == [[0, 0, 0, 1, 2]]
    assert windows(3, 5, modes=["even"], even="length_step").tolist() == [[0, 0, 0, 1, 2]]
    # Nine frames hold five, but not at interval 2: one frame is missing in front.
    assert windows(9, 5, modes=["even"]).tolist() == [[0, 1, 3, 5, 7]]


def test_short_clips_can_be_dropped_or_refused():
    assert windows(11, 12, short="drop").shape == (0, 12)
    with pytest.raises(DataError, match=r"11 frames.*windows\.n = 12"):
        windows(11, 12, short="fail")
    assert len(windows(12, 12, short="fail")) == 1
    with pytest.raises(DataError, match="no frame"):
        windows(0, 12)


def build(lengths, n=5, **options):
    names = [f"clip{i}" for i in range(len(lengths))]
    return WindowTable.build(lengths, n, clip_ids=names, **options)


def test_table_numbers_frames_through_and_names_the_short_clip():
    table = build([6, 3, 5], modes=["continuous"])
    assert table.counts.tolist() == [2, 1, 1]
    assert table.of(0).tolist() == [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]]
    assert table.of(1).tolist() == [[6, 6, 6, 7, 8]]
    assert table.of(2).tolist() == [[9, 10, 11, 12, 13]]
    with pytest.raises(DataError, match="clip clip1: 3 frames"):
        build([6, 3, 5], short="fail")


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    per_clip=st.one_of(st.none(), st.integers(1, 9)),
    seed=st.integers(0, 99),
)
def test_draw_gives_each_clip_its_share_of_its_own_windows(lengths, per_clip, seed):
    table = build(lengths, short="drop")
    clips = np.random.default_rng(seed).permutation(len(lengths))
    rows, owner = table.draw(clips, per_clip, np.random.default_rng(seed))
    for position, clip in enumerate(clips):
        mine = rows[owner == position]
        limit = table.counts[clip] if per_clip is None else per_clip
        assert len(mine) == min(limit, table.counts[clip])
        drawn = {tuple(window) for window in mine}
        assert len(drawn) == len(mine)
        assert drawn <= {tuple(window) for window in table.of(clip)}


def test_draw_reaches_every_window():
    table = build([31])
    rng = np.random.default_rng(0)
    seen = {tuple(w) for _ in range(400) for w in table.draw(np.array([0]), 4, rng)[0]}
    assert len(seen) == table.counts[0]


@given(st.integers(1, 60), st.integers(2, 14))
def test_the_middle_frame_alone(length, n):
    found = windows(length, n, modes=["middle"], short="drop")
    assert found.shape == (1, n)
    assert set(found[0]) == {length // 2}


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 99))
def test_divided_windows_are_all_windows_and_stay_with_their_clip(lengths, seed):
    names = [f"c{i}" for i in range(len(lengths))]
    table = WindowTable.build(lengths, 7, clip_ids=names)
    kept = np.random.default_rng(seed).random(len(table.rows)) < 0.7
    parts = table.only(kept), table.only(~kept)
    for clip in range(len(lengths)):
        first, second = (part.of(clip).tolist() for part in parts)
        mine = table.of(clip)
        chosen = kept[table.first[clip] : table.first[clip] + table.counts[clip]]
        assert first == mine[chosen].tolist()
        assert second == mine[~chosen].tolist()
