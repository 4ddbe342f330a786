"""Boxes in XML: what is read, and that no file can make the parser fetch, grow or fail otherwise than by name."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fgtl.converters.voc_boxes import read_voc_boxes
from fgtl.downloads import FolderTree
from fgtl.errors import DataError

BOX = "<bndbox><xmin>71</xmin><ymin>1</ymin><xmax>192.5</xmax><ymax>180</ymax></bndbox>"
PLAIN = f"<annotation><object><name>Chihuahua</name>{BOX}</object></annotation>"


def read(folder: Path, content: str | bytes) -> list[tuple[float, float, float, float]]:
    (folder / "dog").write_bytes(content.encode() if isinstance(content, str) else content)
    return read_voc_boxes(FolderTree(folder), "dog")


def test_every_object_gives_a_box_with_or_without_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    assert read(tmp_path, PLAIN) == [(71, 1, 192.5, 180)]
    two = PLAIN.replace("</annotation>", f"\r\n<object>{BOX}</object>\r\n</annotation>\r\n")
    assert len(read(tmp_path, b"\xef\xbb\xbf" + two.encode())) == 2


def test_the_encoding_that_a_file_claims_does_not_matter(tmp_path: Path) -> None:
    assert read(tmp_path, f'<?xml version="1.0" encoding="utf-7"?>{PLAIN}') == [(71, 1, 192.5, 180)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "dog is not XML"),
        ("not XML", "dog is not XML"),
        (PLAIN[:-5], "dog is not XML"),
        (PLAIN.encode("utf-16"), "dog is not XML"),
        (PLAIN.replace("Chihuahua", "\0"), "dog is not XML"),
        (PLAIN.replace("Chihuahua", "&dog;"), "dog is not XML"),
        (PLAIN.replace("Chihuahua", "<a>" * 100_000), "dog is not XML"),
        ("<annotation><object></object></annotation>", "dog has no object with a box"),
        (PLAIN.replace("<ymin>1</ymin>", ""), "ymin '' is not a number"),
        (PLAIN.replace("192.5", "wide"), "xmax 'wide' is not a number"),
        (PLAIN.replace("192.5", "nan"), "xmax 'nan' is not a number"),
        (PLAIN.replace("192.5", "inf"), "xmax 'inf' is not a number"),
        (PLAIN.replace("192.5", "70"), r"a box from \(71, 1\) to \(70, 180\)"),
        (PLAIN + " " * 2**20, "dog has 1,048"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY dog SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://localhost/a.dtd">',
        "<!DOCTYPE a [" + "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9)) + "]>",
    ],
)
def test_declarations_are_refused_unread(tmp_path: Path, declaration: str) -> None:
    with pytest.raises(DataError, match="declares a document type"):
        read(tmp_path, declaration + PLAIN.replace("Chihuahua", "&e9;"))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, len(PLAIN) - 1), piece=st.binary(max_size=4), dropped=st.integers(0, 4))
def test_damage_ends_in_boxes_or_in_a_named_error(tmp_path: Path, position: int, piece: bytes, dropped: int) -> None:
    content = PLAIN.encode()
    try:
        boxes = read(tmp_path, content[:position] + piece + content[position + dropped :])
    except DataError as error:
        assert "dog" in str(error)
    else:
        assert boxes
