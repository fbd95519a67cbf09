"""A fold, ``folds.csv``, and the guards that refuse leaking folds: they raise, they do not warn.

``splits`` makes folds; ``predictions`` reads, writes and checks what is predicted for test clips.
Lists of folds that papers can cite, such as ``folds/megc2019-loso-v1.csv``, are tables of the same
columns with a checksum beside. Names are compared without case and leading zeros: copies differ.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microexpr.datasets.manifest import Clip, natural
from microexpr.errors import Faults, ProtocolError, leave_out
from microexpr.runtime.files import AnyPath
from microexpr.runtime.names import alike
from microexpr.runtime.tables import check_seal, read_rows, write_rows

PROTOCOLS = {  # and what people read
    "loso": "leave one subject out",
    "leave_one_dataset_out": "leave one data set out",
    "group_kfold": "k folds of subjects",
    "clip_kfold": "k folds of clips",
    "holdout": "one split of subjects",
    "official": "official split",
}
# Whether a protocol promises that no subject is on both sides, and that every clip is tested once.
SUBJECT_INDEPENDENT = {name: name != "clip_kfold" for name in PROTOCOLS}
COMPLETE = {name: name not in ("holdout", "official") for name in PROTOCOLS}
COLUMNS = ("clip_id", "subject", "label", "fold")
SHOWN = 5  # names in a message
TRAIN = "train"  # in the column split of the manifest; every other part is a test set


@dataclass(frozen=True)
class Fold:
    """One split: indices into the sequence of clips that the folds were made from."""

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]

    def plain(self, clip_ids: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
        """Return its clips, and the labels that are trained on, as plain values for checksums."""
        return {
            "fold": self.name,
            "train_clips": [[clip_ids[clip], labels[clip]] for clip in self.train],
            "test_clips": [clip_ids[clip] for clip in self.test],
        }


def write_folds(path: AnyPath, clips: Sequence[Clip], folds: Sequence[Fold]) -> None:
    """Write ``folds.csv``: one row per clip, with the fold that tests it; see `folds_by_name`."""
    tested = {index: fold.name for fold in folds for index in fold.test}
    about = ({key: getattr(clip, key) for key in COLUMNS[:3]} for clip in clips)
    write_rows(path, COLUMNS, (row | {"fold": tested.get(i, "")} for i, row in enumerate(about)))


def read_folds(path: AnyPath, clip_ids: Sequence[str]) -> list[Fold]:
    """Read ``folds.csv``: folds in the order of their first clip, as indices into `clip_ids`.

    DataError: it cannot be read, or was changed. ProtocolError: its clips are not `clip_ids`.
    """
    try:
        rows = {row["clip_id"]: row["fold"] for row in read_rows(path)}
    except KeyError as error:
        raise ProtocolError(f"{path}: not a table of folds (no column {error})") from None
    odd = sorted(set(rows) ^ set(clip_ids))
    if odd:
        where = "no features" if odd[0] in rows else "no row"
        raise ProtocolError(f"{path}: clip {odd[0]} has {where} ({len(odd)} such clips)")
    return folds_by_name([rows[clip_id] for clip_id in clip_ids], rows.values())


def folds_by_name(tested: Sequence[str], order: Iterable[str]) -> list[Fold]:
    """Make folds from the fold that tests each clip; where some have none, just these train."""
    trained = tuple(i for i, name in enumerate(tested) if not name)
    folds = []
    for name in dict.fromkeys(filter(None, order)):
        others = tuple(i for i, own in enumerate(tested) if own != name)
        test = tuple(i for i, own in enumerate(tested) if own == name)
        folds.append(Fold(name, trained or others, test))
    return folds


def check_folds(
    folds: Sequence[Fold],
    clip_ids: Sequence[str],
    subjects: Sequence[str],
    *,
    protocol: str,
    sources: Sequence[str] | None = None,
) -> None:
    """Refuse folds that leak, that leave clips out, or that break the promise of their protocol.

    `sources` names the clip that each entry was made from, such as the original of a flipped copy;
    None: all are originals. Copies that are used stay on the side of their original.
    """
    sources = clip_ids if sources is None else sources
    if not folds:
        raise ProtocolError("there is no fold")
    _once(clip_ids, "{} clips have the name {}")
    _once((fold.name for fold in folds), "{} folds have the name {}")
    for fold in folds:
        _check_indices(fold, len(clip_ids))
    originals = [c for c, source in zip(clip_ids, sources, strict=True) if c == source]
    tested = [clip_ids[i] for fold in folds for i in fold.test]
    _once(tested, "{} folds test clip {}")
    missing = [clip_id for clip_id in originals if clip_id not in set(tested)]
    if COMPLETE[protocol] and missing:
        raise ProtocolError(f"no fold tests clip {missing[0]} ({len(missing)} such clips)")
    # Without a promise to test every clip, what one fold tests no fold may train on.
    kept_out = set() if COMPLETE[protocol] else set(tested)
    for fold in folds:
        _disjoint(fold, clip_ids, "clip {} is in training and in test")
        _check_copies(fold, clip_ids, sources)
        if SUBJECT_INDEPENDENT[protocol]:
            _disjoint(fold, subjects, "subject {} is in training and in test")
        if both := kept_out & {clip_ids[i] for i in fold.train}:
            raise ProtocolError(f"fold {fold.name}: trains on clip {min(both)} of a test set")
        used = {clip_ids[i] for i in (*fold.train, *fold.test)} | kept_out
        if unused := [clip_id for clip_id in originals if clip_id not in used]:
            raise ProtocolError(f"fold {fold.name}: clip {unused[0]} is neither trained nor tested")


def check_inner(inner: Sequence[Fold], outer: Fold) -> None:
    """Raise a ProtocolError if inner folds hold a clip that `outer` does not train on."""
    for fold in inner:
        if outside := {*fold.train, *fold.test} - {*outer.train}:
            raise ProtocolError(
                f"fold {fold.name}: {len(outside)} clips are not training clips of fold "
                f"{outer.name}, first index {min(outside)}"
            )


def check_trained(fold: Fold, clips: Iterable[int], clip_ids: Sequence[str]) -> None:
    """Raise a ProtocolError where clips would be fitted on that are no training clips."""
    if outside := sorted(set(clips) - set(fold.train)):
        raise ProtocolError(
            f"fold {fold.name}: clip {clip_ids[outside[0]]} is not one of its training clips, "
            "and may not be trained on"
        )


def check_classes(folds: Sequence[Fold], labels: Sequence[str], classes: Sequence[str]) -> None:
    """Raise a ProtocolError if training clips lack a class: the network could never predict it."""
    for name in classes:
        if name not in labels:
            raise ProtocolError(f"class {name!r} of data.labels has no clip")
    for fold in folds:
        trained = {labels[i] for i in fold.train}
        if lacking := [name for name in classes if name not in trained]:
            raise ProtocolError(
                f"fold {fold.name}: no training clip of class {lacking[0]!r}; "
                f"all {list(labels).count(lacking[0])} of them are tested there"
            )


def _check_indices(fold: Fold, count: int) -> None:
    for side, indices in (("training", fold.train), ("test", fold.test)):
        if not indices:
            raise ProtocolError(f"fold {fold.name}: there is no {side} clip")
        if odd := [index for index in indices if not 0 <= index < count]:
            raise ProtocolError(f"fold {fold.name}: {side} index {odd[0]}, there are {count} clips")


def _disjoint(fold: Fold, names: Sequence[str], message: str) -> None:
    both = {names[i] for i in fold.train} & {names[i] for i in fold.test}
    if both:
        more = f" ({len(both)} in all)" if len(both) > 1 else ""
        raise ProtocolError(f"fold {fold.name}: {message.format(min(both))}{more}")


def _check_copies(fold: Fold, clip_ids: Sequence[str], sources: Sequence[str]) -> None:
    tested = {sources[i]: clip_ids[i] for i in fold.test}
    for i in fold.train:
        if sources[i] in tested:
            raise ProtocolError(
                f"fold {fold.name}: clips {tested[sources[i]]} and {clip_ids[i]} hold the same "
                f"frames, and are in training and in test; {leave_out(clip_ids[i])}"
            )


def _once(names: Iterable[str], message: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ProtocolError(message.format(count, name))


@dataclass(frozen=True)
class FoldList:
    """A list of folds; `rows` have the columns of ``folds.csv``, by `alike` name of the clip."""

    path: Path
    sha256: str
    rows: Mapping[str, Mapping[str, str]]


def read_list(path: AnyPath) -> FoldList:
    """Read a list and compare it with its checksum; DataError or ProtocolError on others."""
    digest, rows = check_seal(path), dict[str, dict[str, str]]()
    for row in read_rows(path):
        if missing := [name for name in COLUMNS if name not in row]:
            raise ProtocolError(f"{path}: not a list of folds (no column {missing[0]})")
        if alike(row["clip_id"]) in rows:
            raise ProtocolError(f"{path}: clip {row['clip_id']} has two rows")
        rows[alike(row["clip_id"])] = row
    return FoldList(Path(path), digest, rows)


def write_list(path: AnyPath, rows: Iterable[Mapping[Any, Any]]) -> str:
    """Write a list, sorted by name, and its checksum, which is returned; see `COLUMNS`."""
    kept = [{name: row[name] for name in COLUMNS} for row in rows]
    kept.sort(key=lambda row: (natural(row["subject"]), natural(row["clip_id"])))
    for name, count in Counter(alike(row["clip_id"]) for row in kept).items():
        if count > 1:
            raise ProtocolError(f"{path}: clip {name} would have {count} rows")
    write_rows(path, COLUMNS, kept)
    return read_list(path).sha256


def named(clip_ids: Sequence[str]) -> str:
    """Return the first names of clips, and how many there are."""
    more = len(clip_ids) - SHOWN
    return ", ".join(clip_ids[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def folds_of_list(path: AnyPath, clips: Sequence[Clip]) -> list[Fold]:
    """Return the folds of a list, as indices into `clips`, which must be those of the list."""
    known = read_list(path)
    found = {alike(clip.clip_id): number for number, clip in enumerate(clips)}
    faults = Faults()
    missing = [row["clip_id"] for key, row in known.rows.items() if key not in found]
    extra = [clips[number].clip_id for key, number in found.items() if key not in known.rows]
    for names, where in ((missing, "in the list only"), (extra, "in the data set only")):
        if names:
            remedy = "write a list of these clips with microexpr folds, under another name"
            faults.add(f"{known.path}: {len(names)} clips are {where}: {named(names)}; {remedy}")
    faults.stop()
    for key, number in found.items():
        row, clip = known.rows[key], clips[number]
        if alike(row["subject"]) != alike(clip.subject) or row["label"] != clip.label:
            faults.add(
                f"{known.path}: clip {clip.clip_id}: subject {row['subject']}, label "
                f"{row['label']}; the data set has {clip.subject}, {clip.label}"
            )
    faults.stop()
    tested = [known.rows[alike(clip.clip_id)]["fold"] for clip in clips]
    return folds_by_name(tested, (row["fold"] for row in known.rows.values()))
