"""What a file is, told by its content: one of the archives that fgtl reads, or what a failed download left instead."""

import stat
from pathlib import Path

from fgtl.downloads.tar_headers import BLOCK, has_checksum
from fgtl.errors import DataError

EXPECTED = "a tar, tar.gz, tar.bz2, tar.xz or ZIP archive."
_AGAIN = "Download it again."

# Magic bytes -> kind; `archives` knows how each is opened.
_KINDS = {
    b"\x1f\x8b\x08": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # without members
}
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")

_FOREIGN = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"\x1f\x9d": "a file of the program compress",
    b"LZIP": "an lzip file",
    b"PK\x07\x08": "a part of a ZIP archive in several parts",
}

# An empty tar archive is one record of zeros. More of them is a file whose space was reserved and never filled.
_EMPTY_TAR_BYTES = 1 << 20


def archive_kind(path: Path) -> str:
    """ "tar", "gzip", "bzip2", "xz" or "zip".

    Raises:
        DataError: there is no such file, it cannot be read, or it is something else; says what.
    """
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise DataError(f"{path} is no file.", expected=EXPECTED)
        with path.open("rb") as file:
            start = file.read(BLOCK)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.", expected=EXPECTED) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    kind = _kind(start)
    if kind == "tar" and not any(start) and facts.st_size > _EMPTY_TAR_BYTES:
        raise DataError(f"{path} starts with zeros ({facts.st_size:,} bytes).", expected=EXPECTED, fix=_AGAIN)
    if kind is None:
        what, fix = _describe(start)
        raise DataError(f"{path} is no archive but {what} ({facts.st_size:,} bytes).", expected=EXPECTED, fix=fix)
    return kind


def _kind(start: bytes) -> str | None:
    for magic, kind in _KINDS.items():
        if start.startswith(magic):
            return kind
    if start[:3] == b"BZh" and start[4:10] in _BZIP2_BLOCKS:
        return "bzip2"
    if len(start) == BLOCK and (not any(start) or has_checksum(start)):
        return "tar"
    return None


def _describe(start: bytes) -> tuple[str, str]:
    """What a file that is no archive is, and what to do about it."""
    if not start:
        return "an empty file", _AGAIN
    for magic, what in _FOREIGN.items():
        if start.startswith(magic):
            return what, "Unpack it with its own program and name the folder."
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page", "A log-in or error page was saved in its place: open it in a browser to see which."
    if text.startswith((b"<?xml", b"<error")):
        return "an XML text", "A server's error message was probably saved in its place: read it."
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer", "Fetch the file that it stands for: git lfs pull."
    if _is_text(start):
        return "a text", "A server's error message was perhaps saved in its place: read it."
    return "something unknown, or the middle of an archive", _AGAIN


def _is_text(start: bytes) -> bool:
    # A character may be cut at the end of what was read.
    text = start.decode("utf-8", "ignore") if len(start) == BLOCK else start.decode("utf-8", "replace")
    return len(text.encode()) >= len(start) - 3 and all(char.isprintable() or char in "\r\n\t\f" for char in text)
