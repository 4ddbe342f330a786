"""Conversion: official download -> record set, in parallel, resumable, and finished only when the manifest is there."""

import dataclasses
import errno
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import __version__ as pillow_version

from fgtl import __version__ as fgtl_version
from fgtl.console import Progress
from fgtl.converters import READERS
from fgtl.data.beam.options import check_runner
from fgtl.data.beam.runner import run_on_beam
from fgtl.data.duplicates import duplicates_report, find_copies
from fgtl.data.manifest import (
    LABELS,
    MANIFEST,
    Index,
    Manifest,
    index_name,
    read_manifest,
    write_index,
    write_manifest,
)
from fgtl.data.output_folder import clear, locked, refuse_foreign
from fgtl.data.plan import ConvertKnobs, Plan, make_plan
from fgtl.data.pool import run_tasks, worth_starting
from fgtl.data.records import RecordSet
from fgtl.data.shards import SPOOL, WORK_FOLDER, BadImages, ShardResult, ShardTask, finished_shard, write_shard
from fgtl.data.tfds_metadata import tfds_files
from fgtl.datasets import Card, Sample
from fgtl.downloads import Tree, read_place
from fgtl.errors import DataError
from fgtl.files import write_atomically


def convert(card: Card, tree: Tree, output_dir: Path, knobs: ConvertKnobs) -> Manifest:
    """Write the record set of a data set, or what is missing of it.

    Shards that an earlier, interrupted run finished from the same, untouched files are kept. The result's bytes depend
    on the input, the knobs (not `workers` and `runner`) and the version of Pillow only. A finished record set of the
    same plan (ids, labels, annotations and sizes of the files; contents are not compared) is left as it is. Memory:
    about 1 kB a sample, and for each worker its shard's samples and one image.

    Args:
        card: the data set; its layout names the reader.
        tree: the official download.
        output_dir: the record set's folder: new, empty, or an earlier conversion's.
        knobs: how it is written.

    Raises:
        UsageError: the knobs name a runner that this machine cannot start.
        DataError: the download is not whole; an image is bad and `knobs.on_bad` is "fail"; `output_dir` holds
            something else, or a record set of another plan and `knobs.overwrite` is false; another conversion is
            writing there.
        OSError: writing failed (disk full). Finished shards are kept, and the record set stays unfinished.
    """
    plan = plan_conversion(card, tree, output_dir, knobs)
    # A work folder beside a manifest: the earlier run was killed while it tidied up. Then the rest does that.
    if is_finished(plan, output_dir, knobs) and not (output_dir / WORK_FOLDER).exists():
        return RecordSet.open(output_dir).manifest
    refuse_foreign(output_dir, plan)
    with locked(output_dir):
        # Again, for what another conversion did while this one made its plan.
        if not is_finished(plan, output_dir, knobs):
            clear(output_dir, plan)
            results = _write_shards(plan, knobs, output_dir / WORK_FOLDER)
            _finish(output_dir, plan, results)
        shutil.rmtree(output_dir / WORK_FOLDER)
    return RecordSet.open(output_dir).manifest


def plan_conversion(card: Card, tree: Tree, output_dir: Path, knobs: ConvertKnobs) -> Plan:
    """What `convert` would write. Reads the lists, looks for every image, and writes nothing. Raises DataError as it."""
    check_runner(knobs, output_dir)
    return make_plan(card, tree, READERS[card.layout](card, tree), output_dir, knobs)


def is_finished(plan: Plan, output_dir: Path, knobs: ConvertKnobs) -> bool:
    """Whether `output_dir` is this plan's finished record set; DataError when it is another's and must be kept."""
    if not (output_dir / MANIFEST).is_file() or knobs.overwrite:
        return False
    there = read_manifest(output_dir)
    differences = _differences(there, plan, knobs)
    if not differences:
        return True
    raise DataError(
        f"{output_dir} is a finished record set made from something else:\n" + "\n".join(differences),
        fix="Name another --output_dir, or give --overwrite to replace it.",
    )


def _differences(there: Manifest, plan: Plan, knobs: ConvertKnobs) -> list[str]:
    if there.settings.get("record_format") != plan.settings["record_format"]:
        return ["  it was written by an earlier version of fgtl (it can still be read)."]
    lines = [
        f"  {name}: {_said(there.settings.get(name))} there, {_said(plan.settings.get(name))} asked for."
        for name in {**plan.settings, **there.settings}
        if _said(there.settings.get(name)) != _said(plan.settings.get(name))
    ]
    if not lines and there.plan != plan.digest:
        lines.append("  ids, labels, annotations or sizes of the images differ.")
    skipped = len(there.report.get("skipped", ()))
    if not lines and skipped and knobs.on_bad == "fail":
        lines.append(f"  {skipped:,} bad images were left out there, --on_bad=fail asks for none.")
    return lines


def _said(setting: Any) -> str:
    return "none" if setting in (None, "") else str(setting)


def _write_shards(plan: Plan, knobs: ConvertKnobs, work: Path) -> dict[str, ShardResult]:
    """Shard name -> result, of all shards; those found finished are not written again."""
    results = {task.path.name: result for task in plan.all_tasks if (result := finished_shard(task))}
    left = [task for task in plan.all_tasks if task.path.name not in results]
    images = sum(len(task.samples) for task in plan.all_tasks)
    images_left = sum(len(task.samples) for task in left)
    _fetch(plan.tree, [sample for task in left for sample in task.samples], work)
    label = f"convert {plan.name}" + (f" ({len(results)} shards were there)" if results else "")
    try:
        with Progress(label, images, done=images - images_left) as progress:
            workers = min(worth_starting(knobs.workers, images_left), max(len(left), 1))
            placed = (_placed(task, plan.tree) for task in left)
            if knobs.runner:
                finished = run_on_beam(placed, len(left), knobs, work, progress.advance)
            else:
                kept = "Finished shards are kept."
                finished = run_tasks(write_shard, placed, workers, progress.advance, kept=kept)
            for task, result in finished:
                results[task.path.name] = result
    except ExceptionGroup as failures:
        raise _explained(failures, plan) from None
    return results


def _fetch(tree: Tree, samples: Sequence[Sample], work: Path) -> None:
    """Make the samples' files readable at random: members of compressed archives are inflated into the work folder."""
    names = [sample.path for sample in samples if sample.place is None]
    with Progress("unpack", len(names)) as progress:
        tree.fetch(names, work / SPOOL, progress.advance)


def _placed(task: ShardTask, tree: Tree) -> ShardTask:
    # An archive that was replaced since its index was read would give other images.
    tree.check_unchanged()
    # Only now: the places of all images at once would double the memory of a large conversion.
    return dataclasses.replace(task, places=tuple(sample.place or tree.place(sample.path) for sample in task.samples))


def _explained(failures: ExceptionGroup[Exception], plan: Plan) -> Exception:
    others = [error for error in failures.exceptions if not isinstance(error, BadImages)]
    # The disk is full: whatever else went wrong came of that.
    others.sort(key=lambda error: getattr(error, "errno", None) != errno.ENOSPC)
    if others:
        return others[0]
    bad = sorted((file.path, file) for error in failures.exceptions for file in error.args[0])
    lines = "\n".join(f"  {path} (id {file.id}): {file.reason}" for path, file in bad)
    count = "An image" if len(bad) == 1 else f"{len(bad)} images"
    return DataError(
        f"{count} of {plan.tree.where()} cannot be stored; others may follow:\n{lines}",
        fix="Repair or download them again, or leave such images out with --on_bad=skip. The record set is not finished.",
    )


def _finish(output_dir: Path, plan: Plan, results: dict[str, ShardResult]) -> None:
    """Write the indexes, labels.txt and, last, the manifest."""
    by_split = {split: [(task, results[task.path.name]) for task in tasks] for split, tasks in plan.tasks.items()}
    plan.tree.check_unchanged()
    everything, work = [pair for done in by_split.values() for pair in done], output_dir / WORK_FOLDER
    for split, done in by_split.items():
        if not any(result.kept for _, result in done):
            raise DataError(
                f"Not one of the {split} images of {plan.name} can be stored.", fix="--on_bad=fail names the reasons."
            )
    indexes, class_counts = {}, {}
    for split, done in by_split.items():
        index = _index(done)
        indexes[split] = write_index(output_dir / index_name(split), index)
        class_counts[split] = tuple(np.bincount(index.label, minlength=len(plan.class_names)).tolist())
    manifest = Manifest(
        name=plan.name,
        class_names=plan.class_names,
        part_names=plan.part_names,
        shards={split: tuple(result.file for _, result in done) for split, done in by_split.items()},
        indexes=indexes,
        class_counts=class_counts,
        settings=plan.settings,
        plan=plan.digest,
        report={**_report([result for _, result in everything]), "duplicates": _duplicates(plan, everything, work)},
        versions={"fgtl": fgtl_version, "pillow": pillow_version},
        about=plan.about,
    )
    write_atomically(output_dir / LABELS, manifest.labels_text())
    for name, content in tfds_files(manifest).items():
        write_atomically(output_dir / name, content)
    write_manifest(output_dir, manifest)


def _duplicates(plan: Plan, done: list[tuple[ShardTask, ShardResult]], work: Path) -> dict[str, Any]:
    samples = [task.samples[position] for task, result in done for position in result.kept]
    sizes = [size for _, result in done for size in result.source_bytes]
    crcs = [crc for _, result in done for crc in result.source_crcs]

    def read(suspects: Sequence[Sample]) -> Iterator[bytes]:
        # A resumed conversion may not have unpacked these in its own time.
        _fetch(plan.tree, suspects, work)
        return (read_place(sample.place or plan.tree.place(sample.path)) for sample in suspects)

    return duplicates_report(find_copies(samples, sizes, crcs, read))


def _index(done: list[tuple[ShardTask, ShardResult]]) -> Index:
    samples = [task.samples[position] for task, result in done for position in result.kept]

    def column(name: str, dtype: type) -> np.ndarray:
        return np.array([value for _, result in done for value in getattr(result, name)], dtype)

    return Index(
        shard=np.repeat(np.arange(len(done), dtype=np.int32), [len(result.kept) for _, result in done]),
        offset=column("offsets", np.int64),
        length=column("lengths", np.int64),
        label=np.array([sample.label for sample in samples], np.int32),
        id=np.array([sample.id for sample in samples], np.str_),
        height=column("heights", np.int32),
        width=column("widths", np.int32),
    )


def _report(results: list[ShardResult]) -> dict[str, Any]:
    odd: dict[str, int] = {}
    for result in results:
        for oddity, images in result.odd.items():
            odd[oddity] = odd.get(oddity, 0) + images
    skipped = [vars(bad) for result in results for bad in result.skipped]
    return {
        "reencoded": sum(result.reencoded for result in results),
        "shrunk": sum(result.shrunk for result in results),
        "odd": dict(sorted(odd.items())),
        "skipped": sorted(skipped, key=lambda bad: bad["path"]),
    }
