"""A shard's task as a JSON file, for a worker on another machine: no pickle, and nothing is lost on the way."""

import json
import os
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import __version__ as pillow_version

from fgtl import __version__ as fgtl_version
from fgtl.data.image_files.policy import ImagePolicy
from fgtl.data.shards import RECORD_FORMAT, ShardTask
from fgtl.datasets import Box, PartPoint, Sample
from fgtl.downloads import Place
from fgtl.errors import DataError, FgtlError
from fgtl.files import read_json, write_atomically

# What must be the same on all machines, or the bytes of a shard would depend on where it was written.
_VERSIONS = {"fgtl": fgtl_version, "Pillow": pillow_version, "record format": RECORD_FORMAT}


def write_task(file: Path, task: ShardTask) -> None:
    """Write one task with its places; relative places become absolute, since a worker has another working folder."""
    places = tuple(map(_absolute, task.places))
    # A file that is there now must be there for the worker too. Nearly always the first: one look a task.
    witness = next((place.file for place in places if os.path.exists(place.file)), None)  # noqa: PTH110
    content = {"versions": _VERSIONS, "witness": witness, "task": to_plain(replace(task, places=places))}
    # Escaped: a file name that is not UTF-8 holds code points that cannot be encoded.
    write_atomically(file, json.dumps(content, separators=(",", ":")))


def _absolute(place: Place) -> Place:
    # Once an image, and pathlib would take three times as long.
    return place if place.file.startswith(os.sep) else replace(place, file=os.path.abspath(place.file))  # noqa: PTH100


def read_task(file: Path) -> ShardTask:
    """Read one task where it is to be done.

    Raises:
        DataError: the file is damaged.
        FgtlError: this machine has other versions than the one that wrote the task, or does not see the images.
    """
    content = read_json(file)
    try:
        # First: another version may write other tasks.
        _check_versions(content["versions"])
        _check_sight(content["witness"])
        return from_plain(content["task"])
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(f"{file} is not a conversion task: {error!r}.") from None


def _check_versions(there: dict[str, Any]) -> None:
    for name, here in _VERSIONS.items():
        if there[name] != here:
            raise FgtlError(
                f"The worker {platform.node()} has {name} {here}, the machine that began the conversion {there[name]}.",
                fix="Install the same versions on all machines: the bytes of the record set depend on them.",
            )


def _check_sight(witness: str | None) -> None:
    if witness is not None and not Path(witness).exists():
        raise FgtlError(
            f"The worker {platform.node()} does not see {witness}.",
            expected="the images under the same path on every machine, on a file system that they share.",
        )


def to_plain(task: ShardTask) -> dict[str, Any]:
    """A task as JSON-ready values."""
    return {
        **vars(task),
        "path": str(task.path),
        "policy": task.policy.as_dict(),
        "samples": [_sample_row(sample) for sample in task.samples],
        "places": [_place_row(place) for place in task.places],
    }


def from_plain(plain: dict[str, Any]) -> ShardTask:
    """The task that `to_plain` took apart; TypeError, KeyError or ValueError for anything else."""
    return ShardTask(
        **{
            **plain,
            "path": Path(plain["path"]),
            "policy": ImagePolicy(**plain["policy"]),
            "samples": tuple(map(_sample, plain["samples"])),
            "part_names": tuple(plain["part_names"]),
            "places": tuple(Place(*row) for row in plain["places"]),
        }
    )


def _sample_row(sample: Sample) -> list[Any]:
    # In the order of the fields. Without names: with them, millions of samples would be twice as large.
    boxes = [(box.x0, box.y0, box.x1, box.y1) for box in sample.boxes]
    parts = [(part.name, part.x, part.y, part.visible) for part in sample.parts]
    place = None if sample.place is None else _place_row(sample.place)
    head = [sample.id, sample.path, sample.label, sample.class_name, sample.split]
    return [*head, boxes, parts, sample.hierarchy, place]


def _place_row(place: Place) -> list[Any]:
    return [place.file, place.offset, place.length, place.inflated, place.crc32]


def _sample(row: list[Any]) -> Sample:
    key, path, label, class_name, split, boxes, parts, hierarchy, place = row
    return Sample(
        key,
        path,
        label,
        class_name,
        split,
        tuple(Box(*box) for box in boxes),
        tuple(PartPoint(*part) for part in parts),
        tuple(hierarchy),
        None if place is None else Place(*place),
    )
