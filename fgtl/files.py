"""Writing files so that nobody ever reads half of one: temporary name, fsync, rename, fsync of the folder."""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fgtl.errors import DataError

PARTIAL = ".partial"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success make it durable and rename it, otherwise remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two machines that share the folder may have processes of the same id, and two threads have one.
    partial = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}")
    try:
        yield partial
        sync(partial)
        partial.replace(path)
        sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """The same for a folder that does not exist yet; its files are made durable before the rename."""
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    # In a container every process may have the same id: what is there was left by an earlier one that was killed.
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        for file in partial.rglob("*"):
            sync(file)
        sync(partial)
        partial.rename(path)
        sync(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def clear_leftovers(path: Path) -> None:
    """Remove the half-written folders that processes which are gone left beside `path` (see `atomic_folder`)."""
    if not path.parent.is_dir():
        return
    for entry in path.parent.iterdir():
        name, _, process = entry.name.removesuffix(PARTIAL).rpartition(".")
        left = entry.name.endswith(PARTIAL) and name == path.name and process.isdecimal()
        if left and entry.is_dir() and not _is_running(int(process)):
            shutil.rmtree(entry, ignore_errors=True)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a whole file under its final name, or nothing. Text is UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(path) as partial:
        partial.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON atomically. NaN is refused: it is not JSON."""
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Parse a JSON file; DataError naming the file and line when it is not one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", 1)
        raise DataError(f"{path} line {line} is not JSON: {error}.", fix="Write it anew, or restore it.") from None


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """fsync a file or a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's
    return True
