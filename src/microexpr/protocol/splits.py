"""The protocols: how clips are split into folds.

Folds are made from clips and subjects, before windows exist: every window, magnified version and
augmented copy of a clip inherits the clip's fold. All but ``clip_kfold`` promise that no subject is
in training and in test; ``clip_kfold`` repeats the predecessor's folds, where subjects leak.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sklearn.model_selection import (
    GroupShuffleSplit,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    train_test_split,
)

from microexpr.config import Protocol
from microexpr.datasets.manifest import Clip, natural, originals
from microexpr.errors import DataError, ProtocolError
from microexpr.protocol import (
    TRAIN,
    Fold,
    check_classes,
    check_folds,
    check_inner,
    folds_by_name,
)
from microexpr.protocol.lists import folds_of_list, read_list


@dataclass(frozen=True)
class _Clips:
    """Clips in their natural order, so that folds do not depend on the order of the manifest."""

    order: list[int]
    subjects: list[str]
    labels: list[str]

    def fold(self, name: str, test: Sequence[int]) -> Fold:
        """Turn positions in this order into a fold of the caller's indices."""
        tested = {self.order[i] for i in test}
        train = tuple(sorted(i for i in self.order if i not in tested))
        return Fold(name, train, tuple(sorted(tested)))


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
    """Split clips for one of the protocols, and check the split.

    Parameters
    ----------
    clip_ids, subjects, labels : sequence of str
        One entry per clip; identifiers are unique.
    name : {"loso", "leave_one_dataset_out", "group_kfold", "clip_kfold", "holdout", "official"}
        loso: each subject is one fold, named after the subject. leave_one_dataset_out: each of
        `splits` is one. group_kfold: folds of whole
        subjects, stratified by class, drawn from `seed`. clip_kfold: the predecessor's folds.
        holdout: one fold that tests a share of the subjects. official: one fold that trains on
        the training set of the data set and tests all its test sets.
    classes : sequence of str
        All class names, in the order of ``data.labels``.
    folds, test_share : int, float
        Number of folds of group_kfold and clip_kfold; share of the subjects that holdout tests.
    seed : int
        Of group_kfold, clip_kfold and holdout.
    sources : sequence of str, optional
        The clip that each one's frames come from; None: each one is an original.
    splits : sequence of str
        The part that each clip belongs to: of an official split, such as train, or its data set.

    Returns
    -------
    list of Fold
        The same for any order of the clips, apart from the indices.

    Raises
    ------
    ProtocolError
        With too few subjects or clips, a fold whose training clips lack a class, or a leak.
    DataError
        If a label is not among the classes.
    """
    _check_sequences(clip_ids, subjects, labels, classes)
    order = sorted(range(len(clip_ids)), key=lambda i: (natural(clip_ids[i]), clip_ids[i]))
    clips = _Clips(order, [subjects[i] for i in order], [labels[i] for i in order])
    makers: dict[str, Callable[[], list[Fold]]] = {
        "loso": lambda: _loso(clips),
        "leave_one_dataset_out": lambda: _by_part(clip_ids, splits or [""] * len(clip_ids)),
        "group_kfold": lambda: _group_kfold(clips, folds, seed),
        "clip_kfold": lambda: _clip_kfold(clips, classes, folds, seed),
        "holdout": lambda: _holdout(clips, test_share, seed),
        "official": lambda: _official(clip_ids, splits or [""] * len(clip_ids)),
    }
    if name not in makers:
        raise ProtocolError(f"protocol.name {name!r} is none of {list(makers)}")
    made = makers[name]()
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
        made = folds_of_list(read_list(protocol.file), clips)
        _check_list(protocol.name, made, subjects, splits)
        check_folds(made, ids, subjects, protocol=protocol.name, sources=sources)
        check_classes(made, truth, labels)
        return made
    return make_folds(
        ids,
        subjects,
        truth,
        name=protocol.name,
        classes=labels,
        folds=protocol.folds,
        test_share=protocol.test_share,
        seed=protocol.seed,
        sources=sources,
        splits=splits,
    )


def _check_list(
    name: str, folds: Sequence[Fold], subjects: Sequence[str], parts: Sequence[str]
) -> None:
    """Refuse a list whose folds are not what the protocol says: one subject, or one data set."""
    if name not in ("loso", "leave_one_dataset_out"):
        return
    units = subjects if name == "loso" else parts
    for fold in folds:
        if len(tested := {units[i] for i in fold.test}) > 1:
            raise ProtocolError(
                f"protocol.file: fold {fold.name} tests {', '.join(sorted(tested))}, and "
                f"protocol.name is {name}"
            )


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
    """Split the training clips of a fold by subject, to choose N, alpha or the epoch on.

    Parameters and errors are those of :func:`make_folds`, for all clips; indices of the result
    refer to them too. The test clips of `fold` are in none of the inner folds, which are called
    ``<fold>-inner<k>``.
    """
    train = fold.train
    columns = [[column[i] for i in train] for column in (clip_ids, subjects, labels)]
    inner = make_folds(*columns, name="group_kfold", classes=classes, folds=folds, seed=seed)
    mapped = [
        Fold(
            f"{fold.name}-inner{k}",
            tuple(train[i] for i in one.train),
            tuple(train[i] for i in one.test),
        )
        for k, one in enumerate(inner)
    ]
    check_inner(mapped, fold)
    return mapped


def _loso(clips: _Clips) -> list[Fold]:
    _need_subjects(clips, 2, "loso")
    splits = LeaveOneGroupOut().split(clips.order, groups=clips.subjects)
    made = [clips.fold(clips.subjects[test[0]], test) for _, test in splits]
    return sorted(made, key=lambda fold: natural(fold.name))


def _by_part(clip_ids: Sequence[str], parts: Sequence[str]) -> list[Fold]:
    """Make each data set a fold; a subject of two of them is refused by `check_folds`."""
    alone = [clip_id for clip_id, part in zip(clip_ids, parts, strict=True) if not part]
    if alone or len(set(parts)) < 2:
        what = f"clip {min(alone)} has none" if alone else f"all clips are of {parts[0]}"
        raise ProtocolError(
            "protocol.name leave_one_dataset_out: needs two data sets or more in column split of "
            f"results/manifest.csv, and {what}; data.kind composite and megc2019 have them"
        )
    return folds_by_name(parts, sorted(set(parts), key=natural))


def _group_kfold(clips: _Clips, folds: int, seed: int) -> list[Fold]:
    _need_subjects(clips, folds, "group_kfold")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Rare classes: `check_classes` refuses what matters, training clips that lack one.
        warnings.simplefilter("ignore", UserWarning)
        try:
            splits = list(splitter.split(clips.order, clips.labels, clips.subjects))
        except ValueError as error:
            raise ProtocolError(f"protocol.folds {folds}: {error}") from None
    return [clips.fold(f"fold{k}", test) for k, (_, test) in enumerate(splits)]


def _clip_kfold(clips: _Clips, classes: Sequence[str], folds: int, seed: int) -> list[Fold]:
    """Split clips sorted by class, as the published code of the ICMI 2020 predecessor does.

    The i-th fold takes ``1 / (folds - i)`` of what is left, the last one the rest.
    """
    if len(clips.order) < folds:
        raise ProtocolError(f"protocol.folds {folds}: there are only {len(clips.order)} clips")
    left = sorted(range(len(clips.order)), key=lambda i: classes.index(clips.labels[i]))
    made = []
    for k in range(folds - 1):
        left, test = train_test_split(left, test_size=1 / (folds - k), random_state=seed)
        made.append(clips.fold(f"fold{k}", test))
    return [*made, clips.fold(f"fold{folds - 1}", left)]


def _holdout(clips: _Clips, test_share: float, seed: int) -> list[Fold]:
    _need_subjects(clips, 2, "holdout")
    splitter = GroupShuffleSplit(1, test_size=test_share, random_state=seed)
    try:
        _, test = next(splitter.split(clips.order, groups=clips.subjects))
    except ValueError:
        count = len(set(clips.subjects))
        raise ProtocolError(
            f"protocol.test_share {test_share} of {count} subjects leaves none to train on"
        ) from None
    return [clips.fold("holdout", test)]


def _official(clip_ids: Sequence[str], splits: Sequence[str]) -> list[Fold]:
    nowhere = [clip_id for clip_id, part in zip(clip_ids, splits, strict=True) if not part]
    if nowhere:
        raise ProtocolError(
            f"protocol.name official: clip {min(nowhere)} has no split in results/manifest.csv "
            f"({len(nowhere)} such clips); DFME and tables with a column split have one"
        )
    train = tuple(i for i, part in enumerate(splits) if part == TRAIN)
    tested = tuple(i for i, part in enumerate(splits) if part != TRAIN)
    if not (train and tested):
        raise ProtocolError(
            f"protocol.name official: needs clips of split {TRAIN} and of a test set, there are "
            f"clips of {', '.join(sorted({*splits}))} only"
        )
    return [Fold("official", train, tested)]


def _need_subjects(clips: _Clips, minimum: int, name: str) -> None:
    count = len(set(clips.subjects))
    if count < minimum:
        key = "protocol.folds" if name == "group_kfold" else f"protocol.name {name}"
        raise ProtocolError(f"{key}: needs {minimum} subjects or more, the clips have {count}")


def _check_sequences(
    clip_ids: Sequence[str], subjects: Sequence[str], labels: Sequence[str], classes: Sequence[str]
) -> None:
    if not len(clip_ids) == len(subjects) == len(labels):
        raise ProtocolError(
            f"{len(clip_ids)} clips, {len(subjects)} subjects and {len(labels)} labels: "
            "one of each per clip"
        )
    if not clip_ids:
        raise ProtocolError("no clip to split")
    for clip_id, label in zip(clip_ids, labels, strict=True):
        if label not in classes:
            raise DataError(f"clip {clip_id}: label {label!r} is none of {list(classes)}")
