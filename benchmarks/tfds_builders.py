"""The rival of `convert.py`: TensorFlow Datasets' own builders over the folders SPLIT/CLASS.

Both store the files' bytes as they are, handed over as file objects (documented, and faster than as paths), in the
given number of TFRecord shards. Neither looks into an image, makes anything durable, or keeps an index.

`shuffled` is the builder of TFDS' guides: it serialises every example, holds up to 1 GB of a split in memory (beyond
that they go to temporary files) and writes them in the order of their keys' hashes. `in_order` is the one that writes
shard after shard as the folder lists them, so that a training set comes sorted by class.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from fgtl.data.quiet import import_tensorflow

import_tensorflow()

import tensorflow_datasets as tfds  # noqa: E402 (its import of TensorFlow would not be quiet)

tfds.disable_progress_bar()


class Folders(tfds.core.DatasetBuilder):
    """What both have in common: the examples of a folder, and their features."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, source: Path, shards: int, **options: Any) -> None:
        self._source, self._shards = source, shards
        super().__init__(**options)

    def prepare(self) -> int:
        """Write the shards; returns the number of images."""
        config = tfds.download.DownloadConfig(num_shards=self._shards, try_download_gcs=False)
        with redirect_stdout(io.StringIO()):
            self.download_and_prepare(download_config=config)
        return sum(split.num_examples for split in self.info.splits.values())

    def _info(self) -> Any:
        classes = sorted({folder.name for folder in self._source.glob("*/*")})
        features = tfds.features.FeaturesDict(
            {"image": tfds.features.Image(encoding_format="jpeg"), "label": tfds.features.ClassLabel(names=classes)}
        )
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _splits(self) -> list[str]:
        return [folder.name for folder in self._source.iterdir()]

    def _examples(self, paths: list[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in paths:
            yield f"{path.parent.name}/{path.name}", {"image": io.BytesIO(path.read_bytes()), "label": path.parent.name}


class Shuffled(Folders, tfds.core.GeneratorBasedBuilder):
    """Training images in a random order, as they are wanted."""

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {split: self._generate_examples(split) for split in self._splits()}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        return self._examples(sorted((self._source / split).rglob("*.jpg")))


class InOrder(Folders, tfds.core.ShardBasedBuilder):
    """Images in the order of the folders."""

    def _shard_iterators_per_split(self, dl_manager: Any) -> dict[str, list[Callable[[], Any]]]:
        return {split: self._shards_of(sorted((self._source / split).rglob("*.jpg"))) for split in self._splits()}

    def _shards_of(self, paths: list[Path]) -> list[Callable[[], Any]]:
        size = -(-len(paths) // self._shards)
        return [partial(self._examples, paths[first : first + size]) for first in range(0, len(paths), size)]


def shuffled(source: Path, target: Path, shards: int) -> int:
    """Write the folders below `source` with a GeneratorBasedBuilder; returns the number of images."""
    return Shuffled(source, shards, data_dir=target).prepare()


def in_order(source: Path, target: Path, shards: int) -> int:
    """The same with a ShardBasedBuilder."""
    return InOrder(source, shards, data_dir=target).prepare()
