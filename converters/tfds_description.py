"""What dataset_info.json and features.json of TensorFlow Datasets say: where the records are and what is in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fgtl.converters.json_files import read_json_file
from fgtl.converters.tables import read_lines
from fgtl.datasets import Card
from fgtl.downloads import Tree
from fgtl.errors import DataError, did_you_mean

INFO, FEATURES = "dataset_info.json", "features.json"
# A feature's kind is the key under which features.json describes it.
IMAGE, LABEL, BOX = "image", "classLabel", "boundingBox"
_NAMES = {IMAGE: "image", LABEL: "label", BOX: "box"}
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_FORMAT = "tfrecord"


@dataclass(frozen=True)
class Shard:
    """One file of records."""

    file: str
    records: int


@dataclass(frozen=True)
class Description:
    """A prepared data set.

    Attributes:
        name: what TensorFlow Datasets calls it.
        shards: split -> its shards, in order.
        features: name at the top level of a record -> how features.json describes it.
        supervised: the features that the data set's makers name as input and target; possibly none.
    """

    name: str
    shards: Mapping[str, tuple[Shard, ...]]
    features: Mapping[str, Mapping[str, Any]]
    supervised: tuple[str, ...]

    def pick(self, kind: str, card: Card, where: str) -> str:
        """The one feature of a kind: the card's option, else the makers' own choice, else the only one.

        Raises:
            DataError: the option names no such feature, there is none, or several and no choice.
        """
        option = _NAMES[kind]
        there = [name for name, feature in self.features.items() if kind in feature]
        wanted = card.options.get(option)
        if wanted is not None and wanted not in there:
            raise DataError(
                f"The card {card.name} has the option {option} = {wanted!r}.",
                expected=f"one of {', '.join(there) or 'none: there is no such feature'}.",
                fix=did_you_mean(wanted, there),
            )
        chosen = [wanted] if wanted else [name for name in self.supervised if name in there] or there
        if len(chosen) != 1:
            raise DataError(
                f"{where} describes {len(there)} features that may be the {option}: {', '.join(there) or 'none'}.",
                expected="one.",
                fix=f"A card names the right one with options.{option}." if there else "",
            )
        return chosen[0]


def read_description(tree: Tree) -> Description:
    """Both files together.

    Raises:
        DataError: a file is not what TensorFlow Datasets writes, or the records are not TFRecord files.
    """
    info, features = read_json_file(tree, INFO), read_json_file(tree, FEATURES)
    try:
        kind = info.get("fileFormat", _FORMAT)
        name = str(info["name"])
        shards = {str(split["name"]): _shards(name, split) for split in info["splits"]}
        supervised = _supervised(info.get("supervisedKeys", {}))
        described = dict(features["featuresDict"]["features"])
        # Whatever is no table of its own cannot say what kind it is.
        kinds = {key: feature for key, feature in described.items() if isinstance(feature, dict)}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DataError(
            f"{tree.where(INFO)} and {FEATURES} do not describe a prepared data set: {error!r}.",
            expected="the files as TensorFlow Datasets 4 writes them.",
            fix="Prepare the data set again.",
        ) from None
    if kind != _FORMAT:
        raise DataError(
            f"{tree.where()} holds records in the format {kind!r}.",
            expected=f"{_FORMAT!r}.",
            fix=f"Prepare it again: tfds build {name} --file_format={_FORMAT}, into another --data_dir.",
        )
    return Description(name, shards, kinds, supervised)


def read_class_names(tree: Tree, label: str, feature: Mapping[str, Any]) -> list[str]:
    """Class names by label; where classes have none, their numbers.

    Raises:
        DataError: the list of names has another length than features.json says, or nothing says how many there are.
    """
    file = f"{label.replace('/', '.')}.labels.txt"
    names = [line.text for line in read_lines(tree, file)] if tree.is_file(file) else []
    text = str(dict(feature[LABEL]).get("numClasses", len(names) or ""))
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise DataError(f"{tree.where(FEATURES)}: the feature {label!r} has {text or 'no'} classes.")
    if names and len(names) != int(text):
        raise DataError(
            f"{tree.where(file)} names {len(names):,} classes.", expected=f"{int(text):,}, as {FEATURES} says."
        )
    return names or [str(number) for number in range(int(text))]


def _shards(name: str, split: Mapping[str, Any]) -> tuple[Shard, ...]:
    lengths = [int(length) for length in split.get("shardLengths", [])]
    template = split.get("filepathTemplate") or _TEMPLATE
    shards = []
    for number, length in enumerate(lengths):
        values = {
            "DATASET": name,
            "SPLIT": split["name"],
            "FILEFORMAT": _FORMAT,
            "SHARD_INDEX": f"{number:05d}",
            "NUM_SHARDS": f"{len(lengths):05d}",
            "SHARD_X_OF_Y": f"{number:05d}-of-{len(lengths):05d}",
        }
        file = template
        for variable, value in values.items():
            file = file.replace(f"{{{variable}}}", value)
        if "{" in file or "/" in file or "\0" in file or length < 0:
            raise ValueError(f"a shard {file!r} of {length} records")
        shards.append(Shard(file, length))
    return tuple(shards)


def _supervised(keys: Mapping[str, Any]) -> tuple[str, ...]:
    """Older versions write an input and an output, newer ones a tuple of features."""
    items = keys["tuple"]["items"] if "tuple" in keys else []
    named = [keys.get("input"), keys.get("output"), *(item.get("featureKey") for item in items)]
    return tuple(name for name in named if isinstance(name, str))
