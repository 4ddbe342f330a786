"""A regions file comes back as it was written, and a damaged or foreign one is refused."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_regions import regions_of, some_regions

from fgtl.errors import DataError, InputError
from fgtl.files import read_json, sha256_of, write_json
from fgtl.regions import files
from fgtl.regions.files import read_regions, write_regions


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_regions(tmp_path / "regions.npz", some_regions(3))
    return tmp_path / "regions.npz"


def rewrite(path: Path, **changed: object) -> None:
    """Other arrays under the same name, with a json that says they are right."""
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files} | changed
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.write_bytes(buffer.getvalue())
    facts = read_json(path.with_suffix(".json"))
    write_json(path.with_suffix(".json"), facts | {"bytes": path.stat().st_size, "sha256": sha256_of(path)})


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_what_was_written_comes_back(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    path, regions = tmp_path_factory.mktemp("regions") / "some.npz", some_regions(seed)
    write_regions(path, regions)
    for found in (read_regions(path), read_regions(path.with_suffix(".json"))):
        for name, value in vars(regions).items():
            if isinstance(value, np.ndarray):
                assert getattr(found, name).tolist() == value.tolist()
                assert getattr(found, name).dtype == value.dtype or name == "ids"
            else:
                assert getattr(found, name) == value


def test_a_folder_stands_for_its_regions_file(written: Path) -> None:
    assert len(read_regions(written.parent)) == len(some_regions(3))


def test_equal_regions_give_equal_bytes(written: Path, tmp_path: Path) -> None:
    again = tmp_path / "again" / "regions.npz"
    write_regions(again, some_regions(3))
    assert again.read_bytes() == written.read_bytes()
    assert again.with_suffix(".json").read_text() == written.with_suffix(".json").read_text()


def test_no_regions_at_all_can_be_written(tmp_path: Path) -> None:
    write_regions(tmp_path / "none.npz", regions_of([[], []]))
    assert read_regions(tmp_path / "none.npz").counts.tolist() == [0, 0]


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.npz"):
        write_regions(tmp_path / "regions.json", some_regions(0))


def test_a_writer_that_is_killed_before_the_json_leaves_nothing_that_reads(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        write_regions(written, some_regions(4))
    with pytest.raises(DataError, match="bytes|another content"):
        read_regions(written)
    written.with_suffix(".json").unlink()
    with pytest.raises(DataError, match="not finished"):
        read_regions(written)


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_a_truncated_file_is_refused_with_its_size(written: Path, keep: int) -> None:
    data = written.read_bytes()[:keep]
    written.write_bytes(data)
    with pytest.raises(DataError, match=f"has {len(data):,} bytes"):
        read_regions(written)


def test_a_flipped_bit_is_noticed(written: Path) -> None:
    data = bytearray(written.read_bytes())
    data[len(data) // 2] ^= 4
    written.write_bytes(data)
    with pytest.raises(DataError, match="another content"):
        read_regions(written)


@pytest.mark.parametrize(
    ("facts", "message"),
    [({"schema": 2}, "schema 2"), ({"schema": None}, "schema None"), ({"bytes": "many"}, "is damaged")],
)
def test_another_schema_or_a_damaged_json_is_refused(written: Path, facts: dict, message: str) -> None:
    beside = written.with_suffix(".json")
    write_json(beside, read_json(beside) | facts)
    with pytest.raises(DataError, match=message):
        read_regions(written)


def test_a_json_that_is_none_is_refused(written: Path) -> None:
    written.with_suffix(".json").write_text(json.dumps([1]))
    with pytest.raises(DataError, match="schema None"):
        read_regions(written)


def test_boxes_outside_the_frame_and_unknown_images_are_refused(written: Path) -> None:
    regions = some_regions(3)
    rewrite(written, box=regions.boxes + np.float32(100))
    with pytest.raises(DataError, match=r"regions\.npz holds no usable regions(.|\n)*not in its image"):
        read_regions(written)
    rewrite(written, box=regions.boxes, image=regions.images + np.int32(1))
    with pytest.raises(DataError, match="image number 7"):
        read_regions(written)


@pytest.mark.parametrize(
    "changed",
    [
        {"score": np.zeros(3, np.float64)},
        {"box": np.zeros((3, 4), np.float16)},
        {"id": np.array([b"\xff\xfe"])},
    ],
)
def test_other_types_are_refused(written: Path, changed: dict) -> None:
    rewrite(written, **changed)
    with pytest.raises(DataError, match=r"regions\.npz"):
        read_regions(written)


class Touching:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(written: Path, tmp_path: Path) -> None:
    rewrite(written, id=np.array([Touching(tmp_path / "touched")], object))
    with pytest.raises(DataError, match=r"regions\.npz"):
        read_regions(written)
    assert not (tmp_path / "touched").exists()


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"regions\.npz does not exist"):
        read_regions(tmp_path)
