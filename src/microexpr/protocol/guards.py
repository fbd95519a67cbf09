"""Guards that refuse leaking folds: they raise, they do not warn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from microexpr.errors import ProtocolError
from microexpr.protocol.folds import Fold


def check_folds(
    folds: Sequence[Fold],
    clip_ids: Sequence[str],
    subjects: Sequence[str],
    *,
    subject_independent: bool,
    complete: bool = True,
    sources: Sequence[str] | None = None,
) -> None:
    """Refuse folds that leak, or that leave clips out.

    Parameters
    ----------
    folds : sequence of Fold
        All folds of one protocol.
    clip_ids, subjects : sequence of str
        What the indices of the folds point into.
    subject_independent, complete : bool
        Whether the protocol promises that no subject is in training and in test, and that every
        clip is tested once.
    sources : sequence of str, optional
        The clip that each entry was made from; an augmented, flipped or magnified copy names the
        original. None: every entry is an original. Copies need not be used; if they are, they stay
        on the side of their original.

    Raises
    ------
    ProtocolError
        With the fold and the first clip or subject that is wrong.
    """
    sources = clip_ids if sources is None else sources
    if not folds:
        raise ProtocolError("there is no fold")
    _once(clip_ids, "{} clips have the name {}")
    _once((fold.name for fold in folds), "{} folds have the name {}")
    for fold in folds:
        _check_indices(fold, len(clip_ids))
        _disjoint(fold, clip_ids, "clip {} is in training and in test")
        _disjoint(fold, sources, "copies of clip {} are in training and in test")
        if subject_independent:
            _disjoint(fold, subjects, "subject {} is in training and in test")
        _check_nothing_left_out(fold, clip_ids, sources)
    _once((clip_ids[i] for fold in folds for i in fold.test), "{} folds test clip {}")
    if complete:
        tested = {clip_ids[i] for fold in folds for i in fold.test}
        missing = [c for c, s in zip(clip_ids, sources, strict=True) if c == s and c not in tested]
        if missing:
            raise ProtocolError(f"no fold tests clip {missing[0]} ({len(missing)} such clips)")


def check_inner(inner: Sequence[Fold], outer: Fold) -> None:
    """Refuse inner folds that hold a clip which `outer` does not train on.

    N, alpha and the epoch may be chosen on inner folds only.

    Raises
    ------
    ProtocolError
        With both folds and the number of such clips.
    """
    for fold in inner:
        outside = {*fold.train, *fold.test} - {*outer.train}
        if outside:
            raise ProtocolError(
                f"fold {fold.name}: {len(outside)} clips are not training clips of fold "
                f"{outer.name}, first index {min(outside)}"
            )


def check_trained(fold: Fold, clips: Iterable[int], clip_ids: Sequence[str]) -> None:
    """Refuse to train or to fit anything on clips that are not the fold's training clips.

    Standardisation, class weights and network weights all pass here.

    Raises
    ------
    ProtocolError
        With the fold and the first such clip.
    """
    outside = sorted(set(clips) - set(fold.train))
    if outside:
        raise ProtocolError(
            f"fold {fold.name}: clip {clip_ids[outside[0]]} is not one of its training clips, "
            "and may not be trained on"
        )


def check_classes(folds: Sequence[Fold], labels: Sequence[str], classes: Sequence[str]) -> None:
    """Refuse folds whose training clips lack a class: the network could never predict it.

    Raises
    ------
    ProtocolError
        With the fold and the class.
    """
    for name in classes:
        if name not in labels:
            raise ProtocolError(f"class {name!r} of data.labels has no clip")
    for fold in folds:
        trained = {labels[i] for i in fold.train}
        for name in classes:
            if name not in trained:
                raise ProtocolError(
                    f"fold {fold.name}: no training clip of class {name!r}; "
                    f"all {list(labels).count(name)} of them are tested there"
                )


def _check_indices(fold: Fold, count: int) -> None:
    for side, indices in (("training", fold.train), ("test", fold.test)):
        if not indices:
            raise ProtocolError(f"fold {fold.name}: there is no {side} clip")
        for index in indices:
            if not 0 <= index < count:
                raise ProtocolError(
                    f"fold {fold.name}: {side} index {index}, there are {count} clips"
                )


def _disjoint(fold: Fold, names: Sequence[str], message: str) -> None:
    both = {names[i] for i in fold.train} & {names[i] for i in fold.test}
    if both:
        more = f" ({len(both)} in all)" if len(both) > 1 else ""
        raise ProtocolError(f"fold {fold.name}: {message.format(min(both))}{more}")


def _check_nothing_left_out(fold: Fold, clip_ids: Sequence[str], sources: Sequence[str]) -> None:
    used = {clip_ids[i] for i in (*fold.train, *fold.test)}
    for clip_id, source in zip(clip_ids, sources, strict=True):
        if clip_id == source and clip_id not in used:
            raise ProtocolError(f"fold {fold.name}: clip {clip_id} is neither trained nor tested")


def _once(names: Iterable[str], message: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ProtocolError(message.format(count, name))
