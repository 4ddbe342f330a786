"""Re-read a whole record set and name every damage by file, record, id and byte."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from fgtl.data.draws import id_keys
from fgtl.data.image_files.policy import ImagePolicy
from fgtl.data.manifest import LABELS, File, Index, Manifest, read_index, read_manifest
from fgtl.data.pool import run_tasks
from fgtl.data.shard_check import Damage, ShardCheck, check_shard
from fgtl.errors import DataError
from fgtl.files import sha256_of


def verify(
    folder: Path, *, decode: bool = False, workers: int = 1, advance: Callable[[int], None] = lambda images: None
) -> list[Damage]:
    """Read everything: sizes, digests, checksums, every tf.Example, label, class name, image header, index and count.

    Any flipped bit of a shard is found, and located to its record. Memory: the indexes and one record a worker.

    Args:
        folder: a finished record set.
        decode: decode every pixel too.
        workers: processes.
        advance: called with the number of images checked since.

    Returns:
        The damage in the order of the files; empty for a whole record set.

    Raises:
        DataError: there is no manifest to compare with, or it cannot be read.
    """
    manifest = read_manifest(folder)
    indexes = {split: _sound_index(folder, file) for split, file in manifest.indexes.items()}
    found = [damage for damage, _ in indexes.values() if damage is not None]
    sound = {split: index for split, (_, index) in indexes.items() if index is not None}
    found += _count_damage(manifest, sound)
    policy = ImagePolicy(check="decode" if decode else "header", max_pixels=manifest.settings.get("max_pixels", 2**40))
    checks = [
        ShardCheck(folder / shard.file, shard, rows, manifest.class_names, policy)
        for split, shards in manifest.shards.items()
        for shard, rows in zip(shards, _rows_by_shard(sound.get(split), len(shards)), strict=True)
    ]
    reports = {check.file.file: report for check, report in run_tasks(check_shard, checks, workers, advance)}
    owners = {shard.sha256: shard.file for shards in manifest.shards.values() for shard in shards if shard.records}
    for check in checks:
        report = reports[check.file.file]
        owner = owners.get(report.sha256, check.file.file)
        if report.sha256 != check.file.sha256 and owner != check.file.file:
            found.append(Damage(check.file.file, f"holds the content of {owner}"))
        else:
            found += report.damage
    return [*found, *_other_files(folder, manifest)]


def _sound_index(folder: Path, file: File) -> tuple[Damage | None, Index | None]:
    path = folder / file.file
    if not path.is_file():
        return Damage(file.file, "is missing"), None
    if sha256_of(path) != file.sha256:
        return Damage(file.file, "differs from what was written (sha256)"), None
    try:
        return None, read_index(path)
    except DataError as error:
        return Damage(file.file, str(error).splitlines()[0]), None


def _rows_by_shard(index: Index | None, shards: int) -> list[Index | None]:
    """The rows of each shard, in order; None for each where there is no index."""
    if index is None:
        return [None] * shards
    if np.any(np.diff(index.shard) < 0):
        order = np.argsort(index.shard, kind="stable")
        index = Index(**{name: column[order] for name, column in vars(index).items()})
    ends = np.searchsorted(index.shard, np.arange(shards + 1)).tolist()
    return [
        Index(**{name: column[first:last] for name, column in vars(index).items()}) for first, last in pairwise(ends)
    ]


def _count_damage(manifest: Manifest, indexes: dict[str, Index]) -> Iterator[Damage]:
    """Where indexes, manifest and labels disagree about numbers."""
    classes = len(manifest.class_names)
    for split, index in indexes.items():
        name = manifest.indexes[split].file
        wrong = np.flatnonzero((index.label < 0) | (index.label >= classes))
        if len(wrong):
            yield Damage(name, f"label {index.label[wrong[0]]} of id {index.id[wrong[0]]}, there are {classes} classes")
            continue
        if np.bincount(index.label, minlength=classes).tolist() != list(manifest.class_counts[split]):
            yield Damage(name, f"images a class differ from class_counts of {split} in the manifest")
        shards = manifest.shards[split]
        numbers = index.shard[(index.shard >= 0) & (index.shard < len(shards))]
        for shard, listed in zip(shards, np.bincount(numbers, minlength=len(shards)).tolist(), strict=True):
            if listed != shard.records:
                yield Damage(name, f"lists {listed:,} records of {shard.file}, the manifest {shard.records:,}")
    yield from _twins([index.id for index in indexes.values()])


def _twins(ids: list[np.ndarray]) -> Iterator[Damage]:
    """Ids that are there more than once."""
    # Numbers are sorted many times faster than strings, and need a tenth of the memory.
    keys = np.concatenate([id_keys(names) for names in ids]) if ids else np.zeros(0, np.uint64)
    values, times = np.unique(keys, return_counts=True)
    suspects = np.isin(keys, values[times > 1])
    if suspects.any():
        names, times = np.unique(np.concatenate(ids)[suspects], return_counts=True)
        for name, count in zip(names[times > 1], times[times > 1], strict=True):
            yield Damage("manifest.json", f"the id {name} is there {count} times")


def _other_files(folder: Path, manifest: Manifest) -> Iterator[Damage]:
    labels = folder / LABELS
    if not labels.is_file():
        yield Damage(LABELS, "is missing")
    elif labels.read_bytes() != manifest.labels_text().encode():
        yield Damage(LABELS, "differs from the class names in the manifest")
    known = {file.file for file in manifest.files}
    for entry in sorted(folder.iterdir()):
        if ".tfrecord" in entry.name and entry.name not in known:
            yield Damage(entry.name, "is not of this record set, but a reader that lists the folder would read it")
