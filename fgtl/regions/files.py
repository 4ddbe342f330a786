"""Regions on disk: `regions.npz` with the arrays, and `regions.json` beside it, written last.

The json holds the digest of the npz: without it, or with another file's, the regions are not finished.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.data.records import RecordSet, Selection
from fgtl.errors import DataError, InputError
from fgtl.files import read_json, sha256_of, write_atomically, write_json
from fgtl.regions.regions import Regions

SCHEMA = 1
NAME = "regions.npz"
# Attribute of Regions -> (its name in the file, dtype). Ids are stored as UTF-8, a quarter of the size.
_ARRAYS = {
    "ids": ("id", "S"),
    "sizes": ("size", "<i4"),
    "images": ("image", "<i4"),
    "ranks": ("rank", "<i2"),
    "boxes": ("box", "<f4"),
    "scores": ("score", "<f4"),
    "levels": ("level", "|i1"),
    "flags": ("flags", "|u1"),
}
_TEXTS = ("source", "manifest_sha256", "run")
_AGAIN = "Make the regions again."


def write_regions(path: Path, regions: Regions) -> None:
    """Write `path` (NAME.npz) and NAME.json beside it, each whole or not at all. Equal regions give equal bytes.

    Raises:
        InputError: the name does not end in .npz.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise InputError(f"{path} is no name of a regions file.", expected="a name that ends in .npz.")
    arrays: dict[str, Any] = {
        name: np.asarray(getattr(regions, attribute), dtype)
        for attribute, (name, dtype) in _ARRAYS.items()
        if attribute != "ids"
    }
    ids = regions.ids
    arrays["id"] = np.char.encode(ids, "utf-8", "surrogateescape") if len(ids) else np.zeros(0, "S1")
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(path, buffer.getvalue())
    facts: dict[str, Any] = {name: getattr(regions, name) for name in _TEXTS}
    facts |= {"level_names": list(regions.level_names), "images": len(ids), "regions": len(regions)}
    facts |= {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
    write_json(path.with_suffix(".json"), {"schema": SCHEMA, **facts})


def read_regions(path: Path) -> Regions:
    """Read regions and check them.

    Args:
        path: the .npz, the .json beside it, or a folder with `regions.npz`.

    Raises:
        DataError: not finished, of another schema, cut short or changed, or the boxes are not those of images.
    """
    path = Path(path)
    path = path / NAME if path.is_dir() else path.with_suffix(".npz")
    facts = _facts_of(path)
    size = path.stat().st_size
    if size != facts["bytes"] or sha256_of(path) != facts["sha256"]:
        came = f"has {size:,} bytes" if size != facts["bytes"] else "has another content than when it was written"
        raise DataError(
            f"{path} {came}.", expected=f"the file of {facts['bytes']:,} bytes that its .json names.", fix=_AGAIN
        )
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays: dict[str, Any] = {attribute: _array(stored, *where) for attribute, where in _ARRAYS.items()}
        arrays["ids"] = np.char.decode(arrays["ids"], "utf-8", "surrogateescape").astype(np.str_)
        arrays |= {name: str(facts[name]) for name in _TEXTS}
        return Regions(**arrays, level_names=facts["level_names"])
    except InputError as error:
        raise DataError(f"{path} holds no usable regions: {error}", fix=_AGAIN) from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} cannot be read: {error}.", expected="arrays as fgtl writes them.", fix=_AGAIN
        ) from None


def images_of(regions: Regions, records: RecordSet) -> Selection:
    """The record of each of the N images, in the order of `regions.ids`.

    Raises:
        DataError: the regions are of another record set, or an image is not in it or has another size there.
    """
    if regions.manifest_sha256 not in ("", records.manifest_sha256):
        raise DataError(
            f"The regions are of another record set than {records.folder}.",
            expected="the one whose manifest.json they name; a set that is converted anew is another one.",
            fix="Give that record set with --records, or make the regions again.",
        )
    everything = records.select("+".join(split for split, count in records.counts.items() if count))
    order = np.argsort(everything.ids, kind="stable")
    places = np.searchsorted(everything.ids, regions.ids, sorter=order).clip(max=len(order) - 1)
    found = everything.take(order[places])
    missing = found.ids != regions.ids
    if missing.any():
        raise DataError(
            f"{records.folder} has no image {str(regions.ids[missing.argmax()])!r}"
            f" ({missing.sum():,} of the regions' {len(missing):,} images are not there).",
            expected="regions of this record set.",
        )
    other = (found.heights != regions.sizes[:, 0]) | (found.widths != regions.sizes[:, 1])
    if other.any():
        row = int(other.argmax())
        height, width = regions.sizes[row].tolist()
        raise DataError(
            f"The regions take {regions.ids[row]} to have {width} x {height} pixels.",
            expected=f"{found.widths[row]} x {found.heights[row]}, as it is stored in {records.folder}.",
        )
    return found


def _facts_of(path: Path) -> dict[str, Any]:
    """What the json says, its types checked."""
    beside = path.with_suffix(".json")
    for file in (path, beside):
        if not file.is_file():
            raise DataError(
                f"{file} does not exist.",
                expected=f"{path.name} and {beside.name} side by side; the .json is written last.",
                fix="`fgtl regions --run_dir RUN` writes them."
                if file == path
                else f"They were not finished. {_AGAIN}",
            )
    facts = read_json(beside)
    schema = facts.get("schema") if isinstance(facts, dict) else None
    if schema != SCHEMA:
        raise DataError(
            f"{beside} has schema {schema}.", expected=f"{SCHEMA}; a newer fgtl, or another tool, may have written it."
        )
    try:
        facts = {**facts, "bytes": int(facts["bytes"]), "level_names": tuple(map(str, facts["level_names"]))}
        return {name: facts[name] for name in (*_TEXTS, "level_names", "bytes", "sha256")}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{beside} is damaged: {type(error).__name__} {error}.", fix=_AGAIN) from None


def _array(stored: Any, name: str, dtype: str) -> Any:
    array = stored[name]
    if not array.dtype.str.endswith(dtype) and array.dtype.kind != dtype:
        raise ValueError(f"{name} is {array.dtype}, not {np.dtype(dtype)}")
    return array
