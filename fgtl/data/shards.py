"""One shard: from samples to a finished TFRecord file. Runs in conversion workers, so without TensorFlow."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google_crc32c import value as crc32c

from fgtl.data import example
from fgtl.data.example import encode_example
from fgtl.data.image_files.policy import BadImage, ImagePolicy, StoredImage, store
from fgtl.data.manifest import File
from fgtl.datasets import Box, Sample
from fgtl.downloads import Place, read_place
from fgtl.errors import DataError
from fgtl.files import atomic_path, read_json, write_atomically
from fgtl.tfrecord import RecordWriter

# Part of every fingerprint: raise it when the same samples would give other bytes than before.
RECORD_FORMAT = 3
WORK_FOLDER = ".convert"
SPOOL = "unpacked"  # in it: what compressed archives held
EMPTY_BOX = "empty box left out"
_BUFFER_BYTES = 1 << 20
_BAD_IMAGES_LISTED = 20


@dataclass(frozen=True)
class BadFile:
    """An image that cannot be stored: its id, its file below the data folder, and why."""

    id: str
    path: str
    reason: str


class BadImages(Exception):
    """Raised by a shard under --on_bad=fail. `args[0]` is the list of BadFile, at most 20."""


@dataclass(frozen=True)
class ShardTask:
    """What goes into one shard.

    Attributes:
        path: the finished shard's name.
        samples: in the order of the records.
        part_names: columns of image/object/part.
        policy: what is done with image files.
        skip_bad: leave bad images out; otherwise they stop the conversion.
        fingerprint: digest of everything that decides the shard's bytes.
        places: where each sample's file lies; filled in when the shard is about to be written.
    """

    path: Path
    samples: tuple[Sample, ...]
    part_names: tuple[str, ...]
    policy: ImagePolicy
    skip_bad: bool
    fingerprint: str
    places: tuple[Place, ...] = ()


@dataclass
class ShardResult:
    """What became of a shard's samples.

    Attributes:
        file: the finished shard.
        kept: positions in the task's samples, one a record.
        offsets, lengths, heights, widths: as in the index, one a record.
        source_bytes, source_crcs: size and CRC-32C of each record's original file: equal files have both equal.
        odd: oddity -> images.
        reencoded: images that were odd, and so not stored as they came.
        shrunk: images that were larger than wanted (--max_side).
        skipped: images left out.
    """

    file: File
    kept: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    source_bytes: list[int] = field(default_factory=list)
    source_crcs: list[int] = field(default_factory=list)
    odd: dict[str, int] = field(default_factory=dict)
    reencoded: int = 0
    shrunk: int = 0
    skipped: list[BadFile] = field(default_factory=list)


def write_shard(task: ShardTask, advance: Callable[[int], None]) -> ShardResult:
    """Write one shard under its final name, and after it the sidecar that lets a later run reuse it.

    Memory: the samples, one image and a 1 MiB buffer. Calls `advance(1)` after each image.

    Raises:
        BadImages: under --on_bad=fail; the shard's other images were still looked at, so that they can be named too.
        OSError: the shard cannot be written; nothing of it is kept.
    """
    result = ShardResult(File(task.path.name, 0, 0, ""))
    try:
        with atomic_path(task.path) as partial, partial.open("wb", _BUFFER_BYTES) as file:
            writer = RecordWriter(file)
            for position, sample in enumerate(task.samples):
                _write_sample(task, position, sample, writer, result)
                advance(1)
                if len(result.skipped) >= _BAD_IMAGES_LISTED and not task.skip_bad:
                    break
            if result.skipped and not task.skip_bad:
                raise BadImages(result.skipped)
    except OSError as error:
        error.filename = error.filename or str(task.path)
        raise
    result.file = File(task.path.name, len(result.kept), writer.bytes, writer.sha256)
    sidecar = _sidecar(task)
    sidecar.parent.mkdir(exist_ok=True)
    lists = {**vars(result), "file": vars(result.file), "skipped": [vars(bad) for bad in result.skipped]}
    # Without indentation: Python's fast JSON encoder knows none, and nobody reads this.
    write_atomically(sidecar, json.dumps({"fingerprint": task.fingerprint, **lists}))
    return result


def finished_shard(task: ShardTask) -> ShardResult | None:
    """The result of an earlier run, when that run finished exactly this shard and it still has its size."""
    if not _sidecar(task).is_file() or not task.path.is_file():
        return None
    try:
        stored = read_json(_sidecar(task))
        fingerprint = stored.pop("fingerprint")
        file = File(**stored.pop("file"))
        skipped = [BadFile(**bad) for bad in stored.pop("skipped")]
        result = ShardResult(file, skipped=skipped, **stored)
    except (DataError, TypeError, KeyError, AttributeError):
        return None
    if fingerprint != task.fingerprint or task.path.stat().st_size != file.bytes or (skipped and not task.skip_bad):
        return None
    return result


def _write_sample(task: ShardTask, position: int, sample: Sample, writer: RecordWriter, result: ShardResult) -> None:
    try:
        data = _read(task.places[position], task.skip_bad)
        stored = store(data, task.policy)
    except BadImage as error:
        result.skipped.append(BadFile(*map(_printable, (sample.id, sample.path, " ".join(str(error).split())))))
        return
    if result.skipped and not task.skip_bad:
        return  # only looking for more bad images by now
    boxes = [stored.map_box(box) for box in sample.boxes]
    shown = [box for box in (_on_image(box, stored) for box in boxes) if box.x0 < box.x1 and box.y0 < box.y1]
    payload = encode_example(_features(sample, stored, shown, task.part_names))
    result.offsets.append(writer.write(payload))
    result.lengths.append(len(payload))
    result.source_bytes.append(len(data))
    result.source_crcs.append(crc32c(data))
    result.heights.append(stored.height)
    result.widths.append(stored.width)
    result.kept.append(position)
    result.reencoded += bool(stored.oddities)
    result.shrunk += stored.is_shrunk
    for oddity in (*stored.oddities, *([EMPTY_BOX] if len(shown) < len(boxes) else [])):
        result.odd[oddity] = result.odd.get(oddity, 0) + 1


def _read(place: Place, skip_bad: bool) -> bytes:
    try:
        return read_place(place)
    except DataError as error:
        raise BadImage(str(error)) from None
    except OSError as error:
        # A disk that fails or a mount that is gone must not become a smaller data set.
        if skip_bad and not _is_lost_link(place.file):
            raise
        raise BadImage(f"It cannot be read: {error.strerror}.") from None


def _is_lost_link(file: str) -> bool:
    path = Path(file)
    return path.is_symlink() and path.parent.is_dir() and not path.exists()


def _on_image(box: Box, stored: StoredImage) -> Box:
    """The part of a box that lies on the image, in shares of its width and height."""
    x0, x1 = (min(max(x / stored.width, 0.0), 1.0) for x in (box.x0, box.x1))
    y0, y1 = (min(max(y / stored.height, 0.0), 1.0) for y in (box.y0, box.y1))
    return Box(x0, y0, x1, y1)


def _features(
    sample: Sample, stored: StoredImage, boxes: list[Box], part_names: tuple[str, ...]
) -> dict[str, list[Any]]:
    features: dict[str, list[Any]] = {
        example.IMAGE: [stored.data],
        example.FORMAT: [stored.format.encode()],
        example.HEIGHT: [stored.height],
        example.WIDTH: [stored.width],
        example.FILENAME: [_text(sample.path)],
        example.ID: [_text(sample.id)],
        example.LABEL: [sample.label],
        example.CLASS_TEXT: [_text(sample.class_name)],
    }
    if boxes:
        features[example.BOX_YMIN] = [box.y0 for box in boxes]
        features[example.BOX_XMIN] = [box.x0 for box in boxes]
        features[example.BOX_YMAX] = [box.y1 for box in boxes]
        features[example.BOX_XMAX] = [box.x1 for box in boxes]
    if stored.original is not None:
        features[example.ORIGINAL_HEIGHT] = [stored.original.height]
        features[example.ORIGINAL_WIDTH] = [stored.original.width]
        features[example.ORIGINAL_SHA256] = [stored.original.sha256.encode()]
    if sample.parts:
        features |= _part_features(sample, stored, part_names)
    if sample.hierarchy:
        features[example.HIERARCHY] = [_text(name) for name in sample.hierarchy]
    return features


def _part_features(sample: Sample, stored: StoredImage, part_names: tuple[str, ...]) -> dict[str, list[Any]]:
    """One entry a part name, in the set's order; a hidden or missing part is (0, 0, not visible)."""
    seen = {part.name: stored.map_point(part.x, part.y) for part in sample.parts if part.visible}
    points = [seen.get(name, (0.0, 0.0)) for name in part_names]
    return {
        example.PART_X: [min(max(x / stored.width, 0.0), 1.0) for x, _ in points],
        example.PART_Y: [min(max(y / stored.height, 0.0), 1.0) for _, y in points],
        example.PART_VISIBLE: [int(name in seen) for name in part_names],
    }


def _printable(text: str) -> str:
    """For JSON and the screen: a file name's bytes that are not UTF-8 as \\udcXX."""
    return text.encode("utf-8", "backslashreplace").decode()


def _text(text: str) -> bytes:
    # A file name that is not UTF-8 comes back from the record as the same bytes.
    return text.encode("utf-8", "surrogateescape")


def fingerprint_of(parts: list[Any]) -> str:
    """Hex digest of values whose repr says all about them (strings, numbers, tuples of these)."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _sidecar(task: ShardTask) -> Path:
    return task.path.parent / WORK_FOLDER / f"{task.path.name}.json"
