"""What a conversion will write, settled before the first image is read."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import __version__ as pillow_version

from fgtl.data.image_files.policy import ImagePolicy
from fgtl.data.sample_checks import check_ids, class_names_of, part_names_of
from fgtl.data.shards import RECORD_FORMAT, ShardTask, fingerprint_of
from fgtl.data.splits import hash_order
from fgtl.data.subset import SubsetKnobs, subset
from fgtl.datasets import SPLITS, Card, Sample
from fgtl.downloads import Tree
from fgtl.errors import DataError
from fgtl.knobs import LARGEST_SEED, flag

NAMINGS = ("tfds", "slim")
POLICY = tuple(field.name for field in dataclasses.fields(ImagePolicy))


@dataclass(frozen=True)
class ConvertKnobs(ImagePolicy, SubsetKnobs):
    """How a record set is written."""

    num_shards: int = flag(10, "shards of each split", low=1, high=99_999)
    seed: int = flag(
        0,
        "order of the training records, and which --max_per_class keeps; other splits keep the order of the lists",
        low=0,
        high=LARGEST_SEED,
    )
    shard_names: str = flag(
        "tfds", "tfds: NAME-train.tfrecord-00000-of-00010; slim: train_00000-of-00010.tfrecord", choices=NAMINGS
    )
    on_bad: str = flag(
        "fail", "an image that cannot be stored stops the conversion, or is left out", choices=("fail", "skip")
    )
    workers: int = flag(0, "processes on this machine; 0 = one a core", low=0)
    runner: str = flag("", "Apache Beam runner instead: DirectRunner, FlinkRunner, DataflowRunner, ... (extra: beam)")
    runner_options: str = flag("", "its options: '--name=value --name=value', or @FILE")
    overwrite: bool = flag(False, "replace a finished record set that was made from something else")


@dataclass(frozen=True)
class Plan:
    """All shards to write.

    Attributes:
        name, class_names, part_names, about: of the record set.
        tree: where the images are read.
        tasks: split -> its shards in order.
        settings: what was asked for, as the manifest keeps it.
        source_bytes: size of all image files together, as they are.
        digest: sha256 over the settings and every image's id, label, annotations, place and size.
    """

    name: str
    class_names: tuple[str, ...]
    part_names: tuple[str, ...]
    about: Mapping[str, str]
    tree: Tree
    tasks: Mapping[str, tuple[ShardTask, ...]]
    settings: Mapping[str, Any]
    digest: str
    source_bytes: int

    @property
    def all_tasks(self) -> list[ShardTask]:
        """The tasks of all splits."""
        return [task for tasks in self.tasks.values() for task in tasks]


def make_plan(card: Card, tree: Tree, samples: Iterable[Sample], output_dir: Path, knobs: ConvertKnobs) -> Plan:
    """Order the samples, cut them into shards and fingerprint each shard.

    Shards of a split hold ceil(N / num_shards) records, the last ones fewer or none.

    Raises:
        DataError: no sample, an id twice, a label with two names, or an id or label that cannot be stored.
    """
    part = subset(card, list(samples), knobs, knobs.seed)
    card = part.card
    by_split: dict[str, list[Sample]] = {split: [] for split in SPLITS}
    for sample in part.samples:
        by_split[sample.split].append(sample)
    by_split = {split: listed for split, listed in by_split.items() if listed}
    everything = [sample for listed in by_split.values() for sample in listed]
    if not everything:
        raise DataError(
            f"{tree.where()} holds no image.", expected=f"the {card.layout} layout of {card.title or card.name}."
        )
    check_ids(everything)
    class_names, part_names = class_names_of(card, everything), part_names_of(card, everything)
    settings = {**_settings(card, by_split, knobs), **part.settings}
    cutter = _Cutter(tree, output_dir, part_names, knobs)
    tasks = {}
    for split, listed in by_split.items():
        if split == "train":
            listed = [listed[row] for row in hash_order(knobs.seed, "shards", [sample.id for sample in listed])]
        names = shard_names(card.name, split, knobs, has_validation="validation" in by_split)
        tasks[split] = tuple(cutter.cut(listed, names))
    # Pillow's version is not in this digest: a finished record set stays good when Pillow is updated.
    digest = fingerprint_of([sorted(settings.items()), class_names, *cutter.digests])
    return Plan(card.name, class_names, part_names, _about(card), tree, tasks, settings, digest, cutter.source_bytes)


class _Cutter:
    """Cuts lists of samples into shards, and counts and digests them on the way."""

    def __init__(self, tree: Tree, output_dir: Path, part_names: tuple[str, ...], knobs: ConvertKnobs) -> None:
        self._tree, self._output_dir, self._part_names = tree, output_dir, part_names
        self._policy = ImagePolicy(**{name: getattr(knobs, name) for name in POLICY})
        self._skip_bad = knobs.on_bad == "skip"
        self.digests: list[str] = []
        self.source_bytes = 0

    def cut(self, samples: Sequence[Sample], names: Sequence[str]) -> Iterator[ShardTask]:
        """Shards of ceil(N / shards) samples each."""
        size = -(-len(samples) // len(names))
        for number, name in enumerate(names):
            chunk = tuple(samples[number * size : (number + 1) * size])
            states = [_state(sample, self._tree) for sample in chunk]
            rows = [_row(sample, state[0]) for sample, state in zip(chunk, states, strict=True)]
            self.source_bytes += sum(max(state[0], 0) for state in states)
            self.digests.append(fingerprint_of([RECORD_FORMAT, self._part_names, *vars(self._policy).items(), *rows]))
            # A shard of an earlier, unfinished run is only kept when its files were not touched since. A finished
            # record set stays good when its files are copied elsewhere: times are not in the plan's digest.
            fingerprint = fingerprint_of([self.digests[-1], name, pillow_version, *(stamp for _, stamp in states)])
            path = self._output_dir / name
            yield ShardTask(path, chunk, self._part_names, self._policy, self._skip_bad, fingerprint)


def shard_names(name: str, split: str, knobs: ConvertKnobs, *, has_validation: bool) -> list[str]:
    """File names of a split's shards.

    `slim` names are those of the original converter, which calls the official test split "validation". So does
    this one, unless the data set has a validation split of its own.
    """
    count = knobs.num_shards
    if knobs.shard_names == "slim":
        called = "validation" if split == "test" and not has_validation else split
        return [f"{called}_{number:05d}-of-{count:05d}.tfrecord" for number in range(count)]
    return [f"{name}-{split}.tfrecord-{number:05d}-of-{count:05d}" for number in range(count)]


def _settings(card: Card, by_split: Mapping[str, list[Sample]], knobs: ConvertKnobs) -> dict[str, Any]:
    return {
        "dataset": card.name,
        "level": card.level,
        "images": {split: len(listed) for split, listed in by_split.items()},
        "record_format": RECORD_FORMAT,
        **{name: getattr(knobs, name) for name in ("num_shards", "seed", "shard_names", *POLICY)},
    }


def _about(card: Card) -> dict[str, str]:
    """What a person wants to know of a record set's origin; a card may be reworded without making another set."""
    told = {name: getattr(card, name) for name in ("title", "homepage", "licence", "citation", "layout", "level")}
    return {name: text for name, text in {**told, "card_sha256": card.sha256}.items() if text}


def _row(sample: Sample, size: int) -> tuple[Any, ...]:
    """Everything about a sample that reaches its record, with the file's size in place of its content."""
    boxes = tuple((box.x0, box.y0, box.x1, box.y1) for box in sample.boxes)
    parts = tuple((part.name, part.x, part.y, part.visible) for part in sample.parts)
    return (sample.id, sample.path, size, sample.label, sample.class_name, boxes, parts, sample.hierarchy)


def _state(sample: Sample, tree: Tree) -> tuple[int, int]:
    """(bytes, stamp) of a sample's file; (-1, 0) when it is not there: its turn will come to be named as bad."""
    if sample.place is None:
        return tree.state(sample.path)
    return sample.place.length or 0, _changed(sample.place.file)


@lru_cache(maxsize=1024)
def _changed(file: str) -> int:
    return Path(file).stat().st_mtime_ns
