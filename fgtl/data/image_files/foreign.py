"""Names for well-known things that lie where an image should be, told by their first bytes."""

_TEXT = frozenset(range(32, 127)) | {9, 10, 13}
_ISO_MEDIA = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_STARTS = {
    b"%PDF": "a PDF file",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"%!PS": "a PostScript file",
    b"\xc5\xd0\xd3\xc6": "a PostScript file",
    b"8BPS": "a Photoshop file; export it as PNG or JPEG first",
    b"\x00\x00\x01\x00": "an icon file",
}


def what_it_is(data: bytes) -> str:
    """A phrase for what is no image that we can read; "" when it might be one."""
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data:
        return "an empty file (0 bytes)"
    if not any(data[:4096]) and not data.strip(b"\0"):
        return f"a file of {len(data):,} zero bytes"
    for known, phrase in _STARTS.items():
        if data.startswith(known):
            return phrase
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page, perhaps the error page of a failed download"
    if start.startswith((b"<?xml", b"<svg")):
        return "an XML or SVG file"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file it points to"
    brands = data[8 : int.from_bytes(data[:4], "big")] if data[4:8] == b"ftyp" else b""
    if brands[:4] in _ISO_MEDIA and b"avi" not in brands:
        return "an HEIC picture, which Pillow does not read; convert it to JPEG first"
    # PPM headers are text too, so only text that no image format starts with counts.
    if not data.startswith(b"P") and all(byte in _TEXT for byte in data[:512]):
        return f"a text file ({data[:30].decode('ascii').split(chr(10))[0].strip()!r} ...)"
    return ""
