"""TensorFlow 1 checkpoints: both formats, however they are pointed at, and damaged ones."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fgtl.errors import DataError, FgtlError, UsageError
from fgtl.interop.slim_file import SlimCheckpoint, find_checkpoint

VALUES = {
    "Net/conv/weights": np.random.default_rng(0).normal(size=(3, 3, 4, 8)).astype("float32"),
    "Net/conv/biases": np.arange(8, dtype="float64"),
    "global_step": np.asarray(7, "int64"),
}


def write_v2(prefix: Path) -> Path:
    names, tensors = list(VALUES), [tf.constant(value) for value in VALUES.values()]
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * 3, tensors=tensors)
    return prefix


def write_v1(path: Path) -> Path:
    tf.raw_ops.Save(filename=str(path), tensor_names=list(VALUES), data=[tf.constant(v) for v in VALUES.values()])
    return path


def expect_whole(path: Path) -> None:
    found = find_checkpoint(path)
    assert found is not None
    checkpoint = SlimCheckpoint(found, path)
    assert checkpoint.shapes == {name: value.shape for name, value in VALUES.items()}
    for name, value in VALUES.items():
        read = checkpoint.read(name)
        assert read.dtype == value.dtype and np.array_equal(read, value)


def test_the_second_format_is_found_by_prefix_by_each_file_and_by_folder(tmp_path: Path) -> None:
    prefix = write_v2(tmp_path / "a.ckpt-2810")
    for path in (prefix, Path(f"{prefix}.index"), Path(f"{prefix}.data-00000-of-00001"), tmp_path):
        expect_whole(path)


def test_a_path_that_tensorflow_would_take_for_a_pattern_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old [1]").mkdir()
    prefix = write_v2(tmp_path / "old [1]" / "a.ckpt")
    with pytest.raises(UsageError, match=r"has \[ in its path"):
        expect_whole(prefix)


def test_the_first_format_is_found_by_its_content(tmp_path: Path) -> None:
    expect_whole(write_v1(tmp_path / "inception_v3.ckpt"))
    expect_whole(write_v1(tmp_path / "renamed"))


def test_a_folders_file_names_the_newest_wherever_the_folder_was_moved_to(tmp_path: Path) -> None:
    write_v2(tmp_path / "model.ckpt-1")
    write_v2(tmp_path / "model.ckpt-2")
    with pytest.raises(UsageError, match=r"2 checkpoints[\s\S]*model.ckpt-1, model.ckpt-2"):
        find_checkpoint(tmp_path)
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "/elsewhere/model.ckpt-1"\nall_model_checkpoint_paths: "x"\n'
    )
    assert find_checkpoint(tmp_path) == find_checkpoint(tmp_path / "checkpoint") == str(tmp_path / "model.ckpt-1")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-3"\n')
    with pytest.raises(DataError, match="names model.ckpt-3, which is not there"):
        find_checkpoint(tmp_path)


def test_other_files_are_no_checkpoints_and_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    (tmp_path / "empty").write_bytes(b"")
    assert find_checkpoint(tmp_path / "x.h5") is find_checkpoint(tmp_path / "empty") is None
    assert find_checkpoint(tmp_path / "absent.ckpt") is None
    with pytest.raises(DataError, match="a folder without a checkpoint"):
        find_checkpoint(tmp_path)
    prefix = write_v2(tmp_path / "m.ckpt")
    numbers = Path(f"{prefix}.data-00000-of-00001")
    kept = numbers.read_bytes()
    numbers.unlink()
    with pytest.raises(DataError, match=r"no numbers beside it[\s\S]*m.ckpt.data-00000-of-00001"):
        find_checkpoint(prefix)
    numbers.write_bytes(kept)
    Path(f"{prefix}.index").unlink()
    with pytest.raises(DataError, match="m.ckpt.index is missing"):
        find_checkpoint(numbers)


def test_a_tensorflow_2_object_checkpoint_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = Path(tf.train.Checkpoint(v=tf.Variable([1.0])).write(str(tmp_path / "ckpt")))
    found = find_checkpoint(path)
    assert found is not None
    with pytest.raises(DataError, match=r"object checkpoint[\s\S]*save_weights"):
        SlimCheckpoint(found, path)


@pytest.mark.parametrize("part", [".index", ".data-00000-of-00001"])
def test_a_cut_off_checkpoint_is_damaged(tmp_path: Path, part: str) -> None:
    file = Path(f"{write_v2(tmp_path / 'm.ckpt')}{part}")
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(DataError, match="m.ckpt is damaged"):
        expect_whole(tmp_path / "m.ckpt")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=st.floats(0, 0.999),
    byte=st.integers(0, 255),
    first=st.booleans(),
    part=st.sampled_from([".index", ".data-00000-of-00001"]),
)
def test_a_changed_byte_is_an_error_or_changes_no_number(
    tmp_path: Path, where: float, byte: int, first: bool, part: str
) -> None:
    path = tmp_path / ("v1.ckpt" if first else "v2.ckpt")
    file = write_v1(path) if first else Path(f"{write_v2(path)}{part}")
    content = bytearray(file.read_bytes())
    content[int(where * len(content))] = byte
    file.write_bytes(content)
    try:
        found = find_checkpoint(path)
        if found is None:
            return
        checkpoint = SlimCheckpoint(found, path)
        for name in checkpoint.shapes.keys() & VALUES.keys():
            assert np.array_equal(checkpoint.read(name), VALUES[name])
    except FgtlError:
        pass
