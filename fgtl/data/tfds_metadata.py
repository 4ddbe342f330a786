"""The files that let TensorFlow Datasets open a record set: `tfds.builder_from_directory(folder)`.

They are plain JSON, so they are written here without that library: dataset_info.json (splits, shards, licence),
features.json (what a record's keys hold) and the class names. A record comes out of TFDS under its own keys
("image/encoded", decoded to pixels), and `as_supervised=True` gives (image, label). Keys that only some records have
(boxes, parts, hierarchy) are lists of any length there: TFDS reads an absent one as an empty list.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from fgtl.data import example
from fgtl.data.companions import DATASET_INFO, FEATURES, LABEL_NAMES
from fgtl.data.manifest import Manifest
from fgtl.wire import FLOAT, INT64

# TFDS wants a version; a record set has none, it is told by its manifest's digest.
_VERSION = "1.0.0"
_ONE_A_RECORD = {example.FORMAT, example.HEIGHT, example.WIDTH, example.FILENAME, example.ID, example.CLASS_TEXT}
_DTYPES = {FLOAT: "float32", INT64: "int64"}


def tfds_files(manifest: Manifest) -> dict[str, bytes]:
    """File name -> content of what TFDS reads beside the shards. Equal manifests give equal bytes.

    Source: the JSON forms of TFDS' protos DatasetInfo and Feature (tensorflow-datasets 4.9).
    """
    return {
        DATASET_INFO: _json(_dataset_info(manifest)),
        FEATURES: _json(_features(len(manifest.class_names))),
        LABEL_NAMES: "".join(f"{name}\n" for name in _told_apart(manifest.class_names)).encode(),
    }


def tfds_name(name: str) -> str:
    """A data set's name as TFDS allows it: ASCII letters, digits and _, a letter first. "Cars-196.v2" -> "cars_196_v2"."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"dataset_{plain}".rstrip("_")


def _dataset_info(manifest: Manifest) -> dict[str, Any]:
    about = manifest.about
    pair = [{"featureKey": key} for key in (example.IMAGE, example.LABEL)]
    facts: dict[str, Any] = {
        "name": tfds_name(manifest.name),
        "version": _VERSION,
        "description": about.get("title") or manifest.name,
        "citation": about.get("citation"),
        "location": {"urls": [about["homepage"]]} if about.get("homepage") else None,
        "redistributionInfo": {"license": about["licence"]} if about.get("licence") else None,
        "fileFormat": "tfrecord",
        "splits": [_split(manifest, split) for split in manifest.shards],
        "supervisedKeys": {"tuple": {"items": pair}},
    }
    return {key: value for key, value in facts.items() if value}


def _split(manifest: Manifest, split: str) -> dict[str, Any]:
    shards = manifest.shards[split]
    # The name itself is in the template: it may hold dots and dashes, which TFDS' own {DATASET} may not.
    literal = shards[0].file.replace("{", "{{").replace("}", "}}")
    return {
        "name": split,
        "shardLengths": [str(shard.records) for shard in shards],
        "numBytes": str(sum(shard.bytes for shard in shards)),
        "filepathTemplate": re.sub(r"\d{5}-of-\d{5}(?=$|\.tfrecord$)", "{SHARD_X_OF_Y}", literal),
    }


def _features(classes: int) -> dict[str, Any]:
    pixels = {"dtype": "uint8", "shape": {"dimensions": ["-1", "-1", "3"]}}
    features = {
        example.IMAGE: _feature("image_feature.Image", "image", pixels),
        example.LABEL: _feature("class_label_feature.ClassLabel", "classLabel", {"numClasses": str(classes)}),
    }
    for key, kind in example.KINDS.items():
        if key not in features:
            features[key] = _value(kind) if key in _ONE_A_RECORD else _list(kind)
    return _feature("features_dict.FeaturesDict", "featuresDict", {"features": features})


def _value(kind: int) -> dict[str, Any]:
    if kind in _DTYPES:
        return _feature("tensor_feature.Tensor", "tensor", {"dtype": _DTYPES[kind], "encoding": "none", "shape": {}})
    return _feature("text_feature.Text", "text", {})


def _list(kind: int) -> dict[str, Any]:
    return _feature("sequence_feature.Sequence", "sequence", {"feature": _value(kind), "length": "-1"})


def _feature(class_name: str, field: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"pythonClassName": f"tensorflow_datasets.core.features.{class_name}", field: content}


def _told_apart(names: Sequence[str]) -> Iterator[str]:
    """One line a class. TFDS drops blank lines and refuses equal ones, so such names get their label."""
    seen: set[str] = set()
    for label, name in enumerate(names):
        line = " ".join(name.split())
        while not line or line in seen:
            line = f"{line} [{label}]".strip()
        seen.add(line)
        yield line.encode("utf-8", "backslashreplace").decode()


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
