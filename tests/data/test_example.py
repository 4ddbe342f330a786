import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.data import example
from fgtl.data.example import KINDS, encode_example
from fgtl.errors import DataError, InputError
from fgtl.wire import decode_example

BYTES_KEYS = (example.FORMAT, example.FILENAME, example.ID, example.CLASS_TEXT, example.HIERARCHY)
INT_KEYS = (example.HEIGHT, example.WIDTH, example.LABEL, example.PART_VISIBLE)
FLOAT_KEYS = (example.BOX_XMIN, example.BOX_YMIN, example.BOX_XMAX, example.BOX_YMAX, example.PART_X, example.PART_Y)
INT64 = st.integers(-(2**63), 2**63 - 1)
FEATURES = st.builds(
    lambda *parts: {key: values for part in parts for key, values in part.items()},
    st.dictionaries(st.sampled_from(BYTES_KEYS), st.lists(st.binary(max_size=300), max_size=4)),
    st.dictionaries(st.sampled_from(INT_KEYS), st.lists(INT64, max_size=5)),
    st.dictionaries(st.sampled_from(FLOAT_KEYS), st.lists(st.floats(width=32, allow_nan=False), max_size=5)),
    st.fixed_dictionaries({}, optional={example.IMAGE: st.lists(st.binary(max_size=40_000), min_size=1, max_size=1)}),
)


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


def tensorflow_example(tf, features):
    made = tf.train.Example()
    made.features.SetInParent()
    for key, values in features.items():
        feature = made.features.feature[key]
        held = {1: feature.bytes_list, 2: feature.float_list, 3: feature.int64_list}[KINDS[key]]
        held.SetInParent()
        held.value.extend(values)
    return made


@given(FEATURES)
def test_bytes_are_those_of_protobufs_deterministic_serialisation(tf, features):
    assert encode_example(features) == tensorflow_example(tf, features).SerializeToString(deterministic=True)


@given(FEATURES)
def test_what_protobuf_wrote_in_any_order_is_read_back(tf, features):
    decoded = decode_example(tensorflow_example(tf, features).SerializeToString())
    assert decoded.keys() == features.keys()
    for key, values in features.items():
        assert list(decoded[key]) == values


@given(FEATURES)
def test_round_trip_keeps_every_value(features):
    decoded = decode_example(encode_example(features))
    assert {key: list(values) for key, values in decoded.items()} == features


def test_numbers_come_back_as_arrays_of_their_type():
    decoded = decode_example(encode_example({example.LABEL: [3], example.BOX_XMIN: [0.25]}))
    assert decoded[example.LABEL].dtype == np.int64
    assert decoded[example.BOX_XMIN].dtype == np.float32


def test_zero_and_minus_zero_stay_different():
    plus, minus = (encode_example({example.PART_X: [value]}) for value in (0.0, -0.0))
    assert plus != minus


def test_unpacked_numbers_are_read_too():
    int64_list = b"\x08\x05\x08\x07"  # field 1, varint, twice
    feature = b"\x1a" + bytes([len(int64_list)]) + int64_list
    entry = b"\x0a\x01k\x12" + bytes([len(feature)]) + feature
    features = b"\x0a" + bytes([len(entry)]) + entry
    assert list(decode_example(b"\x0a" + bytes([len(features)]) + features)["k"]) == [5, 7]


@given(FEATURES, st.data())
def test_damaged_bytes_give_a_data_error_or_other_values_never_another_exception(features, data):
    encoded = bytearray(encode_example(features))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(encoded) - 1))
        encoded[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(encoded)))
    try:
        decode_example(bytes(encoded[:cut]))
    except DataError as error:
        assert "not a tf.Example" in str(error)


@given(st.binary(max_size=200))
def test_garbage_gives_a_data_error_or_nothing_of_ours(data):
    try:
        assert isinstance(decode_example(data), dict)
    except DataError:
        pass


def test_an_unknown_key_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="'image/colour' is not a key"):
        encode_example({"image/colour": [b"red"]})
