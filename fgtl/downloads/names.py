"""Names of archive members: which are refused, and what is left of the others.

A name is kept byte for byte, as unpacking would leave it (nothing is normalised to NFC, since lists name the files
the way their makers' disks did); bytes that are not UTF-8 become surrogates, as in `os.listdir`.
"""

import re

from fgtl.errors import DataError

COMPONENT_BYTES = 255  # NAME_MAX
NAME_BYTES = 4096  # PATH_MAX

# Endings decide only what is looked at; what an image is, its content says. HEIC is here so that it is reported.
IMAGE_ENDINGS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".jp2", ".avif", ".heic", ".heif"),
}

# A backslash separates folders on Windows only; no image set needs one in a name.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_EMPTY, _UP = {"", "."}, ".."


def ends_like_an_image(name: str) -> bool:
    """Whether a name has one of the endings of image files."""
    return name[name.rfind(".") :].lower() in IMAGE_ENDINGS


def decode_name(raw: bytes) -> str:
    """A name as Python writes names of files: UTF-8, with surrogates for other bytes."""
    return raw.decode("utf-8", "surrogateescape")


def shown(name: str) -> str:
    """A name as messages show it: shortened, with escapes for what a terminal would act on or cannot print."""
    short = name if len(name) <= 120 else f"{name[:60]}...{name[-50:]}"
    return repr(short)[1:-1]


def clean_name(name: str, archive: str) -> str:
    """A member's name without "./", doubled and trailing slashes; "" for the top.

    Raises:
        DataError: it is empty, absolute, leads upwards, is too long, or holds a control character or a backslash.
    """
    if not name:
        raise _refused(archive, name, "is empty")
    found = _FORBIDDEN.search(name)
    if found:
        raise _refused(archive, name, "holds a backslash" if found[0] == "\\" else "holds a control character")
    parts = name.split("/")
    if _UP in parts:
        raise _refused(archive, name, "leads out of its folder")
    if not _EMPTY.isdisjoint(parts):
        if name.startswith("/"):
            raise _refused(archive, name, "is absolute")
        parts = [part for part in parts if part not in _EMPTY]
        name = "/".join(parts)
    if len(name) > COMPONENT_BYTES or not name.isascii():
        _check_lengths(name, parts, archive)
    return name


def is_clutter(name: str) -> bool:
    """Whether a clean name is what a Mac adds to archives: resource forks and its folders' window positions."""
    if "__MACOSX" in name and "__MACOSX" in name.split("/"):
        return True
    last = name[name.rfind("/") + 1 :]
    return last.startswith("._") or last == ".DS_Store"


def _check_lengths(name: str, parts: list[str], archive: str) -> None:
    longest = max((len(_encoded(part)) for part in parts), default=0)
    if longest > COMPONENT_BYTES:
        raise _refused(archive, name, f"has a part of {longest:,} bytes, more than {COMPONENT_BYTES},")
    if len(_encoded(name)) > NAME_BYTES:
        raise _refused(archive, name, f"has {len(_encoded(name)):,} bytes, more than {NAME_BYTES:,},")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _refused(archive: str, name: str, why: str) -> DataError:
    return DataError(
        f"{archive}: the name '{shown(name)}' {why} and is refused.",
        expected="relative names, with slashes, that stay below the top.",
        fix="It is damaged or made to do harm: download it again from the official page, and compare its checksum.",
    )
