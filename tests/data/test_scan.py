"""Records are found again behind any damage, from the bytes alone."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.data import scan
from fgtl.data.scan import next_header, scan_records
from fgtl.tfrecord import framed


def file_of(payloads):
    return b"".join(head + payload + tail for payload in payloads for head, tail in [framed(payload)])


def scanned(tmp_path, data):
    path = tmp_path / "shard"
    path.write_bytes(data)
    return list(scan_records(path))


def test_a_whole_file_comes_back_record_by_record(tmp_path):
    payloads = [b"first", b"", b"\0" * 100, bytes(range(256)) * 9]
    found = scanned(tmp_path, file_of(payloads))
    assert [stretch.payload for stretch in found] == payloads
    assert not any(stretch.damage for stretch in found)
    assert [stretch.start for stretch in found] == [0, 21, 37, 153]
    assert scanned(tmp_path, b"") == []


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damage_anywhere_costs_only_the_records_it_lies_in(tmp_path_factory, data):
    sizes = data.draw(st.lists(st.integers(1, 300), min_size=1, max_size=8))
    payloads = [np.random.default_rng(number).bytes(size) for number, size in enumerate(sizes)]
    whole = file_of(payloads)
    at = data.draw(st.integers(0, len(whole) - 1))
    junk = data.draw(st.binary(max_size=60))
    gone = data.draw(st.integers(0, 60))  # bytes that `junk` stands for: more, fewer or none
    damaged = whole[:at] + junk + whole[at + gone :]
    starts = np.cumsum([0, *(size + 16 for size in sizes)])
    kept = [
        payload
        for number, payload in enumerate(payloads)
        if damaged == whole or starts[number + 1] <= at or starts[number] >= at + gone
    ]
    if not gone and junk:  # put between two bytes: of one record, or of none
        kept = [p for n, p in enumerate(payloads) if not starts[n] < at < starts[n + 1]]
    found = [stretch.payload for stretch in scanned(tmp_path_factory.getbasetemp(), damaged) if not stretch.damage]
    assert [payload for payload in found if payload in kept] == kept


def test_a_header_across_the_blocks_of_the_search_is_found(monkeypatch):
    record = file_of([b"payload" * 9])
    monkeypatch.setattr(scan, "_FIRST_BLOCK", 20)
    monkeypatch.setattr(scan, "_LARGEST_BLOCK", 30)
    for before in range(40, 140):
        data = b"\x01" * before + record
        assert next_header(io.BytesIO(data), 0, len(data)) == before


@pytest.mark.parametrize("filling", [0, 1, 255])
def test_a_file_of_one_byte_again_and_again_has_no_header(filling):
    data = bytes([filling]) * (3 << 20)
    assert next_header(io.BytesIO(data), 0, len(data)) == len(data)


def test_a_length_beyond_the_end_of_the_file_is_no_header():
    head, _ = framed(b"x" * 1000)
    data = b"??" + head + b"x" * 500
    assert next_header(io.BytesIO(data), 0, len(data)) == len(data)
