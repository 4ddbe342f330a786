"""Unpacking: all files or none, nothing outside the folder."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.downloads.limits import Limits
from fgtl.downloads.unpack import unpack
from fgtl.errors import DataError

KINDS = ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip", "stored.zip"]
FILES = {
    "a/1.jpg": b"1" * 3000,
    "a/b/2.jpg": bytes(range(256)) * 5000,
    "list.txt": b"1\n2\n",
    ".hidden": b"h",
    "c/empty": b"",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if stat.S_ISREG(path.lstat().st_mode)
    }


@pytest.mark.parametrize("kind", KINDS)
def test_writes_all_files_and_folders(kind: str, tmp_path: Path, pack: Callable[..., Path]) -> None:
    tree = unpack(pack(tmp_path / f"x.{kind}", FILES, ["empty folder"]), tmp_path / "new/out")
    assert contents(tmp_path / "new/out") == FILES
    assert (tmp_path / "new/out/empty folder").is_dir()
    assert (tree.index.files, tree.index.bytes) == (len(FILES), sum(map(len, FILES.values())))
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["out"]


def test_what_a_mac_adds_is_left_out(tmp_path: Path, pack: Callable[..., Path]) -> None:
    unpack(pack(tmp_path / "x.zip", {"a.jpg": b"a", "__MACOSX/._a.jpg": b"x"}), tmp_path / "out")
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["a.jpg"]


def test_inner_archives_become_folders_when_asked_for(tmp_path: Path, pack: Callable[..., Path]) -> None:
    inner = pack(tmp_path / "in.tar", {"1.jpg": b"1"}).read_bytes()
    path = pack(tmp_path / "x.tar", {"n01.tar": inner})
    unpack(path, tmp_path / "deep", nested=True)
    assert contents(tmp_path / "deep") == {"n01/1.jpg": b"1"}
    unpack(path, tmp_path / "flat")
    assert contents(tmp_path / "flat") == {"n01.tar": inner}


def test_an_empty_folder_may_be_there_already(tmp_path: Path, pack: Callable[..., Path]) -> None:
    (tmp_path / "out").mkdir()
    unpack(pack(tmp_path / "x.tar", FILES), tmp_path / "out")
    assert contents(tmp_path / "out") == FILES


@pytest.mark.parametrize("there", ["file", "full folder", "link to a folder", "link to nothing"])
def test_nothing_that_is_there_is_touched(there: str, tmp_path: Path, pack: Callable[..., Path]) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    other.mkdir()
    if there == "file":
        out.write_bytes(b"mine")
    elif there == "full folder":
        out.mkdir()
        (out / "mine").write_bytes(b"mine")
    else:
        out.symlink_to(other if there == "link to a folder" else "nowhere")
    path = pack(tmp_path / "x.tar", FILES)
    before = contents(tmp_path)
    with pytest.raises(DataError, match="is there already"):
        unpack(path, out)
    assert contents(tmp_path) == before


def test_permissions_and_times_are_not_taken_over(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, mode, kind in (("f", 0o6777, tarfile.REGTYPE), ("d", 0o1000, tarfile.DIRTYPE)):
            entry = tarfile.TarInfo(name)
            entry.mode, entry.type, entry.mtime = mode, kind, 12345
            archive.addfile(entry)
    unpack(tmp_path / "x.tar", tmp_path / "out")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "out/f").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "out/d").stat().st_mode) == 0o777 & ~mask
    assert (tmp_path / "out/f").stat().st_mtime > 1e9


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_becomes_full_leaves_nothing(
    kind: str, tmp_path: Path, pack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / f"x.{kind}", FILES)
    left = 4000

    def write(handle: int, data: bytes | memoryview) -> int:
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = min(left, len(data))
        left -= done
        return done

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space left"):
        unpack(path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_takes_only_a_part_goes_on(
    tmp_path: Path, pack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / "x.tar", FILES)
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:100_000]))
    unpack(path, tmp_path / "out")
    assert contents(tmp_path / "out") == FILES


def test_too_little_space_is_said_before_anything_is_written(
    tmp_path: Path, pack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / "x.tar", FILES)
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(10, 10, 1000))
    with pytest.raises(DataError, match=r"take [\d.,]+ (bytes|KiB|MiB), but .* left"):
        unpack(path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_left_is_removed(tmp_path: Path, pack: Callable[..., Path]) -> None:
    path = pack(tmp_path / "x.tar", FILES)
    program = (
        "import os, signal, sys; from pathlib import Path; import fgtl.downloads.unpack as room\n"
        "room._write = lambda handle, piece: os.kill(os.getpid(), signal.SIGKILL)\n"
        "room.unpack(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    killed = subprocess.run([sys.executable, "-c", program, path, tmp_path / "out"], check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "out").exists()
    assert len(list(tmp_path.iterdir())) == 2
    unpack(path, tmp_path / "out")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out", "x.tar"]


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
@pytest.mark.parametrize(
    "twins", [("a/B.jpg", "a/b.jpg"), ("A/1.jpg", "a/2.jpg"), ("x", "X/y"), ("\u00e9", "e\u0301"), ("\u00df", "SS")]
)
def test_names_that_some_disks_take_for_one_are_refused(
    twins: tuple[str, str], kind: str, tmp_path: Path, pack: Callable[..., Path]
) -> None:
    path = pack(tmp_path / f"x.{kind}", dict.fromkeys(twins, b"1"))
    with pytest.raises(DataError, match="differ only in case or in the form of accents"):
        unpack(path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]


def test_limits_hold(tmp_path: Path, pack: Callable[..., Path]) -> None:
    path = pack(tmp_path / "x.tar", FILES)
    with pytest.raises(DataError, match="holds 2.9 KiB and more"):
        unpack(path, tmp_path / "out", limits=Limits(total_bytes=1000))
    assert list(tmp_path.iterdir()) == [path]
