"""Torch checkpoints of both formats: read exactly, and refused when damaged or hostile."""

import random
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fgtl.errors import DataError
from fgtl.interop.torch_file import read_state_dict

BOTH = pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
NUMBERS = np.arange(12, dtype="float32")


def sample() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "conv.weight": rng.normal(size=(4, 3, 2, 2)).astype("float32"),
        "bn.num_batches_tracked": np.array(7, "int64"),
        "empty": np.zeros((0, 3), "float32"),
        "half": rng.normal(size=5).astype("float16"),
        "double": rng.normal(size=(2, 2)),
        "mask": np.array([True, False, True]),
        "bytes": np.arange(9, dtype="uint8"),
        "small": np.arange(-3, 3, dtype="int8"),
        "short": np.arange(-3, 3, dtype="int16"),
        "int": np.arange(-3, 3, dtype="int32"),
    }


@BOTH
def test_arrays_come_back_bit_for_bit_in_the_files_order(wire: Any, write: Any, legacy: bool) -> None:
    arrays = sample()
    read = read_state_dict(write(wire.checkpoint(arrays, legacy=legacy)))
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


@BOTH
def test_bfloat16_becomes_the_float32_of_the_same_value(wire: Any, write: Any, legacy: bool) -> None:
    values = np.array([1.0, -2.5, 3.140625, np.inf, 2.0**-130], "float32")
    raw = (values.view("uint32") >> 16).astype("uint16").tobytes()
    body = wire.ordered({"x": wire.tensor("0", "bfloat16", 5, 0, (5,), (1,), legacy=legacy)})
    file = wire.legacy(body, {"0": (5, raw)}) if legacy else wire.zipped(body, {"0": raw})
    np.testing.assert_array_equal(read_state_dict(write(file))["x"], values)


def zip_of(wire: Any, tensors: dict[str, bytes]) -> bytes:
    return wire.zipped(wire.ordered(tensors), {"0": NUMBERS.tobytes()})


def test_offsets_and_strides_are_honoured(wire: Any, write: Any) -> None:
    tensors = {
        "transposed": wire.tensor("0", "float32", 12, 0, (4, 3), (1, 4), legacy=False),
        "column": wire.tensor("0", "float32", 12, 1, (3,), (4,), legacy=False),
        "scalar": wire.tensor("0", "float32", 12, 11, (), (), legacy=False),
    }
    read = read_state_dict(write(zip_of(wire, tensors)))
    np.testing.assert_array_equal(read["transposed"], NUMBERS.reshape(3, 4).T)
    np.testing.assert_array_equal(read["column"], [1, 5, 9])
    assert read["scalar"] == 11


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (1, (12,), (1,)),
        (0, (13,), (1,)),
        (0, (2, 2), (1, 12)),
        (12, (1,), (1,)),
        (-1, (2,), (1,)),
        (0, (10**9, 10**9), (0, 0)),
        (0, (13,), (0,)),
        (0, (2, 2), (1,)),
        (2**61, (1,), (1,)),
        (0, (2,), (2**61,)),
        (0, (2**40, 0, 2**40), (1, 1, 1)),
    ],
)
@BOTH
def test_a_tensor_outside_its_storage_is_refused(
    wire: Any, write: Any, legacy: bool, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    body = wire.ordered({"x": wire.tensor("0", "float32", 12, offset, shape, strides, legacy=legacy)})
    data = NUMBERS.tobytes()
    file = wire.legacy(body, {"0": (12, data)}) if legacy else wire.zipped(body, {"0": data})
    with pytest.raises(DataError, match=r"outside its storage|cannot be read"):
        read_state_dict(write(file))


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict"])
@BOTH
def test_wrapped_state_dicts_and_parallel_names_are_unwrapped(
    wire: Any, write: Any, legacy: bool, wrapper: str
) -> None:
    inner = wire.tensor("0", "float32", 12, 0, (12,), (1,), legacy=legacy)
    other = wire.tensor("1", "int32", 2, 0, (2,), (1,), legacy=legacy)
    body = b"}(" + wire.text(wrapper) + wire.ordered({"module.fc.weight": inner})
    body += wire.text("optimizer") + b"}" + wire.text("step") + other + b"s"
    body += wire.text("epoch") + wire.number(3) + b"u"
    steps = np.array([1, 2], "int32").tobytes()
    file = (
        wire.legacy(body, {"1": (2, steps), "0": (12, NUMBERS.tobytes())})
        if legacy
        else wire.zipped(body, {"0": NUMBERS.tobytes(), "1": steps})
    )
    read = read_state_dict(write(file))
    assert list(read) == ["fc.weight"]
    np.testing.assert_array_equal(read["fc.weight"], NUMBERS)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("collections", "OrderedDict.__init__"),
        ("numpy.core.multiarray", "scalar"),
        ("argparse", "Namespace"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
    ],
)
@BOTH
def test_code_is_refused_by_name_and_not_run(wire: Any, write: Any, legacy: bool, module: str, name: str) -> None:
    body = wire.call(module, name, wire.text(f"touch {Path.cwd()}/pwned"))
    file = wire.legacy(body, {}) if legacy else wire.zipped(body, {})
    with pytest.raises(DataError, match=rf"wants '{module}\.{name}', which is refused"):
        read_state_dict(write(file))
    assert not Path("pwned").exists()


def test_a_name_on_the_stack_is_refused_too(wire: Any, write: Any) -> None:
    body = wire.text("os") + wire.text("system") + b"\x93" + wire.group(wire.text("true")) + b"R"
    with pytest.raises(DataError, match=r"os\.system"):
        read_state_dict(write(wire.zipped(body, {})))


def test_the_old_ways_to_make_objects_are_refused(wire: Any, write: Any) -> None:
    for operation in (b"(ios\nsystem\n", b"c__main__\nX\n)\x81", b"(cos\nsystem\no", b"\x82\x01", b"\x8f", b"\x97"):
        with pytest.raises(DataError):
            read_state_dict(write(wire.zipped(operation, {})))


def test_state_cannot_be_set_on_what_is_permitted(wire: Any, write: Any) -> None:
    body = wire.named("torch._utils", "_rebuild_tensor_v2") + b"}" + wire.text("__code__") + b"Nsb"
    with pytest.raises(DataError, match="damaged"):
        read_state_dict(write(wire.zipped(body, {})))


def test_a_key_nested_a_hundred_thousand_deep_is_refused(wire: Any, write: Any) -> None:
    with pytest.raises(DataError, match="key of type tuple"):
        read_state_dict(write(wire.zipped(b"}" + b")" + b"\x85" * 100_000 + b"Ns", {})))


def test_a_huge_memo_index_reserves_nothing(wire: Any, write: Any) -> None:
    path = write(wire.zipped(b"}r" + struct.pack("<I", 2**31) + b"}0", {}))
    tracemalloc.start()
    with pytest.raises(DataError):
        read_state_dict(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(
    "claim", [b"\x8e" + b"\xff" * 7 + b"\x0f", b"B\xff\xff\xff\x7f", b"\x8d" + b"\xff" * 8, b"\x8b\xff\xff\xff\x7f"]
)
def test_a_huge_claimed_length_reserves_nothing(wire: Any, write: Any, claim: bytes) -> None:
    path = write(wire.zipped(claim, {}))
    tracemalloc.start()
    with pytest.raises(DataError):
        read_state_dict(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@BOTH
def test_a_huge_claimed_storage_reserves_nothing(wire: Any, write: Any, legacy: bool) -> None:
    body = wire.ordered({"x": wire.tensor("0", "float32", 2**60, 0, (2**60,), (1,), legacy=legacy)})
    data = NUMBERS.tobytes()
    file = wire.legacy(body, {"0": (2**60, data)}) if legacy else wire.zipped(body, {"0": data})
    with pytest.raises(DataError, match=r"cut off|bytes, not"):
        read_state_dict(write(file))


def test_a_compression_bomb_is_refused_before_it_is_opened(wire: Any, write: Any) -> None:
    body = wire.ordered({"x": wire.tensor("0", "uint8", 2**24, 0, (2**24,), (1,), legacy=False)})
    file = wire.zipped(body, {"0": b"\0" * 2**24}, zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match="compressed"):
        read_state_dict(write(file))


def test_a_missing_storage_is_named(wire: Any, write: Any) -> None:
    body = wire.state({"x": NUMBERS}, legacy=False)
    with pytest.raises(DataError, match="weights/data/0 is missing"):
        read_state_dict(write(wire.zipped(body, {})))


def test_other_files_are_told_apart(wire: Any, write: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no file"):
        read_state_dict(tmp_path / "absent.pth")
    with pytest.raises(DataError, match="not a torch checkpoint"):
        read_state_dict(write(b"hello"))
    with pytest.raises(DataError, match="not a torch checkpoint"):
        read_state_dict(write(b""))
    with pytest.raises(DataError, match="holds no tensors"):
        read_state_dict(write(wire.zipped(b"}", {})))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme", "hello")
    with pytest.raises(DataError, match=r"no data\.pkl"):
        read_state_dict(tmp_path / "x.zip")


@BOTH
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_a_data_error_wherever_it_ends(wire: Any, write: Any, legacy: bool, share: float) -> None:
    content = wire.checkpoint(sample(), legacy=legacy)
    with pytest.raises(DataError):
        read_state_dict(write(content[: int(share * len(content))]))


@BOTH
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), flips=st.integers(1, 8))
def test_flipped_bits_are_a_data_error_or_another_array(
    wire: Any, write: Any, legacy: bool, seed: int, flips: int
) -> None:
    content = bytearray(wire.checkpoint(sample(), legacy=legacy))
    rng = random.Random(seed)
    for _ in range(flips):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    try:
        read = read_state_dict(write(bytes(content)))
    except DataError:
        return
    assert all(isinstance(array, np.ndarray) for array in read.values())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60))
def test_random_programs_are_data_errors(wire: Any, write: Any, body: bytes) -> None:
    with pytest.raises(DataError):
        read_state_dict(write(wire.zipped(body, {})))
