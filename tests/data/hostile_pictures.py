"""The corpus of odd, damaged and hostile image files: what each is, and what is to become of it.

corpus()["png 16-bit grey"] -> Case(data, header=..., decode=..., shows=...)
"""

import struct
import zlib
from functools import cache

import numpy as np
from hostile_jpegs import HUGE, KEPT, PICTURE, Case, Cases, exif, jpegs, same, turned
from pictures import chunk, encoded, picture, png
from PIL import Image

PNG = encoded(PICTURE, "PNG")


@cache
def corpus() -> dict[str, Case]:
    """Every case by its name."""
    return dict(
        case
        for part in (*(jpegs, _pngs, _damaged_pngs, _gifs_and_webps, _tiffs, _others, _no_images),)
        for case in part()
    )


def bombs() -> dict[str, Case]:
    """The cases of `corpus` that claim or hide more than a computer should take in."""
    return {name: case for name, case in corpus().items() if name.startswith("bomb")}


@cache
def packed_zeros(count: int) -> bytes:
    """`count` MiB of zeros, compressed."""
    stream = zlib.compressobj(1)
    return b"".join(stream.compress(bytes(1 << 20)) for _ in range(count)) + stream.flush()


def grey_rows(width: int, height: int) -> bytes:
    """Black rows of a PNG of 8-bit greys, with their filter bytes."""
    return bytes((width + 1) * height)


def _pngs() -> Cases:
    grey = picture(channels=1)
    yield "png", same(PNG, KEPT, PICTURE, 0)
    rotated = encoded(PICTURE, "PNG", exif=exif(8))
    yield "png exif 8", same(rotated, ("rotated",), PICTURE.transpose(Image.Transpose.ROTATE_90), 0)

    for width, height in ((1, 1), (1, 60_000), (60_000, 1), (65_536, 1)):
        image = Image.new("L", (width, height), 90)
        yield f"png {width} x {height}", same(encoded(image, "PNG"), KEPT, image, 0)
    yield "png named .jpg", same(PNG, KEPT)
    yield "png grey", same(encoded(grey, "PNG"), KEPT, grey, 0)
    yield "png interlaced", same(_interlaced(), KEPT, Image.new("RGB", (13, 9), (7, 7, 7)), 0)
    deep = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    yield (
        "png 16-bit grey",
        same(encoded(Image.fromarray(deep), "PNG"), ("16-bit",), Image.fromarray((deep >> 8).astype(np.uint8)), 0),
    )
    colours = png(2, 1, 16, 2, b"\0" + struct.pack(">6H", 65535, 32768, 0, 255, 256, 512))
    yield (
        "png 16-bit rgb",
        same(colours, ("16-bit",), Image.fromarray(np.array([[[255, 128, 0], [0, 1, 2]]], np.uint8)), 0),
    )
    indexed = PICTURE.convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    yield "png palette", same(encoded(indexed, "PNG"), ("palette",), indexed.convert("RGB"), 0)
    yield "png transparent palette", same(encoded(indexed, "PNG", transparency=0), ("palette", "alpha"))
    half = Image.new("L", PICTURE.size, 255)
    half.paste(0, (0, 0, 32, 48))
    for mode in ("RGBA", "LA"):
        image = PICTURE.convert(mode)
        image.putalpha(half)
        on_white = Image.composite(image.convert("RGB"), Image.new("RGB", image.size, "white"), half)
        yield f"png {mode}", same(encoded(image, "PNG"), ("alpha",), on_white, 0)
    yield (
        "png 1-bit",
        same(png(8, 1, 1, 0, b"\0\xaa"), ("low bit depth",), Image.fromarray(np.array([[255, 0] * 4], np.uint8)), 0),
    )
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "lime", "blue")]
    animated = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    yield "png animated", same(animated, ("animated",), frames[0], 0)
    big_text = packed_zeros(64)
    yield "bomb: png text", same(png(2, 2, 8, 0, grey_rows(2, 2), chunk(b"zTXt", b"Comment\0\0" + big_text)), KEPT)
    yield "bomb: png profile", same(png(2, 2, 8, 0, grey_rows(2, 2), chunk(b"iCCP", b"icc\0\0" + big_text)), KEPT)
    text = png(8, 1, 1, 0, b"\0\xaa", chunk(b"zTXt", b"Comment\0\0" + big_text))
    yield "bomb: png text, to be re-encoded", same(text, "cannot be decoded")


def _interlaced() -> bytes:
    """13 x 9 RGB pixels of 7, in the seven passes of Adam7."""
    sizes = ((2, 2), (2, 2), (4, 1), (3, 3), (7, 2), (6, 5), (13, 4))  # columns, rows of each pass
    rows = b"".join((b"\0" + b"\x07" * 3 * columns) * count for columns, count in sizes)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 13, 9, 8, 2, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def with_png_pixels(*pieces: bytes) -> bytes:
    """A grey PNG of 8 x 8 with these bytes as its compressed data, a chunk for each piece."""
    start, end = png(8, 8, 8, 0, b"")[:33], chunk(b"IEND", b"")
    return start + b"".join(chunk(b"IDAT", piece) for piece in pieces) + end


def _damaged_pngs() -> Cases:
    whole, rows = png(8, 8, 8, 0, grey_rows(8, 8)), zlib.compress(grey_rows(8, 8))
    yield "png without a header", same(b"\x89PNG\r\n\x1a\n" + bytes(50), "without a header")
    yield "png of two headers", same(whole[:33] + whole[8:], "second header")
    yield "png with a wrong header checksum", same(turned(whole, 30, whole[30] ^ 1), "checksum of its header")
    yield "png with another size in its header", same(turned(whole, 23, 9), "checksum of its header")
    yield "png of no width", same(png(0, 2, 8, 2, b""), "0 x 2 pixels")
    yield "png of colour type 5", same(png(2, 2, 8, 5, b""), "colour type 5")
    yield "png of 3 bits", same(png(2, 2, 3, 0, b""), "a coding that there is not")
    yield "png without pixels", same(png(2, 2, 8, 0, b"").replace(b"IDAT", b"iDAT"), "without image data")
    yield "png without an end", same(whole[:-12], "truncated PNG")
    yield "png cut in its pixels", same(PNG[: len(PNG) // 2], "truncated PNG")
    yield "png with a length of 4 GB", same(turned(whole, 33, 0xFF), "truncated PNG")
    yield (
        "png with a wrong pixel checksum",
        Case(turned(whole, -14, whole[-14] ^ 1), KEPT, "checksum of its image data"),
    )
    yield "png with a flipped bit", Case(with_png_pixels(turned(rows, 4, rows[4] ^ 8)), KEPT, "damaged PNG")
    yield "png with too few rows", Case(with_png_pixels(zlib.compress(grey_rows(8, 7))), KEPT, "before the last row")
    yield "png without the end of its data", Case(with_png_pixels(rows[:-6]), KEPT, "damaged PNG")
    yield "png with an unknown filter", Case(png(8, 8, 8, 0, b"\7" + bytes(71)), KEPT, "coded in a way")
    yield "png with an unknown need", Case(whole[:33] + chunk(b"ABCD", b"") + whole[33:], KEPT, "needed and unknown")
    yield "png with a chunk without a name", Case(whole[:33] + chunk(b"ab\0d", b"") + whole[33:], KEPT, "no name")
    interrupted = with_png_pixels(rows[:9]).removesuffix(chunk(b"IEND", b"")) + chunk(b"tEXt", b"a\0b")
    interrupted += chunk(b"IDAT", rows[9:]) + chunk(b"IEND", b"")
    yield "png with interrupted pixels", Case(interrupted, KEPT, "interrupted")
    yield "png in many pieces", same(with_png_pixels(*(rows[at : at + 1] for at in range(len(rows)))), KEPT)
    yield "png with a little behind its pixels", same(with_png_pixels(zlib.compress(grey_rows(8, 9))), KEPT)
    behind = with_png_pixels(packed_zeros(64))
    yield "bomb: png behind its pixels", Case(behind, KEPT, "has no end")
    claimed = png(20_000, 20_000, 8, 0, b"")[:33] + chunk(b"IDAT", packed_zeros(382)) + chunk(b"IEND", b"")
    yield "bomb: png", same(claimed, "20,000 x 20,000 = 400,000,000 pixels")


def _gifs_and_webps() -> Cases:
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "lime", "blue")]
    more = {"save_all": True, "append_images": frames[1:]}
    gif = encoded(PICTURE, "GIF")
    yield "gif", same(gif, ("gif", "palette"), PICTURE, 20)
    yield "gif animated", same(encoded(frames[0], "GIF", **more), ("gif", "palette", "animated"), frames[0])
    yield "gif cut", same(gif[: len(gif) // 2], "cannot be decoded")
    yield "gif without frames", same(gif[:13] + b"\0" * 768 + b";", "not an image")
    yield "bomb: gif", same(gif.replace(struct.pack("<HH", 64, 48), struct.pack("<HH", 60_000, 60_000)), HUGE)
    frame = gif.rindex(b",\0\0\0\0")
    large_frame = gif[: frame + 5] + struct.pack("<HH", 60_000, 60_000) + gif[frame + 9 :]
    yield "bomb: gif frame", same(large_frame, HUGE)
    webp = encoded(PICTURE, "WEBP", quality=95)
    yield "webp", same(webp, ("webp",), PICTURE, 6)
    yield "webp lossless", same(encoded(PICTURE, "WEBP", lossless=True), ("webp",), PICTURE, 0)
    animated = encoded(frames[0], "WEBP", lossless=True, **more)
    yield "webp animated", same(animated, ("webp", "animated"), frames[0])
    yield "webp cut", same(webp[: len(webp) // 2], "start with 52 49 46 46")
    yield "webp without pictures", same(b"RIFF\x04\0\0\0WEBP", "hold no size")
    canvas = animated[:24] + (16_383).to_bytes(3, "little") * 2 + animated[30:]
    yield "bomb: webp", same(canvas, "16,384 x 16,384 = 268,435,456 pixels")


def tiff(*entries: tuple[int, int, int], pixels: bytes = bytes(16), following: int = 0) -> bytes:
    """A TIFF of (tag, type, value) entries, and 4 x 4 grey pixels unless they say otherwise."""
    count = 9
    start = 8 + 2 + 12 * count + 4
    known = {256: (4, 4), 257: (4, 4), 258: (3, 8), 259: (3, 1), 262: (3, 1), 273: (4, start), 277: (3, 1)}
    known |= {278: (4, 60_000), 279: (4, len(pixels))}
    known |= {tag: (kind, value) for tag, kind, value in entries}
    listed = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(known.items()))
    return struct.pack("<2sHIH", b"II", 42, 8, len(known)) + listed + struct.pack("<I", following) + pixels


def _tiffs() -> Cases:
    more = {"save_all": True, "append_images": [picture(8, 8)]}
    whole = encoded(PICTURE, "TIFF")
    yield "tiff", same(whole, ("tiff",), PICTURE, 0)
    yield "tiff lzw", same(encoded(PICTURE, "TIFF", compression="tiff_lzw"), ("tiff",), PICTURE, 0)
    yield "tiff of pages", same(encoded(PICTURE, "TIFF", **more), ("tiff", "animated"), PICTURE, 0)
    yield "tiff cmyk", same(encoded(PICTURE.convert("CMYK"), "TIFF"), ("tiff", "cmyk"), PICTURE, 2)
    for kind in (np.float32, np.int32):
        yield f"tiff {kind.__name__}", same(encoded(Image.fromarray(np.zeros((4, 4), kind)), "TIFF"), "32-bit")
    yield "tiff by hand", same(tiff(), ("tiff",), Image.new("L", (4, 4)), 0)
    yield "tiff of its own pages", same(tiff(following=8), ("tiff",))
    yield "tiff cut", same(whole[: len(whole) // 2], "cannot be decoded")
    yield "tiff with pixels far away", same(tiff((273, 4, 1 << 31)), "cannot be decoded")
    yield "tiff of no size", same(tiff((256, 4, 0)), "not an image")
    yield "bomb: tiff", same(tiff((256, 4, 60_000), (257, 4, 60_000)), HUGE)
    yield "bomb: tiff strip", same(tiff((259, 3, 8), pixels=packed_zeros(64)), ("tiff",))


def _others() -> Cases:
    bmp, indexed = encoded(PICTURE, "BMP"), PICTURE.convert("P")
    yield "bmp", same(bmp, ("bmp",), PICTURE, 0)
    rows = np.asarray(PICTURE)[:, :, ::-1].tobytes()  # blue first; top row first where the height is negative
    top_down = bmp[:22] + struct.pack("<i", -48) + bmp[26:54] + rows
    yield "bmp top-down", same(top_down, ("bmp",), PICTURE, 0)
    yield "bmp palette", same(encoded(indexed, "BMP"), ("bmp", "palette"), indexed.convert("RGB"), 0)
    yield "bmp run lengths", same(_run_length_bmp(), ("bmp", "palette"), Image.new("RGB", (4, 2), (9, 9, 9)), 0)
    yield "bmp cut", same(bmp[: len(bmp) // 2], "cannot be decoded")
    yield "bomb: bmp", same(bmp.replace(struct.pack("<ii", 64, 48), struct.pack("<ii", 60_000, 60_000)), HUGE)
    yield "ppm", same(encoded(PICTURE, "PPM"), ("ppm",), PICTURE, 0)
    ascii_pixels = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    yield "ppm in words", same(b"P3\n# two\n2 1 255\n1 2 3 4 5 6\n", ("ppm",), ascii_pixels, 0)
    yield "pgm in words of nonsense", same(b"P2 2 1 255 1 two", "cannot be decoded")
    yield "pbm", same(b"P4 8 1 \xaa", ("ppm", "low bit depth"), Image.fromarray(np.array([[0, 255] * 4], np.uint8)), 0)
    yield "bomb: ppm", same(b"P6 60000 60000 255\n" + bytes(12), HUGE)
    for kind, options in (("JPEG2000", {}), ("AVIF", {"quality": 95})):
        try:
            data = encoded(PICTURE, kind, **options)
        except (KeyError, OSError):  # a Pillow that was built without it
            continue
        size, huge = (struct.pack(">II", *side) for side in ((64, 48), (60_000, 60_000)))
        tall = data.replace(size, huge).replace(struct.pack(">II", 48, 64), huge)
        yield kind.lower(), same(data, (kind.lower(),), PICTURE, 6)
        yield f"bomb: {kind.lower()}", same(tall, HUGE if kind == "JPEG2000" else "not an image")


def _run_length_bmp() -> bytes:
    palette = bytes((9, 9, 9, 0)) * 2
    pixels = bytes((4, 1, 0, 0, 4, 0, 0, 1))  # a run of four, end of row; a run of four, end of picture
    header = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 1, len(pixels), 0, 0, 2, 2)
    offset = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset) + header + palette + pixels


def _no_images() -> Cases:
    yield "nothing", same(b"", "an empty file (0 bytes)")
    yield "zeros", same(bytes(5000), "5,000 zero bytes")
    yield "text", same(b"This is not a bird.\nReally.", "text file ('This is not a bird.' ...)")
    yield "text in UTF-16", same("not a bird".encode("utf-16"), "not an image")
    yield "html", same(b"\n<!DOCTYPE html>\n<html><body>404 Not Found", "HTML page")
    yield "html without a type", same(b"<html><head>", "HTML page")
    yield "xml", same(b'\xef\xbb\xbf<?xml version="1.0"?><Error>AccessDenied</Error>', "XML or SVG")
    yield "svg", same(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "XML or SVG")
    yield "git lfs pointer", same(b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer")
    yield "heic", same(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC")
    yield "pdf", same(b"%PDF-1.7\n%\xe2\xe3", "PDF")
    yield "zip", same(b"PK\x03\x04\x14\0", "ZIP archive")
    yield "gzip", same(b"\x1f\x8b\x08\0\0\0\0\0", "gzip archive")
    run_me = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/tmp/owned) (w) file closefile\n"
    yield "eps", same(run_me, "PostScript")
    yield (
        "eps with a preview",
        same(b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 30, len(run_me)) + bytes(18) + run_me, "PostScript"),
    )
    yield "icon", same(encoded(PICTURE, "ICO", sizes=[(16, 16)]), "icon")
    yield "photoshop", same(b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 48, 64, 8, 3), "Photoshop")
    yield "pickle", same(b"\x80\x04\x95\x00\x01\x02\x03\x04", "80 04 95 00")
    yield "a camera's raw file", same(b"II*\0\x10\0\0\0CR\2\0" + bytes(60), "not an image")
