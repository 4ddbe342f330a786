import os
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.errors import DataError
from fgtl.files import sha256_of
from fgtl.tfrecord import RecordDamage, RecordWriter, framed, masked_crc, read_records, unframed

PAYLOADS = [b"", b"a", b"x" * 1000, bytes(range(256)) * 20]


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "x.tfrecord"
    with path.open("wb") as file:
        writer = RecordWriter(file)
        offsets = [writer.write(payload) for payload in PAYLOADS]
    assert (writer.bytes, writer.sha256) == (path.stat().st_size, sha256_of(path))
    return path, offsets


def test_tensorflow_reads_what_was_written(shard):
    tf = pytest.importorskip("tensorflow")
    assert list(tf.data.TFRecordDataset(str(shard[0])).as_numpy_iterator()) == PAYLOADS


def test_what_tensorflow_wrote_is_read(tmp_path):
    tf = pytest.importorskip("tensorflow")
    with tf.io.TFRecordWriter(str(tmp_path / "tf")) as writer:
        for payload in PAYLOADS:
            writer.write(payload)
    assert [payload for _, payload in read_records(tmp_path / "tf")] == PAYLOADS


def test_offsets_are_those_of_the_payloads(shard):
    path, offsets = shard
    assert list(read_records(path)) == list(zip(offsets, PAYLOADS, strict=True))
    data = path.read_bytes()
    assert all(data[at : at + len(p)] == p for at, p in zip(offsets, PAYLOADS, strict=True))


def test_an_empty_file_has_no_records(tmp_path):
    (tmp_path / "empty").touch()
    assert list(read_records(tmp_path / "empty")) == []


@pytest.mark.parametrize(
    ("place", "what"),
    [(0, "length checksum differs"), (9, "length checksum differs"), (16 + 12, "data checksum differs")],
)
def test_a_flipped_bit_is_named_with_its_part_and_byte(shard, place, what):
    path, _ = shard
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(RecordDamage, match=what) as caught:
        list(read_records(path))
    assert caught.value.byte == {0: 0, 9: 0, 28: 28}[place]


@pytest.mark.parametrize("missing", [1, 4, 5, 5000])
def test_a_cut_is_named_with_the_byte_where_the_file_ends(shard, missing):
    path, _ = shard
    data = path.read_bytes()[:-missing]
    path.write_bytes(data)
    with pytest.raises(RecordDamage, match="truncated") as caught:
        list(read_records(path))
    assert caught.value.byte == len(data)


def test_a_cut_inside_a_header_is_named(shard):
    path, offsets = shard
    path.write_bytes(path.read_bytes()[: offsets[-1] - 5])
    with pytest.raises(RecordDamage, match="inside a record's header"):
        list(read_records(path))


def test_a_length_that_was_made_up_is_not_allocated(tmp_path):
    length = struct.pack("<Q", (1 << 31) - 1)
    (tmp_path / "x").write_bytes(length + struct.pack("<I", masked_crc(length)) + b"little")
    with pytest.raises(RecordDamage, match="truncated, the record goes on to byte 2,147,483,663"):
        list(read_records(tmp_path / "x"))


def test_a_record_that_tensorflow_cannot_parse_is_neither_written_nor_read(tmp_path):
    class Huge(bytes):
        def __len__(self):
            return 1 << 31

    with (tmp_path / "x").open("wb") as file, pytest.raises(DataError, match="the record has 2,147,483,648 bytes"):
        RecordWriter(file).write(Huge())
    assert (tmp_path / "x").stat().st_size == 0
    length = struct.pack("<Q", 1 << 31)
    (tmp_path / "x").write_bytes(length + struct.pack("<I", masked_crc(length)))
    os.truncate(tmp_path / "x", 3 << 30)
    with pytest.raises(RecordDamage, match="byte 0: the record has 2,147,483,648 bytes, TensorFlow parses at most"):
        list(read_records(tmp_path / "x"))


@settings(max_examples=200)
@given(st.binary(max_size=200), st.data())
def test_no_flipped_bit_gets_through(payload, data):
    head, tail = framed(payload)
    record = bytearray(head + payload + tail)
    assert unframed(bytes(record)) == payload
    record[data.draw(st.integers(0, len(record) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(RecordDamage):
        unframed(bytes(record))


def test_a_record_longer_than_its_length_says_is_refused():
    head, tail = framed(b"abc")
    with pytest.raises(RecordDamage, match="the record has 3 bytes, not 4"):
        unframed(head + b"abc" + tail + b"!")
