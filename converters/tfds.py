"""A data set prepared by TensorFlow Datasets, read without it: shards of tf.Example, and files that describe them.

dataset_info.json                          name, version, file format, and the records of each split's shards
features.json                              what a record holds
<feature>.labels.txt                       class names, one a line, where classes have names
<name>-<split>.tfrecord-00000-of-00004     the shards

It lies in <data_dir>/<name>[/<config>]/<version>. Images stay where they are: a sample's place is the slice of the
shard that holds the image's file.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.console import Progress, warn
from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.division import OPTIONS, divided
from fgtl.converters.split_words import SPLIT_OF
from fgtl.converters.tables import require_files
from fgtl.converters.tfds_description import (
    BOX,
    FEATURES,
    IMAGE,
    INFO,
    LABEL,
    Description,
    Shard,
    read_class_names,
    read_description,
)
from fgtl.datasets import Box, Card, Sample
from fgtl.downloads import Place, Tree
from fgtl.errors import DataError, InputError, UsageError
from fgtl.pillow import header_size
from fgtl.tfrecord import read_records
from fgtl.wire import decode_example, find_bytes


@dataclass(frozen=True)
class _Keys:
    """Which features of a record are read; `box` is "" when there is none."""

    image: str
    label: str
    box: str
    class_names: Sequence[str]


@READERS.register("tfds")
def read_tfds(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples in the order of the splits and shards; labels and class names are those of the label's feature.

    The id is that of `tfds.ReadConfig(add_tfds_id=True)`: "<shard>__<number of the record in it>". Splits called
    otherwise than train, val(id(ation)) and test, and splits without labels, are left out with a warning. A data set
    with no split but train gets a seeded test split (`fgtl.converters.division`). Every record is read once here and
    its checksums compared, one record in memory at a time.

    Options: `image`, `label` and `box` name the features, where the data set has several of that kind and does not
    say itself which count. Without `box`, a box feature called "bbox" is taken.

    Raises:
        DataError: not a whole prepared data set, records that are damaged or not as described, or not what the card
            says.
    """
    check_options(card, ("image", "label", "box", *OPTIONS))
    require_files(card, tree, [INFO, FEATURES])
    description = read_description(tree)
    keys = _choose(description, card, tree)
    splits = _our_splits(description, tree)
    require_files(card, tree, [shard.file for shards in splits.values() for shard in shards])
    samples: list[Sample] = []
    with Progress(
        f"read {description.name}", sum(shard.records for shards in splits.values() for shard in shards)
    ) as progress:
        reader = _ShardReader(tree, keys, progress)
        for split, shards in splits.items():
            found = [sample for shard in shards for sample in reader.read(shard, split)]
            samples += _labelled(found, split, tree)
    if reader.unsized:
        warn(
            f"{tree.where()}: the boxes of {len(reader.unsized):,} images are left out, since their size cannot be "
            f"read; {reader.unsized[0]} is one."
        )
    if {sample.split for sample in samples} == {"train"}:
        samples = divided(card, samples)
    check_counts(card, samples, len(keys.class_names), tree.where())
    yield from samples


def find_prepared(data_dir: Path, spec: str) -> Path:
    """The folder of a prepared data set.

    Args:
        data_dir: what TensorFlow Datasets calls data_dir; or the prepared folder itself.
        spec: NAME[/CONFIG][:VERSION]; without a version the highest one, without a config the only one.

    Raises:
        UsageError: `spec` cannot be read.
        DataError: it is not there (nothing is downloaded here), or `spec` fits several.
    """
    match = re.fullmatch(r"(\w+)(?:/([\w.+-]+))?(?::(\d+\.\d+\.\d+))?", spec, re.ASCII)
    if not match:
        raise UsageError(f"tfds:{spec} cannot be read.", expected="tfds:NAME, tfds:NAME/CONFIG or tfds:NAME:1.0.0.")
    name, config, version = match.groups()
    if (data_dir / INFO).is_file() and name in data_dir.parts:
        return data_dir
    top = data_dir / name
    configs = (
        [top / config] if config else [top] if _versions(top) else [path for path in _folders(top) if _versions(path)]
    )
    if len(configs) > 1:
        raise DataError(
            f"{top} holds several configurations: {', '.join(path.name for path in configs)}.",
            fix=f"Name one: tfds:{name}/{configs[0].name}.",
        )
    found = [path for folder in configs for path in _versions(folder) if version in (None, path.name)]
    if not found:
        there = ", ".join(path.name for folder in configs for path in _versions(folder))
        raise DataError(
            f"{data_dir} holds no prepared data set {spec}" + (f", only version {there}." if there else "."),
            expected=f"{top / (config or '') / (version or '<version>') / INFO}.",
            fix="TensorFlow Datasets downloads and prepares it:\n"
            f"pip install 'fgtl[tfds]'\ntfds build {spec} --data_dir={data_dir}",
        )
    return found[-1]


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir()) if path.is_dir() else []


def _versions(path: Path) -> list[Path]:
    """Prepared folders directly below, by version."""
    there = [entry for entry in _folders(path) if re.fullmatch(r"\d+\.\d+\.\d+", entry.name, re.ASCII)]
    whole = [entry for entry in there if (entry / INFO).is_file()]
    return sorted(whole, key=lambda entry: tuple(map(int, entry.name.split("."))))


def _choose(description: Description, card: Card, tree: Tree) -> _Keys:
    where = tree.where(FEATURES)
    label = description.pick(LABEL, card, where)
    has_box = "box" in card.options or BOX in description.features.get("bbox", {})
    box = description.pick(BOX, card, where) if "box" in card.options else "bbox" if has_box else ""
    if box and dict(description.features[box][BOX]).get("bboxFormat", "REL_YXYX") != "REL_YXYX":
        raise DataError(f"{where}: the boxes {box!r} are not in shares of the image.", expected="the format REL_YXYX.")
    names = read_class_names(tree, label, description.features[label])
    return _Keys(description.pick(IMAGE, card, where), label, box, names)


def _our_splits(description: Description, tree: Tree) -> dict[str, tuple[Shard, ...]]:
    splits: dict[str, tuple[Shard, ...]] = {}
    for name, shards in description.shards.items():
        split = SPLIT_OF.get(name.lower())
        if split is None:
            warn(f"{tree.where()}: the split {name} is left out; fgtl knows {', '.join(SPLIT_OF)}.")
        elif split in splits:
            raise DataError(f"{tree.where(INFO)} has two {split} splits.")
        else:
            splits[split] = shards
    return splits


@dataclass
class _ShardReader:
    """Reads shard after shard; `unsized` are the records with a box whose image does not tell its size."""

    tree: Tree
    keys: _Keys
    progress: Progress
    unsized: list[str] = field(default_factory=list)

    def read(self, shard: Shard, split: str) -> Iterator[Sample]:
        """The samples of one shard. Raises DataError naming the record, or when they are not as many as promised."""
        where, file, number = self.tree.where(shard.file), _file_of(self.tree, shard), -1
        for number, (offset, payload) in enumerate(read_records(Path(file))):
            try:
                yield self._sample(payload, Place(file, offset), f"{shard.file}__{number}", split)
            except DataError as error:
                raise DataError(f"{where} record {number}: {error}") from None
            self.progress.advance(1)
        if number + 1 != shard.records:
            raise DataError(f"{where} holds {number + 1:,} records.", expected=f"{shard.records:,}, as {INFO} says.")

    def _sample(self, payload: bytes, start: Place, record: str, split: str) -> Sample:
        keys = self.keys
        features = decode_example(payload)
        spans = find_bytes(payload, keys.image)
        label = _number(features.get(keys.label, ()), keys)
        if len(spans) != 1:
            raise DataError(f"The feature {keys.image!r} holds {len(spans)} images.", expected="one.")
        ((at, length),) = spans
        boxes = _boxes(features.get(keys.box, ()), payload[at : at + length]) if keys.box else ()
        if boxes is None:
            self.unsized.append(record)
        # A label below 0 is looked at when the whole split is known.
        name = keys.class_names[label] if label >= 0 else ""
        place = Place(start.file, start.offset + at, length)
        return Sample(record, record, label, name, split, boxes or (), place=place)


def _file_of(tree: Tree, shard: Shard) -> str:
    """Path of a shard; only a file of its own will do, in archives records have no place."""
    try:
        place: Place | None = tree.place(shard.file)
    except InputError:
        place = None  # a compressed archive
    if place is None or place.length is not None:
        raise DataError(
            f"{tree.where(shard.file)} lies in an archive.", fix="Unpack it; its records are read in place."
        )
    return place.file


def _number(values: Any, keys: _Keys) -> int:
    if len(values) != 1 or not isinstance(values[0], np.integer):
        raise DataError(f"The feature {keys.label!r} is not one whole number.")
    if not -1 <= values[0] < len(keys.class_names):
        raise DataError(f"Label {int(values[0])}.", expected=f"0 to {len(keys.class_names) - 1:,}.")
    return int(values[0])


def _boxes(values: Any, image: bytes) -> tuple[Box, ...] | None:
    """One box of (ymin, xmin, ymax, xmax) in shares of the image, or none, which is written as zeros.

    None when the image's size cannot be read: mostly a bad image, which the conversion will name.
    """
    if len(values) != 4 or isinstance(values[0], bytes):
        raise DataError("Its box is not four numbers.")
    ymin, xmin, ymax, xmax = map(float, values)
    if not (ymin < ymax and xmin < xmax):
        return ()
    size = header_size(image)
    return size and (Box(xmin * size[0], ymin * size[1], xmax * size[0], ymax * size[1]),)


def _labelled(samples: list[Sample], split: str, tree: Tree) -> list[Sample]:
    """All samples of a split, or none when none has a label."""
    without = [sample for sample in samples if sample.label < 0]
    if not without:
        return samples
    if len(without) < len(samples):
        raise DataError(f"{tree.where()}: {without[0].id} and {len(without) - 1:,} other records have no label.")
    warn(f"{tree.where()}: the {split} split has no labels and is left out.")
    return []
