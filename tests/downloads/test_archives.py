"""Archives are trees like folders: the same questions get the same answers."""

import io
import lzma
import os
import tarfile
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.console import Progress
from fgtl.downloads import FolderTree, Tree, read_place
from fgtl.downloads.archives import open_archive
from fgtl.downloads.limits import Limits
from fgtl.downloads.names import is_clutter
from fgtl.errors import DataError, InputError

KINDS = ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip", "stored.zip"]
FILES = {
    "images.txt": b"1 birds/1.jpg\n",
    "birds/1.jpg": b"one" * 1000,
    "birds/2.jpg": bytes(range(256)) * 9,
    "birds/far/3.jpg": b"",
    "birds-more/4.png": b"4" * 512,
    ".hidden/5.jpg": b"five",
    "birds/.6.jpg": b"six",
}

# Names as disks allow them, less those that archives are refused for.
_NAMES = st.text(
    st.characters(blacklist_characters="/\\\x7f", blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12
).filter(lambda name: name not in (".", "..") and not is_clutter(name))
_ENDINGS = st.sampled_from(["", ".jpg", ".txt"])


@st.composite
def trees(draw: st.DrawFn) -> tuple[dict[str, bytes], list[str]]:
    """Files and folders of a random tree, no name being both."""
    files: dict[str, bytes] = {}
    folders: set[str] = set()
    for _ in range(draw(st.integers(0, 12))):
        parts = draw(st.lists(st.one_of(st.sampled_from(["a", "a-b", "b", ".c"]), _NAMES), min_size=1, max_size=4))
        above = ["/".join(parts[:end]) for end in range(1, len(parts))]
        name = "/".join(parts) + draw(_ENDINGS)
        if name in files or name in folders or any(folder in files for folder in above):
            continue
        folders.update(above)
        if draw(st.booleans()):
            files[name] = draw(st.binary(max_size=1500))
        else:
            folders.add(name)
    return files, sorted(folders)


def write_folder(top: Path, files: Mapping[str, bytes], folders: list[str]) -> FolderTree:
    top.mkdir()
    for folder in folders:
        (top / folder).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content)
    return FolderTree(top)


def assert_agree(tree: Tree, expected: Tree, folders: list[str]) -> None:
    """All that can be asked of two trees has the same answers."""
    for folder in ["", *folders, "no such folder"]:
        assert tree.list(folder) == expected.list(folder)
        assert list(tree.walk(folder)) == list(expected.walk(folder))
        assert tree.is_folder(folder) == expected.is_folder(folder)
        assert tree.is_file(folder) == expected.is_file(folder)
    for name in expected.walk():
        assert tree.is_file(name) and not tree.is_folder(name)
        assert tree.size(name) == expected.size(name)
        assert tree.read(name) == expected.read(name)
        assert read_place(tree.place(name)) == expected.read(name)


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
@given(tree=trees())
@settings(max_examples=40, deadline=None)
def test_a_random_tree_reads_the_same_from_a_folder_and_from_an_archive(
    tree: tuple[dict[str, bytes], list[str]], kind: str, pack: Callable[..., Path]
) -> None:
    files, folders = tree
    with tempfile.TemporaryDirectory() as temporary:
        top = Path(temporary)
        expected = write_folder(top / "folder", files, folders)
        opened = open_archive(pack(top / f"x.{kind}", files, folders))
        opened.fetch(list(opened.walk()), top / "spool", lambda count: None)
        assert_agree(opened, expected, folders)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_reads_like_the_folder(kind: str, tmp_path: Path, pack: Callable[..., Path]) -> None:
    expected = write_folder(tmp_path / "folder", FILES, ["empty"])
    tree = open_archive(pack(tmp_path / f"x.{kind}", FILES, ["empty"]))
    tree.fetch(list(tree.walk()), tmp_path / "spool", lambda count: None)
    assert_agree(tree, expected, ["birds", "birds/far", "birds-more", ".hidden", "empty"])
    assert tree.where("birds/1.jpg") == f"{tmp_path}/x.{kind}: birds/1.jpg"
    assert tree.where() == f"{tmp_path}/x.{kind}"
    assert tree.size("birds/7.jpg") == -1


def test_walk_is_sorted_by_whole_names(tmp_path: Path, pack: Callable[..., Path]) -> None:
    tree = open_archive(pack(tmp_path / "x.tar", dict.fromkeys(["a/z", "a-b/y", "a.jpg", "b", "a/a/a"], b"")))
    assert list(tree.walk()) == sorted(["a/z", "a-b/y", "a.jpg", "b", "a/a/a"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_told_by_content_not_by_ending(kind: str, tmp_path: Path, pack: Callable[..., Path]) -> None:
    path = pack(tmp_path / f"x.{kind}", FILES).rename(tmp_path / "download.html")
    assert open_archive(path).read("images.txt") == FILES["images.txt"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_is_named(kind: str, tmp_path: Path, pack: Callable[..., Path]) -> None:
    tree = open_archive(pack(tmp_path / f"x.{kind}", FILES))
    for ask in (tree.read, tree.place):
        with pytest.raises(DataError, match="holds no file 'birds/7.jpg'"):
            ask("birds/7.jpg")


@pytest.mark.parametrize("kind", KINDS)
def test_prefixes_and_doubled_slashes_do_not_matter(kind: str, tmp_path: Path, pack: Callable[..., Path]) -> None:
    tree = open_archive(pack(tmp_path / f"x.{kind}", {"./a//b/./1.txt": b"1", "././2.txt": b"2"}, ["./", "./a"]))
    assert list(tree.walk()) == ["2.txt", "a/b/1.txt"]
    assert tree.read("a/b/1.txt") == b"1"


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_mac_adds_is_left_out(kind: str, tmp_path: Path, pack: Callable[..., Path]) -> None:
    files = {"a/1.jpg": b"1", "__MACOSX/a/._1.jpg": b"x", "a/._1.jpg": b"x", "a/.DS_Store": b"x", "._a": b"x"}
    tree = open_archive(pack(tmp_path / f"x.{kind}", files))
    assert (tree.list().folders, tree.list("a").files) == (("a",), ("1.jpg",))
    assert tree.index.files == 1


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_bytes_that_are_not_utf8_read_as_a_folder_reads_them(kind: str, tmp_path: Path, member, pack) -> None:
    content = member(b"caf\xe9.txt", b"1") + member("caf\u00e9.txt".encode(), b"2") + bytes(1024)
    (tmp_path / "x").write_bytes(content)
    tree = open_archive(tmp_path / "x")
    assert sorted(tree.list().files) == sorted([b"caf\xe9.txt".decode("utf-8", "surrogateescape"), "caf\u00e9.txt"])


def test_names_are_not_normalised(tmp_path: Path, pack: Callable[..., Path]) -> None:
    tree = open_archive(pack(tmp_path / "x.tar", {"e\u0301.txt": b"two letters", "\u00e9.txt": b"one"}))
    assert tree.read("e\u0301.txt") == b"two letters"
    assert tree.read("\u00e9.txt") == b"one"


def inner_tar(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_archives_in_an_archive_are_folders_of_their_stem_when_asked_for(kind: str, tmp_path: Path, pack) -> None:
    first, second = {"a.JPEG": b"a" * 700, "b.JPEG": b"b"}, {"a.JPEG": b"other"}
    files = {"n01.tar": inner_tar(first), "more/n02.tar": inner_tar(second), "list.txt": b"n01 n02"}
    tree = open_archive(pack(tmp_path / f"x.{kind}", files), nested=True)
    assert list(tree.walk()) == ["list.txt", "more/n02/a.JPEG", "n01/a.JPEG", "n01/b.JPEG"]
    tree.fetch(list(tree.walk()), tmp_path / "spool", lambda count: None)
    assert tree.read("n01/a.JPEG") == b"a" * 700
    assert read_place(tree.place("more/n02/a.JPEG")) == b"other"
    assert tree.size("n01/a.JPEG") == 700


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_of_a_file_tells_whether_its_content_may_have_changed(kind: str, tmp_path: Path, pack) -> None:
    path = pack(tmp_path / f"x.{kind}", FILES)
    os.utime(path, ns=(0, 10**18))
    states = {name: open_archive(path).state(name) for name in FILES}
    assert {name: size for name, (size, _) in states.items()} == {name: len(data) for name, data in FILES.items()}
    assert open_archive(path).state("birds/9.jpg") == open_archive(path).state("birds") == (-1, 0)
    pack(path, {**FILES, "birds/1.jpg": b"two" * 1000})
    os.utime(path, ns=(0, 2 * 10**18))
    changed = {name for name in FILES if open_archive(path).state(name) != states[name]}
    # A ZIP archive's directory has a checksum of each file.
    assert changed == ({"birds/1.jpg"} if kind.endswith("zip") else set(FILES))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["other size", "other time", "gone"])
def test_an_archive_that_was_replaced_is_noticed(kind: str, change: str, tmp_path: Path, pack) -> None:
    path = pack(tmp_path / f"x.{kind}", FILES)
    tree = open_archive(path)
    facts = path.stat()
    tree.check_unchanged()
    if change == "other size":
        pack(path, {**FILES, "birds/9.jpg": os.urandom(20_000)})
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    elif change == "other time":
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    else:
        path.unlink()
    for ask in (
        tree.check_unchanged,
        lambda: tree.fetch(["birds/1.jpg"], tmp_path / "spool", lambda count: None),
        lambda: list(tree.contents(["birds/1.jpg"])),
    ):
        with pytest.raises(DataError, match=rf"x\.{kind} has changed since it was opened"):
            ask()


def test_without_nested_an_inner_archive_is_a_file(tmp_path: Path, pack: Callable[..., Path]) -> None:
    inner = inner_tar({"a.JPEG": b"a"})
    tree = open_archive(pack(tmp_path / "x.tar", {"n01.tar": inner}))
    assert tree.read("n01.tar") == inner


def test_damage_in_an_inner_archive_names_both(tmp_path: Path, pack: Callable[..., Path]) -> None:
    path = pack(tmp_path / "x.tar", {"n01.tar": inner_tar({"a.JPEG": b"a" * 5000})[:2000]})
    with pytest.raises(DataError, match=r"x\.tar: n01\.tar ends inside a\.JPEG"):
        open_archive(path, nested=True)


def test_an_inner_header_cannot_claim_what_follows_the_inner_archive(tmp_path: Path, header, member) -> None:
    for compress in (lambda data: data, zlib_gzip):
        inner = header(b"a.txt", 5000) + bytes(512)
        path = tmp_path / "x"
        path.write_bytes(compress(member(b"n01.tar", inner) + member(b"secret.txt", b"s" * 6000) + bytes(1024)))
        with pytest.raises(DataError, match=r"n01\.tar ends inside a\.txt"):
            open_archive(path, nested=True)


def zlib_gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_images_of_a_compressed_archive_have_no_place_before_fetch(kind: str, tmp_path: Path, pack) -> None:
    tree = open_archive(pack(tmp_path / f"x.{kind}", FILES))
    assert tree.size("birds/1.jpg") == 3000
    assert tree.read("images.txt") == FILES["images.txt"]
    for ask in (tree.place, tree.read):
        with pytest.raises(InputError, match="no place on disk yet"):
            ask("birds/1.jpg")


def test_lists_beyond_what_is_kept_say_so(tmp_path: Path, pack: Callable[..., Path]) -> None:
    path = pack(tmp_path / "x.tar.gz", {"1.txt": b"1" * 60, "2.txt": b"2" * 60, "3.txt": b"3" * 30})
    tree = open_archive(path, limits=Limits(kept_bytes=100))
    assert (tree.read("1.txt"), tree.read("3.txt")) == (b"1" * 60, b"3" * 30)
    with pytest.raises(DataError, match="beside the images are kept"):
        tree.read("2.txt")
    tree.fetch(["2.txt"], tmp_path / "spool", lambda count: None)
    assert tree.read("2.txt") == b"2" * 60


def test_many_kept_lists_go_to_disk_and_come_back(tmp_path: Path, pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fgtl.downloads.compressed_tar._KEPT_IN_MEMORY", 1000)
    files = {f"{number}.xml": bytes([number]) * 700 for number in range(20)}
    tree = open_archive(pack(tmp_path / "x.tar.gz", files))
    assert {name: tree.read(name) for name in tree.walk()} == files


@pytest.mark.parametrize("join", [b"", bytes(1000)])
def test_a_gzip_file_of_several_streams_is_one(join: bytes, tmp_path: Path) -> None:
    plain = inner_tar({f"{number}.txt": bytes([number]) * 5000 for number in range(20)})
    parts = [plain[:7], plain[7:30000], b"", plain[30000:]]
    (tmp_path / "x").write_bytes(join.join(map(zlib_gzip, parts)) + bytes(99))
    assert open_archive(tmp_path / "x").index.files == 20


def test_an_xz_file_of_two_streams_is_one(tmp_path: Path) -> None:
    plain = inner_tar({"1.txt": b"1" * 5000})
    (tmp_path / "x").write_bytes(lzma.compress(plain[:3000]) + lzma.compress(plain[3000:]))
    assert open_archive(tmp_path / "x").read("1.txt") == b"1" * 5000


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
@pytest.mark.parametrize("end", [0, 512, 1024])
def test_a_tar_archive_without_its_end_mark_is_accepted(end: int, kind: str, tmp_path: Path, member) -> None:
    content = member(b"a.txt", b"1" * 700) + bytes(end)
    (tmp_path / "x").write_bytes(content if kind == "tar" else zlib_gzip(content))
    assert open_archive(tmp_path / "x").read("a.txt") == b"1" * 700


def test_a_last_file_without_its_padding_is_whole(tmp_path: Path, member) -> None:
    (tmp_path / "x").write_bytes(member(b"a.txt", b"1" * 700)[: 512 + 700])
    assert open_archive(tmp_path / "x").read("a.txt") == b"1" * 700


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_two_archives_joined_are_refused_rather_than_halved(kind: str, tmp_path: Path) -> None:
    content = inner_tar({"1.txt": b"1"}) + inner_tar({"2.txt": b"2"})
    (tmp_path / "x").write_bytes(content if kind == "tar" else zlib_gzip(content))
    with pytest.raises(DataError, match="another archive begins"):
        open_archive(tmp_path / "x")


def test_rubbish_after_the_end_is_padding(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(inner_tar({"1.txt": b"1"}) + b"rubbish" * 1000)
    assert open_archive(tmp_path / "x").read("1.txt") == b"1"


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip", "stored.zip"])
def test_memory_does_not_grow_with_the_contents(kind: str, tmp_path: Path, pack: Callable[..., Path]) -> None:
    path = pack(tmp_path / f"x.{kind}", {f"{number}.jpg": bytes(8 << 20) for number in range(4)})
    tracemalloc.start()
    try:
        tree = open_archive(path)
        tree.fetch(list(tree.walk()), tmp_path / "spool", lambda count: None)
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()


def test_a_long_reading_shows_progress(
    tmp_path: Path, pack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Progress, "seconds_between_lines", 0.0)
    open_archive(pack(tmp_path / "x.tar.gz", {"1.jpg": os.urandom(3 << 20)}))
    assert "read x.tar.gz: 3 of 3 MiB" in capsys.readouterr().err
