"""Folds: what each protocol promises, for any data set, and one planted violation a guard."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from microexpr.errors import DataError, ProtocolError
from microexpr.protocol import COMPLETE, SUBJECT_INDEPENDENT, Fold, check_folds, check_inner
from microexpr.protocol.splits import inner_folds, make_folds

CLASSES = ["negative", "positive", "surprise"]
PARTED = ("official", "leave_one_dataset_out")  # of a column of the manifest, not made
# Clips of each class and subject of SMIC-HS, as counted in public lists.
SMIC = {
    **{"s1": (3, 2, 1), "s2": (0, 1, 5), "s3": (22, 11, 6), "s4": (10, 4, 5), "s5": (1, 0, 1)},
    **{"s6": (2, 0, 2), "s8": (9, 4, 0), "s9": (0, 1, 3), "s11": (3, 3, 1), "s12": (0, 8, 1)},
    **{"s13": (0, 10, 0), "s14": (3, 2, 5), "s15": (1, 1, 2), "s18": (2, 0, 5), "s19": (0, 1, 1)},
    "s20": (14, 3, 5),
}


def smic() -> tuple[list[str], list[str], list[str]]:
    rows = [
        (f"{subject}_{label[:2]}_{i:02d}", subject, label)
        for subject, counts in SMIC.items()
        for label, count in zip(CLASSES, counts, strict=True)
        for i in range(1, count + 1)
    ]
    return tuple(list(column) for column in zip(*rows, strict=True))


def counted(*counts: int) -> tuple[list[str], list[str], list[str], list[str]]:
    """Clips in any order, from class counts alone; subjects play no part in clip_kfold."""
    classes = [*CLASSES, "non_micro"][: len(counts)]
    labels = [c for c, count in zip(classes, counts, strict=True) for _ in range(count)]
    Random(0).shuffle(labels)
    ids = [f"c{i}" for i in range(len(labels))]
    return ids, ["s1"] * len(ids), labels, classes


def supports(folds: list[Fold], labels: list[str], classes: list[str]) -> list[tuple[int, ...]]:
    return [tuple(Counter(labels[i] for i in f.test)[c] for c in classes) for f in folds]


def test_clip_kfold_repeats_the_predecessors_folds_with_non_micro() -> None:
    ids, subjects, labels, classes = counted(70, 51, 43, 164)
    folds = make_folds(ids, subjects, labels, name="clip_kfold", classes=classes)
    assert supports(folds, labels, classes) == [
        (14, 14, 6, 32),
        (17, 8, 6, 35),
        (16, 9, 13, 28),
        (11, 7, 11, 36),
        (12, 13, 7, 33),
    ]
    assert [len(fold.test) for fold in folds] == [66, 66, 66, 65, 65]


def test_clip_kfold_repeats_the_predecessors_folds_with_three_classes() -> None:
    ids, subjects, labels, classes = counted(70, 51, 43)
    folds = make_folds(ids, subjects, labels, name="clip_kfold", classes=classes)
    assert supports(folds, labels, classes) == [
        (15, 8, 10),
        (16, 10, 7),
        (13, 7, 13),
        (12, 15, 6),
        (14, 11, 7),
    ]
    assert [len(fold.test) for fold in folds] == [33, 33, 33, 33, 32]


def test_clip_kfold_leaks_subjects_on_smic() -> None:
    ids, subjects, labels = smic()
    folds = make_folds(ids, subjects, labels, name="clip_kfold", classes=CLASSES)
    with pytest.raises(ProtocolError, match="subject s.* is in training and in test"):
        check_folds(folds, ids, subjects, protocol="loso")


def test_under_clip_kfold_knowing_who_it_is_beats_the_majority_class_on_smic() -> None:
    """What docs/protocols.md prints: identity alone, from the counts of a public label list."""
    ids, subjects, labels = smic()
    right = 0
    for fold in make_folds(ids, subjects, labels, name="clip_kfold", classes=CLASSES):
        everyone = Counter(labels[i] for i in fold.train)
        for clip in fold.test:
            same = Counter(labels[i] for i in fold.train if subjects[i] == subjects[clip])
            right += labels[clip] == (same or everyone).most_common(1)[0][0]
    assert right == 92
    assert max(Counter(labels).values()) == 70


def test_loso_on_smic_has_one_fold_a_subject_in_natural_order() -> None:
    ids, subjects, labels = smic()
    folds = make_folds(ids, subjects, labels, name="loso", classes=CLASSES)
    assert [fold.name for fold in folds] == list(SMIC)
    assert [len(fold.test) for fold in folds] == [sum(counts) for counts in SMIC.values()]
    assert {subjects[i] for i in folds[2].test} == {"s3"}


def test_group_kfold_on_smic_keeps_classes_and_sizes_even() -> None:
    ids, subjects, labels = smic()
    for seed in range(4):
        folds = make_folds(ids, subjects, labels, name="group_kfold", classes=CLASSES, seed=seed)
        assert min(min(row) for row in supports(folds, labels, CLASSES)) >= 4
        assert max(len(fold.test) for fold in folds) <= 45  # s3 alone is 39 of 164
        homes = Counter(s for fold in folds for s in {subjects[i] for i in fold.test})
        assert set(homes.values()) == {1}
        assert len(homes) == 16


@st.composite
def data_sets(draw: st.DrawFn) -> tuple[list[str], list[str], list[str]]:
    """Three to nine subjects, each with nought to four clips of each class, in any order."""
    per_subject = draw(
        st.lists(st.tuples(*[st.integers(0, 4)] * 3).filter(any), min_size=3, max_size=9)
    )
    rows = [
        (f"s{s}_{label[:2]}_{i}", f"s{s}", label)
        for s, counts in enumerate(per_subject, 1)
        for label, count in zip(CLASSES, counts, strict=True)
        for i in range(count)
    ]
    rows = draw(st.permutations(rows))
    return tuple(list(column) for column in zip(*rows, strict=True))


def lacks_a_class(fold: Fold, labels: list[str]) -> bool:
    return {labels[i] for i in fold.train} != set(CLASSES)


@settings(max_examples=150, deadline=None)
@given(
    data_sets(),
    st.sampled_from([name for name in COMPLETE if name not in PARTED]),
    st.integers(2, 4),
    st.integers(0, 99),
)
def test_folds_are_disjoint_cover_and_keep_their_promise(data, name, count, seed) -> None:
    ids, subjects, labels = data
    options = {"name": name, "classes": CLASSES, "folds": count, "seed": seed}
    holders = [{s for s, x in zip(subjects, labels, strict=True) if x == c} for c in CLASSES]
    try:
        folds = make_folds(ids, subjects, labels, **options)
    except ProtocolError as error:
        assert re.search("class '.*'|needs . subjects|there are only", str(error))
        assert name != "loso" or min(len(held) for held in holders) < 2
        assume(False)
    assert name != "loso" or min(len(held) for held in holders) >= 2
    for fold in folds:
        assert not set(fold.train) & set(fold.test)
        assert {*fold.train, *fold.test} == set(range(len(ids)))
        assert not lacks_a_class(fold, labels)
        if SUBJECT_INDEPENDENT[name]:
            assert not {subjects[i] for i in fold.train} & {subjects[i] for i in fold.test}
    tests = Counter(i for fold in folds for i in fold.test)
    assert set(tests.values()) == {1}
    assert len(tests) == len(ids) or not COMPLETE[name]


@settings(max_examples=60, deadline=None)
@given(data_sets(), st.lists(st.sampled_from(["train", "A", "B"]), min_size=9, max_size=9))
def test_an_official_split_is_kept_or_refused(data, parts) -> None:
    ids, subjects, labels = data
    splits = [parts[int(subject[1:]) - 1] for subject in subjects]
    options = {"name": "official", "classes": CLASSES, "splits": splits}
    try:
        folds = make_folds(ids, subjects, labels, **options)
    except ProtocolError as error:
        trained = {x for x, part in zip(labels, splits, strict=True) if part == "train"}
        assert trained != set(CLASSES) or set(splits) == {"train"}, error
        assume(False)
    (fold,) = folds
    assert {splits[i] for i in fold.train} == {"train"}
    assert "train" not in {splits[i] for i in fold.test}
    assert sorted([*fold.train, *fold.test]) == list(range(len(splits)))
    # A clip of a training subject that is called a test clip is a leak.
    leaked = next(i for i, part in enumerate(splits) if part == "train")
    if subjects.count(subjects[leaked]) > 1:
        wrong = [*splits[:leaked], "A", *splits[leaked + 1 :]]
        with pytest.raises(ProtocolError):
            make_folds(ids, subjects, labels, **{**options, "splits": wrong})


@settings(max_examples=60, deadline=None)
@given(data_sets(), st.sampled_from(list(COMPLETE)), st.randoms(use_true_random=False))
def test_folds_do_not_depend_on_the_order_of_the_clips(data, name, random) -> None:
    order = list(range(len(data[0])))
    random.shuffle(order)
    shuffled = [[column[i] for i in order] for column in data]
    made = []
    for ids, subjects, labels in (data, shuffled):
        try:
            folds = make_folds(ids, subjects, labels, name=name, classes=CLASSES, folds=3)
        except ProtocolError as error:
            made.append(str(error))
        else:
            made.append({f.name: frozenset(ids[i] for i in f.test) for f in folds})
    assert made[0] == made[1]


def test_seed_changes_the_draw_and_only_the_draw() -> None:
    ids, subjects, labels = smic()
    for name, changes in (("loso", False), ("clip_kfold", True), ("holdout", True)):
        first, again, other = (
            make_folds(ids, subjects, labels, name=name, classes=CLASSES, seed=seed)
            for seed in (1, 1, 2)
        )
        assert first == again
        assert (first != other) == changes


def test_holdout_tests_a_share_of_the_subjects() -> None:
    ids, subjects, labels = smic()
    (fold,) = make_folds(
        ids, subjects, labels, name="holdout", classes=CLASSES, test_share=0.25, seed=3
    )
    assert len({subjects[i] for i in fold.test}) == 4
    assert not {subjects[i] for i in fold.train} & {subjects[i] for i in fold.test}


PARTS = ["train", "train", "testA", "testB", "testA"]
OFFICIAL = {
    "clip_ids": ["a1", "b1", "c1", "d1", "e1"],
    "subjects": ["a", "b", "c", "d", "e"],
    "labels": ["x", "y", "x", "x", "y"],
    "name": "official",
    "classes": ["x", "y"],
}


def test_the_official_split_trains_on_its_training_set_alone() -> None:
    made = make_folds(**OFFICIAL, splits=PARTS)
    assert made == [Fold("official", (0, 1), (2, 3, 4))]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"splits": []}, "clip a1 has no split .* .5 such clips"),
        ({"splits": [*PARTS[:4], ""]}, "clip e1 has no split"),
        ({"splits": ["train"] * 5}, "there are clips of train only"),
        ({"splits": ["testA"] * 5}, "there are clips of testA only"),
        (
            {"splits": PARTS, "subjects": ["a", "b", "a", "d", "e"]},
            "fold official: subject a is in",
        ),
        (
            {"splits": PARTS, "subjects": ["a", "b", "c", "b", "e"]},
            "fold official: subject b is in",
        ),
        (
            {"splits": ["train", *PARTS[2:], "testC"]},
            "fold official: no training clip of class 'y'",
        ),
    ],
)
def test_an_official_split_that_is_none_is_refused(changed, message) -> None:
    with pytest.raises(ProtocolError, match=message):
        make_folds(**{**OFFICIAL, **changed})


SETS = {
    **OFFICIAL,
    "name": "leave_one_dataset_out",
    "splits": ["smic", "smic", "samm", "samm", "x10"],
}


def test_each_data_set_is_left_out_once() -> None:
    made = make_folds(**SETS)
    assert made == [
        Fold("samm", (0, 1, 4), (2, 3)),
        Fold("smic", (2, 3, 4), (0, 1)),
        Fold("x10", (0, 1, 2, 3), (4,)),
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"splits": []}, "two data sets or more .* clip a1 has none"),
        ({"splits": ["smic", "smic", "", "", "samm"]}, "two data sets or more .* clip c1 has none"),
        ({"splits": ["smic"] * 5}, "two data sets or more .* all clips are of smic"),
        # One person in two data sets: under two names only the frames tell, see test_copies.
        (
            {"subjects": ["a", "b", "c", "b", "e"]},
            "fold samm: subject b is in training and in test",
        ),
        ({"sources": ["a1", "b1", "c1", "d1", "a1"]}, "clips a1 and e1 hold the same frames"),
        ({"labels": ["x", "x", "x", "x", "y"]}, "fold x10: no training clip of class 'y'"),
    ],
)
def test_data_sets_that_leak_are_refused(changed, message) -> None:
    with pytest.raises(ProtocolError, match=message):
        make_folds(**{**SETS, **changed})


def test_no_fold_trains_on_a_clip_of_another_test_set() -> None:
    ids, who = OFFICIAL["clip_ids"], OFFICIAL["subjects"]
    leaking = [Fold("testA", (0, 1, 3), (2, 4)), Fold("testB", (0, 1), (3,))]
    with pytest.raises(ProtocolError, match="fold testA: trains on clip d1 of a test set"):
        check_folds(leaking, ids, who, protocol="official")


def test_inner_folds_stay_inside_the_training_part() -> None:
    ids, subjects, labels = smic()
    for outer in make_folds(ids, subjects, labels, name="loso", classes=CLASSES):
        inner = inner_folds(outer, ids, subjects, labels, classes=CLASSES, folds=3)
        assert sorted(i for fold in inner for i in fold.test) == sorted(outer.train)
        for fold in inner:
            assert {*fold.train, *fold.test} == set(outer.train)
            assert not {subjects[i] for i in fold.train} & {subjects[i] for i in fold.test}
            assert fold.name.startswith(outer.name)


# Planted violations: four clips of two subjects, folds that are right but for one thing.
IDS, WHO = ["a1", "a2", "b1", "b2"], ["a", "a", "b", "b"]
RIGHT = [Fold("a", (2, 3), (0, 1)), Fold("b", (0, 1), (2, 3))]


def test_right_folds_pass() -> None:
    check_folds(RIGHT, IDS, WHO, protocol="loso")


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([], "no fold"),
        ([RIGHT[0], replace(RIGHT[1], name="a")], "2 folds have the name a"),
        ([Fold("a", (1, 2, 3), (0, 1)), RIGHT[1]], "fold a: clip a2 is in training and in test"),
        ([Fold("x", (1, 2), (0, 3)), Fold("y", (0, 3), (1, 2))], "subject a is in training and"),
        ([RIGHT[0], Fold("b", (2, 3), (0, 1))], "2 folds test clip a1"),
        ([RIGHT[0]], r"no fold tests clip b1 \(2 such"),
        ([Fold("a", (2,), (0, 1)), RIGHT[1]], "clip b2 is neither trained nor tested"),
        ([Fold("a", (), (0, 1, 2, 3))], "there is no training clip"),
        ([Fold("a", (0, 1, 2, 3), ())], "there is no test clip"),
        ([Fold("a", (2, 4), (0, 1)), RIGHT[1]], "index 4, there are 4 clips"),
        ([Fold("a", (2, -1), (0, 1)), RIGHT[1]], "index -1"),
    ],
)
def test_guard_refuses(folds: list[Fold], message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        check_folds(folds, IDS, WHO, protocol="loso")


def test_guard_refuses_two_clips_of_one_name() -> None:
    with pytest.raises(ProtocolError, match="2 clips have the name a1"):
        check_folds(RIGHT, ["a1", "a1", "b1", "b2"], WHO, protocol="loso")


def test_copies_stay_with_their_clip() -> None:
    ids = [*IDS, "a1_flipped", "b1_flipped"]
    sources, who = [*IDS, "a1", "b1"], [*WHO, "a", "b"]
    options = {"protocol": "clip_kfold", "sources": sources}
    good = [Fold("a", (2, 3, 5), (0, 1)), Fold("b", (0, 1, 4), (2, 3))]
    check_folds(good, ids, who, **options)
    leaking = [Fold("a", (2, 3, 4, 5), (0, 1)), good[1]]
    with pytest.raises(ProtocolError, match="fold a: clips a1 and a1_flipped hold the same frames"):
        check_folds(leaking, ids, who, **options)


def test_selection_on_a_test_clip_is_refused() -> None:
    outer = Fold("a", (2, 3), (0, 1))
    check_inner([Fold("i", (2,), (3,))], outer)
    with pytest.raises(ProtocolError, match="fold i: 1 clips are not training clips of fold a"):
        check_inner([Fold("i", (2,), (3, 0))], outer)


@pytest.mark.parametrize(
    ("name", "subjects", "message"),
    [
        ("loso", ["a"] * 6, "needs 2 subjects or more, the clips have 1"),
        ("holdout", ["a"] * 6, "needs 2 subjects or more, the clips have 1"),
        ("group_kfold", ["a", "a", "a", "b", "b", "b"], "protocol.folds: needs 3 subjects"),
        ("holdout", ["a", "a", "a", "b", "b", "b"], "test_share 0.9 of 2 subjects"),
        ("lopo", ["a", "a", "a", "b", "b", "b"], "'lopo' is none of"),
    ],
)
def test_too_few_subjects(name: str, subjects: list[str], message: str) -> None:
    ids = [f"c{i}" for i in range(6)]
    with pytest.raises(ProtocolError, match=message):
        make_folds(ids, subjects, CLASSES * 2, name=name, classes=CLASSES, folds=3, test_share=0.9)


def test_a_class_that_one_subject_alone_has_is_refused() -> None:
    labels = ["negative", "positive", "surprise", "negative", "positive"]
    with pytest.raises(ProtocolError, match="fold a: no training clip of class 'surprise'"):
        make_folds(list("vwxyz"), list("aaabb"), labels, name="loso", classes=CLASSES)
    with pytest.raises(ProtocolError, match=r"class 'surprise' of data\.labels has no clip"):
        make_folds(
            list("vwyz"), list("aabb"), [*labels[:2], *labels[3:]], name="loso", classes=CLASSES
        )


def test_unknown_label_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="clip w: label 'happy' is none of"):
        make_folds(["v", "w"], ["a", "b"], ["negative", "happy"], name="loso", classes=CLASSES)
    with pytest.raises(ProtocolError, match="2 clips, 1 subjects and 2 labels"):
        make_folds(["v", "w"], ["a"], ["negative"] * 2, name="loso", classes=CLASSES)
