"""The protocols: how clips are split into folds.

Folds are made from clips and subjects, before windows exist: every window, magnified version and
augmented copy of a clip inherits the clip's fold. All but ``clip_kfold`` promise that no subject is
in training and in test; ``clip_kfold`` repeats the predecessor's folds, where subjects leak.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split

from microexpr.config import Protocol
from microexpr.datasets.manifest import Clip, natural, originals
from microexpr.errors import DataError, ProtocolError
from microexpr.protocol import TRAIN, Fold, check_classes, check_folds, check_inner, folds_of_list

Tests = list[tuple[str, Iterable[int]]]  # the name of each fold, and the clips that it tests


class _Given(NamedTuple):
    """Clips in natural order, so that folds do not depend on the manifest's, and the options."""

    clip_ids: list[str]
    subjects: list[str]
    labels: list[str]
    parts: list[str]
    classes: Sequence[str]
    folds: int
    test_share: float
    seed: int

    def need_subjects(self, minimum: int, key: str) -> None:
        """Raise a ProtocolError where there are too few subjects."""
        if (count := len(set(self.subjects))) < minimum:
            raise ProtocolError(f"{key}: needs {minimum} subjects or more, the clips have {count}")


def make_folds(
    clip_ids: Sequence[str],
    subjects: Sequence[str],
    labels: Sequence[str],
    *,
    name: str,
    classes: Sequence[str],
    folds: int = 5,
    test_share: float = 0.2,
    seed: int = 42,
    sources: Sequence[str] | None = None,
    splits: Sequence[str] = (),
) -> list[Fold]:
    """Split clips for the protocol `name`, and check the split: the same for any order of clips.

    loso: each subject is one fold, named after the subject. leave_one_dataset_out: each of `splits`
    is one. group_kfold: `folds` of whole subjects, stratified by class, drawn from `seed`.
    clip_kfold: the predecessor's folds. holdout: one fold that tests a share of the subjects.
    official: one fold that trains on the clips whose part in `splits` is train, and tests the rest.
    `sources` is as for :func:`.check_folds`; `classes` are all, in the order of ``data.labels``.

    ProtocolError: too few subjects or clips, a fold whose training clips lack a class, or a leak.
    DataError: a label is not among the classes.
    """
    if not len(clip_ids) == len(subjects) == len(labels):
        counts = f"{len(clip_ids)} clips, {len(subjects)} subjects and {len(labels)} labels"
        raise ProtocolError(f"{counts}: one of each per clip")
    if not clip_ids:
        raise ProtocolError("no clip to split")
    for clip_id, label in zip(clip_ids, labels, strict=True):
        if label not in classes:
            raise DataError(f"clip {clip_id}: label {label!r} is none of {list(classes)}")
    if name not in MAKERS:
        raise ProtocolError(f"protocol.name {name!r} is none of {list(MAKERS)}")
    order = sorted(range(len(clip_ids)), key=lambda i: (natural(clip_ids[i]), clip_ids[i]))
    columns = (clip_ids, subjects, labels, splits or [""] * len(clip_ids))
    ids, people, truth, parts = ([column[i] for i in order] for column in columns)
    given = _Given(ids, people, truth, parts, classes, folds, test_share, seed)
    made = []
    for fold, positions in MAKERS[name](given):
        tested = {order[i] for i in positions}
        made.append(Fold(fold, tuple(sorted({*order} - tested)), tuple(sorted(tested))))
    check_folds(made, clip_ids, subjects, protocol=name, sources=sources)
    check_classes(made, labels, classes)
    return made


def folds_of(
    protocol: Protocol,
    labels: Sequence[str],
    clips: Sequence[Clip],
    frames: Mapping[str, str] | None = None,
) -> list[Fold]:
    """Split clips as ``protocol`` asks for; `frames` is as for :func:`.manifest.originals`."""
    ids, subjects, truth = (
        [getattr(clip, key) for clip in clips] for key in ("clip_id", "subject", "label")
    )
    sources, splits = originals(clips, frames), [clip.split for clip in clips]
    if protocol.file:
        made = folds_of_list(protocol.file, clips)
        units = {"loso": subjects, "leave_one_dataset_out": splits}.get(protocol.name)
        for fold in made:
            if units and len(tested := {units[i] for i in fold.test}) > 1:
                raise ProtocolError(
                    f"protocol.file: fold {fold.name} tests {', '.join(sorted(tested))}, and "
                    f"protocol.name is {protocol.name}"
                )
        check_folds(made, ids, subjects, protocol=protocol.name, sources=sources)
        check_classes(made, truth, labels)
        return made
    options: dict[str, Any] = {"name": protocol.name, "folds": protocol.folds}
    options |= {"test_share": protocol.test_share, "seed": protocol.seed, "sources": sources}
    return make_folds(ids, subjects, truth, classes=labels, splits=splits, **options)


def inner_folds(
    fold: Fold,
    clip_ids: Sequence[str],
    subjects: Sequence[str],
    labels: Sequence[str],
    *,
    classes: Sequence[str],
    folds: int = 5,
    seed: int = 42,
) -> list[Fold]:
    """Split the training clips of a fold by subject; indices refer to all clips."""
    columns = [[column[i] for i in fold.train] for column in (clip_ids, subjects, labels)]
    inner = make_folds(*columns, name="group_kfold", classes=classes, folds=folds, seed=seed)
    mapped = []
    for k, one in enumerate(inner):
        train, test = (tuple(fold.train[i] for i in side) for side in (one.train, one.test))
        mapped.append(Fold(f"{fold.name}-inner{k}", train, test))
    check_inner(mapped, fold)
    return mapped


def _each(names: Sequence[str]) -> Tests:
    """Make a fold of all clips that have a name in common."""
    return [
        (name, [i for i, other in enumerate(names) if other == name])
        for name in sorted(set(names), key=lambda name: (natural(name), name))
    ]


def _loso(given: _Given) -> Tests:
    given.need_subjects(2, "protocol.name loso")
    return _each(given.subjects)


def _by_part(given: _Given) -> Tests:
    """Make each data set a fold; a subject of two of them is refused by `check_folds`."""
    alone = [clip for clip, part in zip(given.clip_ids, given.parts, strict=True) if not part]
    if alone or len(set(given.parts)) < 2:
        what = f"clip {min(alone)} has none" if alone else f"all clips are of {given.parts[0]}"
        raise ProtocolError(
            "protocol.name leave_one_dataset_out: needs two data sets or more in column split of "
            f"results/manifest.csv, and {what}; data.kind composite and megc2019 have them"
        )
    return _each(given.parts)


def _group_kfold(given: _Given) -> Tests:
    given.need_subjects(given.folds, "protocol.folds")
    splitter = StratifiedGroupKFold(given.folds, shuffle=True, random_state=given.seed)
    with warnings.catch_warnings():
        # Rare classes: `check_classes` refuses what matters, training clips that lack one.
        warnings.simplefilter("ignore", UserWarning)
        try:
            splits = list(splitter.split(given.clip_ids, given.labels, given.subjects))
        except ValueError as error:
            raise ProtocolError(f"protocol.folds {given.folds}: {error}") from None
    return [(f"fold{k}", test) for k, (_, test) in enumerate(splits)]


def _clip_kfold(given: _Given) -> Tests:
    """Split clips sorted by class, as the published code of the ICMI 2020 predecessor does.

    The i-th fold takes ``1 / (folds - i)`` of what is left, the last one the rest.
    """
    numbers, folds = [given.classes.index(label) for label in given.labels], given.folds
    if len(numbers) < folds:
        raise ProtocolError(f"protocol.folds {folds}: there are only {len(numbers)} clips")
    left: list[int] = sorted(range(len(numbers)), key=lambda i: numbers[i])
    tests = []
    for k in range(folds - 1):
        left, test = train_test_split(left, test_size=1 / (folds - k), random_state=given.seed)
        tests.append(test)
    return [(f"fold{k}", test) for k, test in enumerate([*tests, left])]


def _holdout(given: _Given) -> Tests:
    given.need_subjects(2, "protocol.name holdout")
    splitter = GroupShuffleSplit(1, test_size=given.test_share, random_state=given.seed)
    try:
        _, test = next(splitter.split(given.clip_ids, groups=given.subjects))
    except ValueError:
        count = len(set(given.subjects))
        raise ProtocolError(
            f"protocol.test_share {given.test_share} of {count} subjects leaves none to train on"
        ) from None
    return [("holdout", test)]


def _official(given: _Given) -> Tests:
    nowhere = [clip for clip, part in zip(given.clip_ids, given.parts, strict=True) if not part]
    if nowhere:
        raise ProtocolError(
            f"protocol.name official: clip {min(nowhere)} has no split in results/manifest.csv "
            f"({len(nowhere)} such clips); DFME and tables with a column split have one"
        )
    tested = [i for i, part in enumerate(given.parts) if part != TRAIN]
    if not 0 < len(tested) < len(given.parts):
        raise ProtocolError(
            f"protocol.name official: needs clips of split {TRAIN} and of a test set, there are "
            f"clips of {', '.join(sorted({*given.parts}))} only"
        )
    return [("official", tested)]


MAKERS: dict[str, Callable[[_Given], Tests]] = {
    "loso": _loso,
    "leave_one_dataset_out": _by_part,
    "group_kfold": _group_kfold,
    "clip_kfold": _clip_kfold,
    "holdout": _holdout,
    "official": _official,
}
