"""Perceptual hashes: 64 bits that hardly change when a photograph is stored anew, resized, or made brighter.

The signs of the lowest frequencies of the cosine transform of a small grey version, against their median: the DCT hash
of Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions (2010), section 3.2.1. Mirroring turns the
signs of the odd horizontal frequencies, so that the mirror image's hash costs nothing more.
"""

import hashlib
import io
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fgtl.console import Progress, warn
from fgtl.data.pool import Advance, run_tasks, worth_starting
from fgtl.data.records import RecordSet, Selection
from fgtl.errors import DataError
from fgtl.features.find import STORE
from fgtl.files import atomic_path
from fgtl.pillow import quiet_pillow

CACHE = "perceptual_hashes.npz"
# Of the small grey version; and the frequencies kept each way, without the constant one.
_SIDE, _KEPT = 32, 8
# Raised whenever hashes of the same image change.
_VERSION = 1
_IMAGES_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class Hashes:
    """Hashes of N images.

    Attributes:
        ids: (N,) unicode.
        plain, mirrored: (N,) uint64, of the image and of its mirror image.
        content: (N,) uint64, a digest of the stored file's bytes: equal for exact copies.
        contrast: (N,) float32, standard deviation of the small grey version, 0..127: of a blank image the hash says
            nothing. -1 for an image that cannot be read.
    """

    ids: NDArray[np.str_]
    plain: NDArray[np.uint64]
    mirrored: NDArray[np.uint64]
    content: NDArray[np.uint64]
    contrast: NDArray[np.float32]

    def take(self, ids: NDArray[np.str_]) -> "Hashes":
        """Those of the given ids, in that order.

        Raises:
            DataError: an id is not among them.
        """
        order = np.argsort(self.ids)
        rows = order[np.searchsorted(self.ids, ids, sorter=order).clip(max=len(self.ids) - 1)]
        missing = np.flatnonzero(self.ids[rows] != ids)
        if len(missing):
            raise DataError(f"The record set has no image {ids[missing[0]]!s}.", expected="those of the feature set.")
        return Hashes(ids, self.plain[rows], self.mirrored[rows], self.content[rows], self.contrast[rows])


def perceptual_hash(data: bytes) -> tuple[int, int, float]:
    """Hash, the mirror image's hash, and contrast of one image file.

    Raises:
        OSError, and what else Pillow raises for a damaged file.
    """
    with quiet_pillow(), Image.open(io.BytesIO(data)) as image:
        # The JPEG decoder skips most of the work, and still leaves enough pixels to average over.
        image.draft("L", (4 * _SIDE, 4 * _SIDE))
        small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    grey = np.asarray(small, np.float64)
    basis = _cosines()
    frequencies = basis @ grey @ basis.T
    turned = frequencies * (-1.0) ** np.arange(1, _KEPT + 1)
    return _bits(frequencies), _bits(turned), float(grey.std())


def hashes_of(records: RecordSet, workers: int = 0) -> Hashes:
    """Hashes of all images of a record set; those made before are read from `<records>/features/`.

    Args:
        records: of N images.
        workers: processes; 0 for one a core.

    Cost: some 1,500 images of 256 px a second and core. Memory: 32 bytes and the id an image.
    """
    path = records.folder / STORE / CACHE
    if (found := _cached(path, records.manifest_sha256)) is not None:
        return found
    selection = _every_record(records)
    parts = [slice(start, start + _IMAGES_AT_ONCE) for start in range(0, len(selection), _IMAGES_AT_ONCE)]
    tasks = ((records.folder, records.manifest_sha256, part) for part in parts)
    done: dict[int, NDArray[np.uint64]] = {}
    with Progress("hash", len(selection)) as progress:
        for (_, _, part), rows in run_tasks(
            _hash_part, tasks, worth_starting(workers, len(selection)), progress.advance
        ):
            done[part.start] = rows
    table = np.concatenate([done[start] for start in sorted(done)])
    plain, mirrored, content, contrast = table.T.copy()
    found = Hashes(selection.ids, plain, mirrored, content, contrast.astype(np.uint32).view(np.float32))
    _keep(path, found, records.manifest_sha256)
    return found


def _every_record(records: RecordSet) -> Selection:
    return records.select("+".join(split for split, count in records.counts.items() if count))


@lru_cache(maxsize=1)
def _opened(folder: Path, manifest_sha256: str) -> Selection:
    """All records, in a worker; the index of millions is read once, and again when the set is another one."""
    return _every_record(RecordSet.open(folder))


def _hash_part(task: tuple[Path, str, slice], advance: Advance) -> NDArray[np.uint64]:
    """(n, 4): plain, mirrored, content, bits of the contrast."""
    folder, manifest_sha256, part = task
    selection = _opened(folder, manifest_sha256)
    positions = range(*part.indices(len(selection)))
    rows = np.zeros((len(positions), 4), np.uint64)
    for row, position in zip(rows, positions, strict=True):
        contrast = -1.0
        # A damaged image can make Pillow raise anything; it has no copies then, and `fgtl verify` names it.
        with suppress(Exception):
            data = selection.image(position)
            row[2] = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
            row[0], row[1], contrast = perceptual_hash(data)
        row[3] = int(np.float32(contrast).view(np.uint32))
        advance(1)
    return rows


def _cosines() -> NDArray[np.float64]:
    """(8, 32): rows 1 to 8 of the DCT-II."""
    frequency, place = np.arange(1, _KEPT + 1)[:, None], np.arange(_SIDE)[None]
    return np.cos(np.pi * frequency * (2 * place + 1) / (2 * _SIDE))


def _bits(frequencies: NDArray[np.float64]) -> int:
    over = frequencies > np.median(frequencies)
    return int.from_bytes(np.packbits(over.ravel()).tobytes(), "big")


def _cached(path: Path, manifest_sha256: str) -> Hashes | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["manifest_sha256"]) != manifest_sha256 or int(file["version"]) != _VERSION:
                return None
            return Hashes(*(file[name] for name in ("ids", "plain", "mirrored", "content", "contrast")))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        # Not there, or damaged: it is only a copy of what can be computed.
        return None


def _keep(path: Path, found: Hashes, manifest_sha256: str) -> None:
    arrays = {name: getattr(found, name) for name in ("ids", "plain", "mirrored", "content", "contrast")}
    try:
        with atomic_path(path) as partial, partial.open("wb") as file:
            np.savez(file, manifest_sha256=manifest_sha256, version=_VERSION, **arrays)
    except OSError as error:
        warn(f"The hashes are not kept for the next time: {error}")
