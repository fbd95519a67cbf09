"""From emotions to classes: by map or by name, never by silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from microexpr.config import Config, Data, Problem
from microexpr.datasets import KINDS, title
from microexpr.datasets.corrections import CORRECTIONS, correct
from microexpr.datasets.listing import Labels, Listing
from microexpr.errors import ConfigError


def ask(emotion: str, **data: object) -> tuple[str | None, list[str]]:
    found = Listing()
    label = Labels(Data(**data)).of(emotion, found, detail="line 3", clip_id="c", subject="s")
    return label, [f"{f.problem} {f.action} {f.clip_id}" for f in found.findings]


def test_a_map_wins_over_a_label_of_the_same_name():
    assert ask("surprise", label_map={"Surprise": "positive"}) == ("positive", [])


@pytest.mark.parametrize("emotion", ["disgust", "Disgust", " DISGUST ", "disgust\u00a0"])
def test_case_and_blanks_do_not_matter(emotion):
    assert ask(emotion, label_map={"Disgust": "negative"}) == ("negative", [])


def test_umlauts_have_two_spellings():
    assert ask("A\u0308rger", label_map={"Ärger": "negative"}) == ("negative", [])


def test_what_is_dropped_and_what_is_unknown_are_told_apart():
    settings = {"label_map": {"disgust": "negative"}, "drop_labels": ["Others"]}
    assert ask("others", **settings) == (None, ["dropped_label dropped c"])
    assert ask("other", **settings) == (None, ["unknown_labels dropped c"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"label_map": {"fear": "sad"}}, "label_map: 'fear' becomes 'sad', which is no label"),
        ({"label_map": {"fear": "negative"}, "drop_labels": ["Fear"]}, "drop_labels: 'Fear' is in"),
        ({"drop_labels": ["positive"]}, "drop_labels: 'positive' is in label_map or labels too"),
        ({"allow": ["everything"]}, r"data.allow\[0\] must be .*'missing_frames'"),
        ({"kind": "casme4"}, "data.kind must be .*'casme3'"),
    ],
)
def test_settings_that_contradict_are_refused(data, message):
    with pytest.raises(ConfigError, match=message):
        Config.parse({"data": data})


def test_corrections_go_by_name_and_leave_the_rest_alone():
    frames = {"onset": 5658, "apex": 5680, "offset": 5793}
    assert correct("samm", "013", "013_1_9", frames)[0] == {**frames, "offset": 5739}
    for other in (
        ("samm", "013", "013_1_8"),
        ("casme2", "013", "013_1_9"),
        ("samm", "014", "013_1_9"),
    ):
        assert correct(*other, frames) == (frames, "")
    right = {**frames, "offset": 5739}
    assert correct("samm", "013", "013_1_9", right) == (right, "")


def test_each_correction_has_a_source_and_makes_an_order():
    for known in CORRECTIONS:
        assert known.source
        assert set(known.becomes) <= {"onset", "apex", "offset"}
        values = [known.becomes.get(k) for k in ("onset", "apex", "offset")]
        values = [number for number in values if number is not None]
        assert values == sorted(values)
    keys = [(c.dataset, c.subject, c.name, *c.printed.items()) for c in CORRECTIONS]
    assert len(set(keys)) == len(keys)


def test_titles_keep_generated_and_real_data_apart():
    assert title(Data()) == "synthetic"
    more = {"video": {"table": "clips.csv"}}
    more["composite"] = {"sets": {"a": {"kind": "casme2"}, "b": {"kind": "samm"}}}
    titles = {title(Data(kind=kind, **more.get(kind, {}))) for kind in KINDS.own}
    assert len(titles) == len(KINDS.own)
    assert title(Data(kind="smic", version="cropped")) == "SMIC-HS cropped"
    assert title(Data(kind="casme3", part="C")) == "CAS(ME)^3 part C"


def test_the_documentation_lists_every_correction_problem_and_kind():
    text = (Path(__file__).parents[2] / "docs/datasets.md").read_text(encoding="utf-8")
    for known in CORRECTIONS:
        several = "onset" in known.printed
        row = f"{known.subject} {known.name} {known.printed['onset']}" if several else known.name
        line = next(line for line in text.splitlines() if f"| {row} |" in line)
        numbers = {*known.becomes.values(), *known.printed.values()} - {None}
        assert all(str(number) in line for number in numbers)
    for problem in Problem.__args__:
        assert f"| `{problem}` |" in text
    for kind in KINDS.own:
        assert f"| `{kind}`" in text or kind == "demo"
