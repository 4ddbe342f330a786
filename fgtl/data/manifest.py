"""manifest.json and index-<split>.npz: what a record set holds. No manifest means that it is not finished."""

import dataclasses
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.errors import DataError
from fgtl.files import read_json, sha256_of, write_atomically, write_json

SCHEMA = 1
MANIFEST = "manifest.json"
LABELS = "labels.txt"


@dataclass(frozen=True)
class File:
    """A file of the record set: a shard or an index.

    Attributes:
        file: name in the record set's folder.
        records: how many records it holds or indexes.
        bytes: its size.
        sha256: hex digest of its content.
    """

    file: str
    records: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Everything about a finished record set except the records. Holds no time: equal input gives equal bytes.

    Attributes:
        name: the data set's name.
        class_names, part_names: by label, by column of image/object/part.
        shards: split -> its shards in order.
        indexes: split -> its index.
        class_counts: split -> images of each class.
        settings: what decided the content: card and its sha256, seed, naming, policy.
        plan: sha256 over the settings and every source image's id, label, place and size.
        report: {"odd": {oddity: images}, "reencoded": images, "shrunk": images, "skipped": [{"id", "path", "reason"}],
            "duplicates": see fgtl.data.duplicates}.
        versions: {"fgtl", "pillow"} that wrote it.
        about: title, homepage, licence, citation, layout and level of the card, where it has them.
    """

    name: str
    class_names: tuple[str, ...]
    part_names: tuple[str, ...]
    shards: Mapping[str, tuple[File, ...]]
    indexes: Mapping[str, File]
    class_counts: Mapping[str, tuple[int, ...]]
    settings: Mapping[str, Any]
    plan: str
    report: Mapping[str, Any]
    versions: Mapping[str, str]
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Images of each split."""
        return {split: sum(shard.records for shard in shards) for split, shards in self.shards.items()}

    @property
    def files(self) -> tuple[File, ...]:
        """All shards, then all indexes."""
        return (*(shard for shards in self.shards.values() for shard in shards), *self.indexes.values())

    def labels_text(self) -> str:
        """The content of labels.txt, as TF-Slim reads it: `0:name` a line."""
        return "".join(f"{label}:{name}\n" for label, name in enumerate(self.class_names))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json; the record set is finished from then on."""
    write_json(folder / MANIFEST, {"schema": SCHEMA, **dataclasses.asdict(manifest)})


def read_manifest(folder: Path) -> Manifest:
    """Parse manifest.json.

    Raises:
        DataError: there is none (the conversion has not finished), its schema is newer, or it is not whole.
    """
    path = folder / MANIFEST
    if not path.is_file():
        what = "is not a finished record set: it has no manifest.json" if folder.is_dir() else "does not exist"
        raise DataError(
            f"{folder} {what}.",
            expected="a record set as `fgtl convert` writes it; the manifest comes last.",
            fix=f"python -m fgtl convert --dataset NAME --data_dir DOWNLOAD --output_dir {folder}",
        )
    written = read_json(path)
    schema = written.pop("schema", None) if isinstance(written, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise DataError(
            f"{path} has schema {schema}.",
            expected=f"at most {SCHEMA}, which is what this version of fgtl reads.",
            fix="Update fgtl, or convert the data set again.",
        )
    try:
        return _parsed(written)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path} is damaged: {error}.", fix="Convert again with --overwrite, or restore the file."
        ) from None


def _parsed(written: dict[str, Any]) -> Manifest:
    values = dict(written)
    values["class_names"] = tuple(map(str, values["class_names"]))
    values["part_names"] = tuple(map(str, values["part_names"]))
    values["shards"] = {split: tuple(map(_file, shards)) for split, shards in values["shards"].items()}
    values["indexes"] = {split: _file(index) for split, index in values["indexes"].items()}
    values["class_counts"] = {split: tuple(map(int, counts)) for split, counts in values["class_counts"].items()}
    if not values["shards"].keys() == values["indexes"].keys() == values["class_counts"].keys():
        raise ValueError("shards, indexes and class_counts name different splits")
    return Manifest(**values)


def _file(written: dict[str, Any]) -> File:
    file = File(**written)
    # These names are opened, and removed by --overwrite: nothing outside the folder may be meant.
    if Path(file.file).name != file.file or file.file.startswith("."):
        raise ValueError(f"{file.file!r} is not a plain file name")
    return File(file.file, int(file.records), int(file.bytes), str(file.sha256))


@dataclass(frozen=True, eq=False)
class Index:
    """Where each record of a split is, in the order of the shards: arrays of equal length N.

    Attributes:
        shard: (N,) int32, number of the shard within the split.
        offset: (N,) int64, byte offset of the payload (the tf.Example) in the shard.
        length: (N,) int64, bytes of the payload.
        label: (N,) int32.
        id: (N,) unicode.
        height, width: (N,) int32, pixels of the stored image.
    """

    shard: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    label: np.ndarray
    id: np.ndarray
    height: np.ndarray
    width: np.ndarray

    def __len__(self) -> int:
        return len(self.shard)


_DTYPES = {
    "shard": np.int32,
    "offset": np.int64,
    "length": np.int64,
    "label": np.int32,
    "id": np.str_,
    "height": np.int32,
    "width": np.int32,
}


def index_name(split: str) -> str:
    """File name of a split's index."""
    return f"index-{split}.npz"


def write_index(path: Path, index: Index) -> File:
    """Write an index atomically; equal content gives equal bytes. Ids are stored as UTF-8, a quarter of the size."""
    arrays: dict[str, Any] = {name: np.asarray(getattr(index, name), dtype) for name, dtype in _DTYPES.items()}
    arrays["id"] = np.char.encode(arrays["id"], "utf-8", "surrogateescape") if len(index) else np.zeros(0, "S1")
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(path, buffer.getvalue())
    return File(path.name, len(index), path.stat().st_size, sha256_of(path))


def read_index(path: Path) -> Index:
    """Read an index; DataError when it is missing, damaged or of unequal lengths."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in _DTYPES}
        arrays["id"] = _decoded(arrays["id"])
        index = Index(**{name: arrays[name].astype(dtype, copy=False) for name, dtype in _DTYPES.items()})
        if any(array.shape != (len(index),) for array in arrays.values()):
            raise ValueError("its columns have different lengths")
        return index
    except FileNotFoundError:
        reason = "it is missing"
    except Exception as error:  # zipfile, zlib, struct and NumPy each have their own way to say "damaged"
        reason = str(error)
    raise DataError(f"{path} cannot be read: {reason}.", fix="Convert again with --overwrite, or restore the file.")


def _decoded(names: np.ndarray) -> np.ndarray:
    """(N,) unicode from (N,) UTF-8 bytes.

    Cost: half a second a million where all are ASCII, five times that elsewhere; 4 bytes a character of the longest.
    """
    width = names.dtype.itemsize
    if names.dtype.kind != "S" or names.ndim != 1:
        raise ValueError("its ids are no bytes")
    if not names.size or not width:
        return np.zeros(names.shape, "U1")
    codes = np.ascontiguousarray(names).view(np.uint8).reshape(len(names), width)
    if codes.max() < 0x80:
        # NumPy's unicode is UTF-32: for ASCII the same numbers in wider fields.
        return codes.astype(np.uint32).view(f"U{width}")[:, 0]
    return np.char.decode(names, "utf-8", "surrogateescape")
