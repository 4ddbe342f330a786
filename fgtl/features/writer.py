"""Write a feature set block by block: whatever was added stays, and a killed extraction goes on after the last block.

Beside the arrays lies `progress.json`, which says how far they count; `meta.json` comes last and makes the set one.
Equal blocks give equal files, however often the work was interrupted.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from fgtl.console import say
from fgtl.errors import DataError, InputError
from fgtl.features.checks import check_finite
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import FeatureSet
from fgtl.features.meta import ARRAYS, FEATURES, META, PROBABILITIES, Meta, describe_file, write_meta
from fgtl.files import PARTIAL, read_json, write_atomically, write_json

PROGRESS = "progress.json"
_SMALL = ("labels", "ids", "splits")


@dataclass(frozen=True, eq=False)
class Images:
    """The N images that are asked about, in the order in which blocks come.

    Attributes:
        ids: (N,) unicode, each once.
        labels: (N,) int32.
        splits: (N,) uint8.
        class_names: by label.
    """

    ids: NDArray[np.str_]
    labels: NDArray[np.int32]
    splits: NDArray[np.uint8]
    class_names: tuple[str, ...]


@contextmanager
def writing_alone(folder: Path) -> Iterator[None]:
    """Hold a feature set's folder for one process; another one that wants it waits. The lock ends with its process."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"Another process is writing {folder}; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


class FeatureWriter:
    """A feature set that is being written. Use as a context manager, inside `writing_alone`.

    Args:
        folder: new, or left by an earlier writer of the same set, whose blocks are kept.
        key: of the set, `fgtl.features.meta.question_key`.
        images: what the rows are about.
        dim: D.
        classes: K, columns of the probabilities; 0 where there are none.

    Attributes:
        seen: how many of the images are dealt with.
        unreadable: ids of those that have no row.

    Raises:
        DataError: the folder holds something else.
    """

    def __init__(self, folder: Path, key: str, images: Images, dim: int, classes: int = 0) -> None:
        self._folder, self._images, self._dim, self._classes = folder, images, dim, classes
        columns = {FEATURES: dim} | ({PROBABILITIES: classes} if classes else {})
        _check_is_ours(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"*{PARTIAL}"):
            left.unlink()
        self._facts = {"key": key, "columns": columns, "images": len(images.ids)}
        self._growing = {name: _GrowingRows(folder / f"{name}.npy", count) for name, count in columns.items()}
        self.seen, self.unreadable = self._progress()
        for rows in self._growing.values():
            rows.keep(self._kept)

    def __enter__(self) -> "FeatureWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for rows in self._growing.values():
            rows.close()

    def add(
        self, count: int, kept: NDArray[np.bool_], features: NDArray[np.float32], probabilities: Any = None
    ) -> None:
        """Add the next `count` images; when this returns they are on the disk.

        Args:
            count: images dealt with.
            kept: (count,) whether an image has a row.
            features: (M, D) of those that have, in order.
            probabilities: (M, K), where there are classes.

        Raises:
            DataError: a number is not finite; nothing of the block is kept.
        """
        ids = self._images.ids[self.seen : self.seen + count]
        arrays = {FEATURES: features} | ({PROBABILITIES: probabilities} if PROBABILITIES in self._growing else {})
        for array in arrays.values():
            check_finite(array, ids[kept])
        for name, array in arrays.items():
            self._growing[name].append(array)
        self.seen += count
        self.unreadable = (*self.unreadable, *ids[~kept].tolist())
        write_json(self._folder / PROGRESS, self._facts | {"seen": self.seen, "unreadable": list(self.unreadable)})

    def finish(self, extractor: Extractor, **more: Any) -> FeatureSet:
        """Make the folder a feature set, all images being seen.

        Args:
            extractor: what made the features.
            more: other fields of `Meta`: dataset, manifest_sha256, source_classes (K, where there are probabilities),
                head_sha256, question, versions.

        Raises:
            InputError: there are not K source classes.
            DataError: no image could be read.
        """
        names = more.get("source_classes", ())
        if len(names) != self._classes:
            raise InputError(f"{len(names)} source classes.", expected="one for each column of the probabilities.")
        if not self._kept:
            raise DataError(f"None of the {self.seen:,} images could be read.", fix="fgtl verify says what is wrong.")
        for rows in self._growing.values():
            rows.seal()
        images = self._images
        kept = ~np.isin(images.ids, self.unreadable)
        for name in _SMALL:
            content = io.BytesIO()
            values = getattr(images, name)[kept]
            # Ids get the length of their longest; one that was left out does not count.
            values = np.array(values.tolist()) if name == "ids" else values.astype(ARRAYS[name][1])
            np.save(content, values, allow_pickle=False)
            write_atomically(self._folder / f"{name}.npy", content.getvalue())
        files = {name: describe_file(self._folder, name) for name in (*self._growing, *_SMALL)}
        facts: dict[str, Any] = {
            "class_names": images.class_names,
            "rows": self._kept,
            "dim": self._dim,
            "files": files,
        }
        write_meta(self._folder, Meta(extractor, unreadable=self.unreadable, **facts, **more))
        (self._folder / PROGRESS).unlink()
        return FeatureSet.open(self._folder)

    @property
    def _kept(self) -> int:
        return self.seen - len(self.unreadable)

    def _progress(self) -> tuple[int, tuple[str, ...]]:
        """(seen, unreadable) of the writer before; nothing where it wrote another set or has lost rows."""
        path = self._folder / PROGRESS
        found = read_json(path) if path.is_file() else {}
        if {name: found.get(name) for name in self._facts} != self._facts:
            return 0, ()
        seen, unreadable = int(found["seen"]), tuple(map(str, found["unreadable"]))
        whole = all(rows.holds(seen - len(unreadable)) for rows in self._growing.values())
        return (seen, unreadable) if whole else (0, ())


class _GrowingRows:
    """A .npy of (N, columns) float32 that rows are added to. Its header says 0 rows until it is sealed.

    Written, not mapped: on a full disk a write says so, a memory map kills the process.
    """

    def __init__(self, path: Path, columns: int) -> None:
        self._columns = columns
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")

    def holds(self, rows: int) -> bool:
        return os.fstat(self._file.fileno()).st_size >= self._size(rows)

    def keep(self, rows: int) -> None:
        """Drop what comes after the first `rows`."""
        self._file.truncate(self._size(rows))
        self._write_header(0)
        self._file.seek(0, os.SEEK_END)

    def append(self, rows: NDArray[np.float32]) -> None:
        self._file.write(np.ascontiguousarray(rows, "<f4").data)
        self._sync()

    def seal(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        self._write_header((size - len(self._header(0))) // (4 * self._columns))
        self._sync()

    def close(self) -> None:
        self._file.close()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def _size(self, rows: int) -> int:
        return len(self._header(0)) + 4 * self._columns * rows

    def _write_header(self, rows: int) -> None:
        self._file.seek(0)
        self._file.write(self._header(rows))

    def _header(self, rows: int) -> bytes:
        """NumPy leaves room for the first number to grow: all these headers have one length."""
        header = io.BytesIO()
        facts = {"descr": "<f4", "fortran_order": False, "shape": (rows, self._columns)}
        np.lib.format.write_array_header_1_0(header, facts)
        return header.getvalue()


def _check_is_ours(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file.", expected="a folder for the feature set.")
    ours = {PROGRESS, META, *(f"{name}.npy" for name in ARRAYS)}
    entries = folder.iterdir() if folder.is_dir() else ()
    foreign = sorted(entry.name for entry in entries if entry.name not in ours and not entry.name.endswith(PARTIAL))
    if foreign:
        raise DataError(
            f"{folder} holds something else: {', '.join(foreign[:3])}.", expected="a new folder for the feature set."
        )
