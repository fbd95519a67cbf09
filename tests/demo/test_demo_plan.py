"""The plan: stable, independent of the label, known without drawing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kruskal

from microexpr.config import Config, Demo
from microexpr.demo.plan import Timing, plan
from microexpr.errors import ConfigError


def test_more_subjects_leave_the_others_unchanged() -> None:
    few, many = plan(Demo(subjects=3)), plan(Demo(subjects=12))
    assert many[: len(few)] == few
    assert len(many) == 12 * 6


def test_more_clips_leave_the_others_unchanged() -> None:
    few = plan(Demo(clips_per_class=1))
    assert set(few) < set(plan(Demo(clips_per_class=5)))


def test_another_seed_gives_another_plan() -> None:
    lengths = [[clip.frames for clip in plan(Demo(seed=seed))] for seed in (1, 2)]
    assert lengths[0] != lengths[1]


def test_natural_order_and_smic_names() -> None:
    planned = plan(Demo(subjects=11, clips_per_class=11))
    names = [clip.clip_id for clip in planned]
    assert len(set(names)) == len(names) == 11 * 33

    def natural(name: str) -> tuple[int, str, int]:
        subject, code, number = name.split("_")
        return int(subject[1:]), code, int(number)

    assert names == sorted(names, key=natural)
    assert planned[0].folder == "SMIC_all_raw/HS/s1/micro/negative/s1_ne_01"
    assert planned[-1].folder == "SMIC_all_raw/HS/s11/micro/surprise/s11_sur_11"


def test_length_and_phases_do_not_depend_on_the_label() -> None:
    planned = plan(Demo(subjects=99, clips_per_class=6))
    for feature in (lambda clip: clip.frames, lambda clip: clip.apex / clip.frames):
        groups = [
            [feature(clip) for clip in planned if clip.label == label]
            for label in ("negative", "positive", "surprise")
        ]
        assert kruskal(*groups).pvalue > 0.01


def test_lengths_follow_the_settings() -> None:
    frames = np.array([clip.frames for clip in plan(Demo(subjects=99))])
    assert abs(np.median(frames) - 31) <= 1.5
    assert frames.min() == 17
    assert frames.max() == 58


@given(
    seed=st.integers(0, 2**40),
    lengths=st.lists(st.integers(4, 90), min_size=3, max_size=3).map(sorted),
    subjects=st.integers(1, 5),
)
@settings(max_examples=40, deadline=None)
def test_counters_and_phases_hold_for_any_settings(
    seed: int, lengths: list[int], subjects: int
) -> None:
    shortest, median, longest = lengths
    chosen = Demo(
        seed=seed,
        subjects=subjects,
        min_frames=shortest,
        median_frames=median,
        max_frames=longest,
    )
    for clip in plan(chosen):
        assert shortest <= clip.frames <= longest
        last = clip.first_counter + clip.frames - 1
        assert 5 <= len(str(clip.first_counter)) == len(str(last)) <= 8
        when = Timing.of(chosen, clip)
        assert 0 <= when.onset < when.apex == clip.apex <= when.offset < clip.frames
        profile = when.profile()
        assert profile.shape == (clip.frames,)
        assert profile[0] == profile[when.onset] == 0
        assert profile[when.apex] == profile.max() == 1
        assert profile.min() >= 0


def test_only_the_order_of_two_actions_tells_some_clips_apart() -> None:
    chosen = Demo(sequence_share=0.5)
    ordered = [clip for clip in plan(chosen) if clip.only_ordered(chosen)]
    assert {clip.label for clip in ordered} == {"negative", "positive"}
    assert len(ordered) == 12 * 2  # of two clips per class and subject, the second one
    for clip in ordered:
        assert sorted(clip.shown(chosen)) == ["negative", "positive"]
        assert clip.shown(chosen)[0] == clip.label
        courses = Timing.of(chosen, clip).courses()
        first, second = (np.average(np.arange(clip.frames), weights=c) for c in courses.T)
        assert first < clip.apex < second
        assert courses[clip.apex] == pytest.approx([0.5, 0.5], abs=1e-6)  # no single frame tells
        assert courses[0].tolist() == [0, 0]
    others = [clip for clip in plan(chosen) if not clip.only_ordered(chosen)]
    assert others == [clip for clip in plan(Demo()) if not clip.only_ordered(chosen)]
    assert {Timing.of(chosen, clip).courses().shape[1] for clip in others} == {1}


@pytest.mark.parametrize("chosen", [Demo(), Demo(subjects=1), Demo(subjects=1, clips_per_class=1)])
def test_counters_have_several_widths(chosen: Demo) -> None:
    widths = {len(str(clip.first_counter)) for clip in plan(chosen)}
    assert len(widths) == min(4, 3 * chosen.clips_per_class)


def test_contradicting_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match="demo: .*min_frames, median_frames and max_frames"):
        Config.parse({"demo": {"min_frames": 40}})


def test_planning_loads_neither_torch_nor_opencv() -> None:
    code = (
        "import sys; from microexpr.config import Demo; from microexpr.demo.plan import plan; "
        "plan(Demo()); "
        "sys.exit(len({'torch', 'cv2', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
