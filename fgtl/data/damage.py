"""What TensorFlow says of a damaged record, turned into a message that names the record."""

import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.console import warn
from fgtl.data import example
from fgtl.data.bad_records import BadRecord
from fgtl.data.decode import ACCURATE, decode_window
from fgtl.data.pool import usable_cores
from fgtl.data.records import Selection
from fgtl.errors import DataError
from fgtl.wire import decode_example

# Records looked at before the next ones are put in the queue.
_CHUNK = 256

# Failures of the model are of the same classes; only those that come out of an iterator are about records.
_FROM_INPUT = re.compile(r"__wrapped__\w*IteratorGetNext|\[Op:\w*IteratorGetNext|Iterator::")
_AROUND_MESSAGE = re.compile(r"^(\{\{.*?\}\} )?(.*?Iterator::Root\S*: \w+: )?")


@contextmanager
def damage_explained(selection: Selection | None = None) -> Iterator[None]:
    """Turn what TensorFlow says when a record cannot be read or decoded, inside the block, into a DataError.

    Args:
        selection: what is read in the block. TensorFlow does not say which record it could not decode; when it comes
            to that, this selection is searched for it.

    Raises:
        DataError: a record cannot be read or decoded, or, where bad ones are left out, too many. Errors of other
            origin (the model's) pass unchanged.
    """
    try:
        yield
    except (
        tf.errors.UnknownError,
        tf.errors.InvalidArgumentError,
        tf.errors.DataLossError,
        UnicodeDecodeError,
    ) as error:
        # TensorFlow quotes what it cannot parse; a message with such bytes in it ends as an error of Python's.
        message = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
        if not _FROM_INPUT.search(message):
            raise
        ruin = selection.bad.ruin if selection is not None else None
        if ruin is not None and str(ruin).splitlines()[0] in message:
            raise ruin from error
        culprit, words = None, words_of(message)
        # The reader's own words name id, shard and byte; the decoder's name nothing.
        if selection is not None and "Iterator::" not in message:
            warn("A record cannot be decoded; looking for it.")
            culprit = find_undecodable(selection)
        if culprit:
            words = f"The record {culprit[0]} cannot be read: {culprit[1]}"
        elif not words.startswith("The record "):
            words = f"A record cannot be read: {words}"
        folder = "RECORDS" if selection is None else shlex.quote(str(selection.records.folder))
        raise DataError(
            words,
            fix=f"fgtl verify --check=decode --records {folder} names every damaged record; "
            "--bad_records=skip goes on without them.",
        ) from error


def find_undecodable(selection: Selection) -> tuple[str, str] | None:
    """(id, what is wrong) of the first record that cannot be read or decoded; None when all can.

    Cost: every image up to that one is decoded whole, on all cores.
    """
    with ThreadPoolExecutor(usable_cores()) as pool:
        for first in range(0, len(selection), _CHUNK):
            rows = range(first, min(first + _CHUNK, len(selection)))
            for row, what in zip(rows, pool.map(lambda row: _problem(selection, row), rows), strict=True):
                if what:
                    return str(selection.ids[row]), what
    return None


def _problem(selection: Selection, row: int) -> str:
    """Why a record cannot be decoded, "" when it can."""
    window = np.array((0, 0, selection.heights[row], selection.widths[row]), np.int32)
    try:
        found = decode_or_say_why(selection.payload(row), window, ACCURATE)
    except BadRecord as bad:
        return bad.what
    return found if isinstance(found, str) else ""


def decode_or_say_why(payload: bytes, window: NDArray[np.int32], dct: str) -> NDArray[np.uint8] | str:
    """(h, w, 3) uint8 pixels of a window (4,) of a record, or why there are none, in the words of the pipeline's decoder.

    That decoder is stricter than others.
    """
    try:
        # Not TensorFlow's parser: it quotes what it cannot parse, and Python cannot read that message.
        record = decode_example(payload)
        with tf.device("cpu:0"):
            data, kind = (tf.constant(record[key][0]) for key in (example.IMAGE, example.FORMAT))
            return decode_window(data, kind, tf.constant(window), dct=dct).numpy()
    except tf.errors.OpError as error:
        return words_of(str(error.message))
    except DataError as error:
        return str(error).splitlines()[0]
    except (KeyError, IndexError):
        return "it holds no image."


def words_of(message: str) -> str:
    """The first line of what TensorFlow says, without where in its graph it says it."""
    # "{{function_node ...}} Error in ... with iterator: Iterator::Root::...::Map: BadRecord: " stands before the words.
    words = _AROUND_MESSAGE.sub("", message.strip()).splitlines()[0]
    return re.sub(r" \[Op:\w+\].*$", "", words)
