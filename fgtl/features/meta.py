"""meta.json of a feature set: what it holds and of what. Written last; without it a set is not finished."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.errors import DataError
from fgtl.features.extractor import Extractor, digest_of
from fgtl.files import read_json, sha256_of, write_json

SCHEMA = 1
META = "meta.json"
FEATURES = "features"
PROBABILITIES = "probabilities"
SPLITS = ("train", "validation", "test")
# name -> (dimensions, dtype); ids have the length of their longest.
ARRAYS = {FEATURES: (2, "<f4"), "labels": (1, "<i4"), "ids": (1, "<U"), "splits": (1, "|u1"), PROBABILITIES: (2, "<f4")}
_SMALL = ("labels", "ids", "splits")
# Files of at most so many bytes are read whole when a set is opened, which takes a fraction of a second.
READ_WHOLE = 512 * 2**20


@dataclass(frozen=True)
class File:
    """An array of the set: bytes of its file, and the sha256 of its content."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Meta:
    """What a feature set holds.

    Attributes:
        extractor: what made it.
        dataset: name of the data set, for people.
        manifest_sha256: of the record set whose images they are; "" for features that were made elsewhere.
        class_names: by label.
        rows, dim: N and D.
        files: name of an array -> its file.
        unreadable: ids of images that were left out because they could not be read.
        source_classes: names of the columns of `probabilities`, the classes of the extractor's own classifier.
        head_sha256: of the model whose classifier that is; "" where there are no probabilities.
        question: what was asked for, before a network was built; the same question is answered without building one.
            Its "weights" says in words where the weights came from. Empty where the words do not fix the answer.
        versions: what made it.
    """

    extractor: Extractor
    dataset: str
    manifest_sha256: str
    class_names: tuple[str, ...]
    rows: int
    dim: int
    files: Mapping[str, File]
    unreadable: tuple[str, ...] = ()
    source_classes: tuple[str, ...] = ()
    head_sha256: str = ""
    question: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Digest of what decides the content: the extractor, its classifier and the exact images."""
        return question_key(self.extractor, self.manifest_sha256, self.head_sha256)

    @property
    def network(self) -> str:
        """The network and where its weights came from; how images are shown to it is `extractor.describe()`."""
        weights = Path(str(self.question.get("weights", ""))).name
        for ending in (".h5", ".weights", "_notop"):
            weights = weights.removesuffix(ending)
        backbone = self.extractor.backbone
        return weights if weights.startswith(backbone) else f"{backbone}, {weights}".removesuffix(", ")

    def describe(self) -> str:
        """One line for people: the extractor, and where its weights came from."""
        weights = self.question.get("weights")
        return f"{self.extractor.describe()} ({weights})" if weights else self.extractor.describe()


def question_key(extractor: Extractor, manifest_sha256: str, head_sha256: str = "") -> str:
    """The name of the folder that holds what an extractor, and a classifier on it, say of a record set's images."""
    facts = {"extractor": extractor.as_dict(), "manifest_sha256": manifest_sha256, "head_sha256": head_sha256}
    return digest_of({"schema": SCHEMA, **facts})


def describe_file(folder: Path, name: str) -> File:
    """Size and digest of an array's file that has just been written."""
    path = folder / f"{name}.npy"
    return File(path.stat().st_size, sha256_of(path))


def write_meta(folder: Path, meta: Meta) -> None:
    """Write meta.json; the arrays must be there."""
    values = dataclasses.asdict(meta)
    write_json(folder / META, {"schema": SCHEMA, "key": meta.key, **values, "extractor": meta.extractor.as_dict()})


def read_meta(folder: Path) -> Meta:
    """Read meta.json and check the files against it: sizes of all, digests of those of at most 512 MB and of all labels,
    ids and splits.

    Raises:
        DataError: not a finished feature set, made by a newer fgtl, or a file is missing, cut short or changed.
    """
    meta = parse_meta(folder)
    for name, file in meta.files.items():
        _check_file(folder / f"{name}.npy", file, content=name in _SMALL or file.bytes <= READ_WHOLE)
    return meta


def parse_meta(folder: Path) -> Meta:
    """What meta.json says, whether or not the files are as it says.

    Raises:
        DataError: not a finished feature set, made by a newer fgtl, or damaged.
    """
    path = folder / META
    if not path.is_file():
        unfinished = folder.is_dir() and any(folder.glob("*.npy"))
        raise DataError(
            f"{folder} is not a {'finished ' if unfinished else ''}feature set: it has no {META}.",
            expected="a folder that `fgtl extract` made.",
            fix="Run the same `fgtl extract` again: it goes on." if unfinished else "",
        )
    values = read_json(path)
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        found = values.get("schema") if isinstance(values, dict) else type(values).__name__
        raise DataError(f"{path} has schema {found}.", expected=f"{SCHEMA}; a newer fgtl may have written it.")
    try:
        return _parsed(values)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"{path} is damaged: {type(error).__name__} {error}.", fix=f"Remove {folder}, and extract again."
        ) from None


def read_array(folder: Path, name: str) -> Any:
    """One array of a set; the large ones as a read-only memory map.

    Raises:
        DataError: the file is no such array.
    """
    path = folder / f"{name}.npy"
    rank, dtype = ARRAYS[name]
    try:
        array = np.load(path, mmap_mode="r" if rank > 1 else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}.", fix="Extract again.") from None
    if array.ndim != rank or not array.dtype.str.startswith(dtype):
        raise DataError(f"{path} holds {array.dtype} {array.shape}.", expected=f"{rank} dimensions of {dtype}.")
    return array


_KINDS = {
    "dataset": str,
    "manifest_sha256": str,
    "head_sha256": str,
    "rows": int,
    "dim": int,
    "question": dict,
    "versions": dict,
}


def _parsed(values: dict[str, Any]) -> Meta:
    fields = {name: values[name] for name in _KINDS}
    for name, kind in _KINDS.items():
        if type(fields[name]) is not kind:
            raise TypeError(f"{name} is {fields[name]!r}")
    lists: dict[str, Any] = {
        name: _texts(name, values[name]) for name in ("class_names", "unreadable", "source_classes")
    }
    files = {
        name: File(int(file["bytes"]), str(file["sha256"])) for name, file in values["files"].items() if name in ARRAYS
    }
    if not {FEATURES, *_SMALL} <= files.keys():
        raise ValueError(f"it names the files {', '.join(files)}")
    return Meta(extractor=Extractor.from_dict(values["extractor"]), files=files, **fields, **lists)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"{name} are no texts")
    return tuple(value)


def _check_file(path: Path, file: File, *, content: bool) -> None:
    size = path.stat().st_size if path.is_file() else None
    if size != file.bytes:
        came = "is missing" if size is None else f"has {size:,} bytes"
        raise DataError(f"{path} {came}.", expected=f"{file.bytes:,} bytes, as {META} says.", fix="Extract again.")
    if content and sha256_of(path) != file.sha256:
        raise DataError(f"{path} was changed: its sha256 is not the one in {META}.", fix="Extract again.")
