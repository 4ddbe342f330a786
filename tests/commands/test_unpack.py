"""`fgtl unpack`: what it says, and how it ends."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from fgtl.commands.flags import parse
from fgtl.commands.unpack import Config, main
from fgtl.errors import DataError, UsageError


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a/1.jpg", b"1" * 700_000)
        packed.writestr("a/2.jpg", b"2" * 800_000)
    return path


def run(*words: object) -> None:
    main(parse(Config, "unpack", list(map(str, words))))


def test_unpacks_and_says_how_much(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(archive, f"--output_dir={tmp_path}/out")
    assert (tmp_path / "out/a/2.jpg").read_bytes() == b"2" * 800_000
    assert f"2 files, 1.5 MB -> {tmp_path}/out in " in capsys.readouterr().out


def test_unpacks_inner_archives_when_asked_for(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"1")
    with tarfile.open(tmp_path / "n01.tar", "w") as inner:
        inner.add(tmp_path / "1.jpg", "1.jpg")
    with tarfile.open(tmp_path / "all.tar", "w") as outer:
        outer.add(tmp_path / "n01.tar", "n01.tar")
    run(tmp_path / "all.tar", "--nested", f"--output_dir={tmp_path}/out")
    assert (tmp_path / "out/n01/1.jpg").read_bytes() == b"1"


def test_needs_one_archive_and_a_folder(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 archives and one --output_dir"):
        run(f"--output_dir={tmp_path}/out")
    with pytest.raises(UsageError, match="1 archives and no --output_dir"):
        run(archive)
    with pytest.raises(UsageError, match="2 archives"):
        run(archive, archive, f"--output_dir={tmp_path}/out")


def test_a_damaged_archive_is_named_and_leaves_nothing(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"photos\.zip .* missing"):
        run(archive, f"--output_dir={tmp_path}/out")
    assert list(tmp_path.iterdir()) == [archive]
