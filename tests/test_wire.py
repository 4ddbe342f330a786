"""tf.Example read without TensorFlow: against TensorFlow's own serialisation, and on damaged bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.data.example import IMAGE, LABEL, encode_example
from fgtl.errors import DataError
from fgtl.wire import decode_example, find_bytes


def test_bytes_are_found_where_they_lie() -> None:
    image = bytes(range(256)) * 300
    data = encode_example({IMAGE: [image], LABEL: [3]})
    ((offset, length),) = find_bytes(data, IMAGE)
    assert data[offset : offset + length] == image
    assert find_bytes(data, LABEL) == []
    assert find_bytes(data, "absent") == []


def test_what_tensorflow_wrote_is_found_too() -> None:
    tf = pytest.importorskip("tensorflow")
    made = tf.train.Example()
    made.features.feature["images"].bytes_list.value.extend([b"one", b"", b"three"])
    made.features.feature["label"].int64_list.value.extend([-1, 2**40])
    made.features.feature["box"].float_list.value.extend([0.5, 1.0])
    data = made.SerializeToString()
    assert [data[at : at + size] for at, size in find_bytes(data, "images")] == [b"one", b"", b"three"]
    decoded = decode_example(data)
    assert decoded["images"] == [b"one", b"", b"three"]
    assert decoded["label"].tolist() == [-1, 2**40]
    assert decoded["box"].dtype == np.float32


@given(st.binary(max_size=200), st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_damaged_bytes_are_an_error_or_a_message_and_never_lie_outside(
    image: bytes, at: int, replacement: bytes
) -> None:
    data = encode_example({IMAGE: [image], LABEL: [3]})
    at = min(at, len(data))
    damaged = data[:at] + replacement + data[at + len(replacement) :]
    try:
        decode_example(damaged)
        spans = find_bytes(damaged, IMAGE)
    except DataError as error:
        assert "not a tf.Example" in str(error)
    else:
        assert all(0 <= start <= start + size <= len(damaged) for start, size in spans)
