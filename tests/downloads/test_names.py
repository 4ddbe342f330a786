"""Which names of members are refused, and what is left of the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.downloads.names import clean_name, decode_name, ends_like_an_image, is_clutter, shown
from fgtl.errors import DataError


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("./a/b.jpg", "a/b.jpg"),
        ("a//b/././c.jpg", "a/b/c.jpg"),
        ("a/b/", "a/b"),
        ("./", ""),
        (".", ""),
        ("a/..b/c..", "a/..b/c.."),
        ("...", "..."),
        ("a: b, 'c' & d?.jpg", "a: b, 'c' & d?.jpg"),
        ("x" * 255, "x" * 255),
        ("/".join(["y" * 255] * 15), "/".join(["y" * 255] * 15)),
    ],
)
def test_keeps_what_is_harmless(name: str, clean: str) -> None:
    assert clean_name(name, "x.tar") == clean


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty"),
        ("/etc/passwd", "is absolute"),
        ("//a", "is absolute"),
        ("..", "leads out"),
        ("a/../b", "leads out"),
        ("a/..", "leads out"),
        ("../a", "leads out"),
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("a\x1b[2Jb", "control character"),
        ("a\x9bb", "control character"),
        ("a\\b", "backslash"),
        ("..\\a", "backslash"),
        ("C:\\a", "backslash"),
        ("x" * 256, "part of 256 bytes"),
        ("\u00e9" * 128, "part of 256 bytes"),
        ("/".join(["y" * 240] * 18), "bytes, more than 4,096"),
    ],
)
def test_refuses_what_could_do_harm(name: str, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        clean_name(name, "x.tar")
    assert str(caught.value).startswith("x.tar: the name ")
    assert len(str(caught.value).splitlines()[0]) < 250


@given(st.text(max_size=40))
def test_a_clean_name_stays_below_the_top_and_stays_clean(name: str) -> None:
    try:
        clean = clean_name(name, "x.tar")
    except DataError:
        return
    assert not clean.startswith("/")
    assert not {"", ".", ".."} & set(clean.split("/")) or clean == ""
    assert not clean or clean_name(clean, "x.tar") == clean


@given(st.binary(max_size=30))
def test_bytes_of_a_name_are_kept(raw: bytes) -> None:
    assert decode_name(raw).encode("utf-8", "surrogateescape") == raw


def test_clutter_is_what_a_mac_adds() -> None:
    assert all(
        map(is_clutter, ["__MACOSX", "__MACOSX/a/b", "a/__MACOSX/b", "._a", "a/._b.jpg", ".DS_Store", "a/.DS_Store"])
    )
    assert not any(map(is_clutter, ["a", ".a", "a._b", "MACOSX/a", "a__MACOSX/b", "a.DS_Store", ".git/config"]))


def test_images_are_told_by_their_ending() -> None:
    assert all(map(ends_like_an_image, ["a.jpg", "a/b.JPEG", "x.y.png", "n01/n01_1.JPEG"]))
    assert not any(map(ends_like_an_image, ["a", "jpg", "a.jpg.txt", "a.mat", "a.jpg/b"]))


def test_names_in_messages_can_be_printed_and_do_nothing_to_a_terminal() -> None:
    assert shown("birds/caf\u00e9 1.jpg") == "birds/caf\u00e9 1.jpg"
    assert shown("a\x1b[2J\udcff") == "a\\x1b[2J\\udcff"
    assert len(shown("x" * 4000)) < 130
