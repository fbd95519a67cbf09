"""What the screen says of jobs: read from their logs, true, and short."""

from __future__ import annotations

import os
import time

import pytest

from microexpr.runtime.progress import (
    CLOSING_LINES,
    SHOWN_JOBS,
    Progress,
    Screen,
    duration,
    latest,
    own_message,
    track,
)

LOG = "results/logs/crop/s1-s6.log"


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def screen(tmp_path, monkeypatch, clock):
    """Make a run of ten jobs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/logs/crop").mkdir(parents=True)
    made = Screen(clock)
    made.plan(10)
    return made


def write(text, path=LOG):
    with open(path, "w") as log:  # noqa: PTH123
        log.write(text)


def begin(screen, number=1, path=LOG, rule="crop"):
    return screen.start(number, rule, [path], time.time())


def test_a_job_tells_its_log_how_far_it_is(capsys):
    for _ in track(range(3), "crop"):
        assert latest(capsys.readouterr().err) in (Progress("crop", 0, 3, 0.0), None)
    assert latest(capsys.readouterr().err).done == 3
    list(track(iter("ab"), "video.mp4"))
    assert str(latest(capsys.readouterr().err)) == "video.mp4: 0/? in 0.0 s"


@pytest.mark.parametrize(
    ("progress", "told"),
    [
        (Progress("crop", 0, 36, 0.0), "0 of 36 clips"),
        (Progress("crop", 12, 36, 90.0), "12 of 36 clips, 3 min left"),
        (Progress("train pmm N=7", 2, 24, 600.0), "2 of 24 folds, 1 h 50 min left"),
        (Progress("pages of crops", 2, 3, 8.0), "2 of 3, 4 s left"),
        (Progress("video.mp4", 20, None, 8.0), "20"),
        (Progress("crop", 36, 36, 90.0), "36 of 36 clips"),
    ],
)
def test_progress_for_a_person(progress, told):
    assert progress.summary() == told
    assert latest(f"before\n{Progress('x', 1, 2, 1.0)}\n{progress}\nafter\n") == progress


def test_a_log_without_progress():
    assert latest("clip a: jitter 0.03 px, face in 100 %\n") is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.6, "1 min"), (3570, "1 h 0 min"), (7500, "2 h 5 min")]
)
def test_durations(seconds, said):
    assert duration(seconds) == said


def test_jobs_are_named_by_their_logs_and_counted(screen, clock):
    train = "results/logs/train/pmm/N7/chunk0.log"
    assert begin(screen) == "started  crop s1-s6"
    assert begin(screen, 2, f"s3://bucket/run1/{train} (send to storage)") == (
        "started  train pmm N7 chunk0"
    )
    assert screen.start(3, "all", [], 0.0) == ""
    clock.now = 70.0
    write("crop: 0/36 in 0.0 s\ncrop: 9/36 in 60.0 s\n")
    assert screen.running() == [
        "running  crop s1-s6           9 of 36 clips, 3 min left",
        "running  train pmm N7 chunk0  1 min",
        "0 of 10 jobs done, 1 min so far",
    ]
    assert screen.finish(1) == "finished crop s1-s6 in 1 min (1 of 10)"
    assert screen.finish(3) == ""
    assert screen.running()[-1] == "2 of 10 jobs done, 1 min so far"


def test_more_jobs_than_the_screen_holds(screen):
    for number in range(SHOWN_JOBS + 3):
        begin(screen, number)
    assert len(screen.running()) == SHOWN_JOBS + 2
    assert screen.running()[-2] == "running  3 more"


def test_the_jobs_own_lines_are_the_last_ones(screen):
    said = "".join(f"microexpr stage crop: clip {name}: no face\n" for name in "bc")
    write(f"clip a: fine\n{said}")
    begin(screen)
    write(f"clip a: fine\n{said}\n")
    failed = screen.fail(1, "crop", [LOG], "")
    assert failed == "FAILED   crop s1-s6: microexpr stage crop: clip b: no face"
    assert screen.closing() == [
        f"Jobs: 1 failed, 0 of 10 done in 0 s. Logs of failed jobs: {LOG}",
        "microexpr stage crop: clip b: no face",
        "microexpr stage crop: clip c: no face",
    ]


def test_the_log_of_an_earlier_run_tells_nothing(screen):
    write("crop: 3/9 in 12.0 s\nmicroexpr stage crop: clip a: no face\n")
    os.utime(LOG, (time.time() - 60,) * 2)
    begin(screen)
    assert "of 9" not in screen.running()[0]
    said = screen.fail(1, "crop", [LOG], "")
    assert said == f"FAILED   crop s1-s6: killed, possibly out of memory; see {LOG}"


@pytest.mark.parametrize(
    ("log", "reason", "says"),
    [
        ("", "", "killed, possibly out of memory; see"),
        ("clip a: fine\n", "", "killed, possibly out of memory, after: clip a: fine; see"),
        (
            "Traceback (most recent call last):\n  File\nKeyError: 'x'\n",
            "",
            "internal error: KeyError: 'x'; see",
        ),
        (
            "",
            "SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'. For further error details "
            "see the cluster/cloud log and the log files of the involved rule(s).",
            "SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'.; killed, possibly",
        ),
    ],
)
def test_a_job_that_ends_without_a_message(screen, log, reason, says):
    begin(screen)
    write(log)
    screen.fail(1, "crop", [LOG], reason)
    last = screen.closing()[-1]
    assert last.startswith(f"crop s1-s6: {says}")
    assert last.endswith(f"; see {LOG}")


def test_one_message_of_many_jobs_is_said_once(screen):
    for number in range(SHOWN_JOBS + 2):
        path = f"results/logs/crop/s{number}.log"
        begin(screen, number, path)
        write("microexpr stage crop: no weights\n", path)
        screen.fail(number, "crop", [path], "")
    first, *others = screen.closing()
    assert others == ["microexpr stage crop: no weights"]
    assert first.endswith("s11.log and 2 more")


def test_many_messages_end_with_the_last_ones(screen):
    begin(screen)
    write("".join(f"microexpr stage crop: clip {n}\n" for n in range(CLOSING_LINES + 5)))
    screen.fail(1, "crop", [LOG], "")
    _, more, *shown = screen.closing()
    assert more == "(5 more messages are in the logs)"
    assert shown[-1] == f"microexpr stage crop: clip {CLOSING_LINES + 4}"
    assert len(shown) == CLOSING_LINES


def test_a_second_attempt_that_succeeds_leaves_no_failure(screen, clock):
    screen.plan(1)
    begin(screen)
    screen.fail(1, "crop", [LOG], "")
    begin(screen)
    clock.now = 8.0
    screen.finish(1)
    assert screen.closing() == ["Jobs: 1 of 1 done in 8 s."]


def test_a_run_without_jobs_has_no_last_line():
    assert Screen().closing() == []


def test_errors_of_others_are_left_to_snakemake():
    for text in (
        "MissingRuleException:\nNo rule to produce results/tabel.csv",
        "NameError in file \"/a/workflow/rules/train.smk\", line 3:\nname 'x' is not defined\n"
        '  File "/a/workflow/rules/train.smk", line 3, in <module>',
    ):
        assert own_message(text) == []
