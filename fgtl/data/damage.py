"""What TensorFlow says of a damaged record, turned into a message that names the record."""

import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import tensorflow as tf

from fgtl.console import warn
from fgtl.data import example
from fgtl.data.decode import ACCURATE, decode_window
from fgtl.data.pool import usable_cores
from fgtl.data.records import Selection
from fgtl.errors import DataError

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
        DataError: a record cannot be read or decoded. Errors of other origin (the model's) pass unchanged.
    """
    try:
        yield
    except (tf.errors.UnknownError, tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        if not _FROM_INPUT.search(str(error)):
            raise
        culprit = None
        # The reader's own words name shard and byte; the decoder's name nothing.
        if selection is not None and "Iterator::" not in error.message:
            warn("A record cannot be decoded; looking for it.")
            culprit = find_undecodable(selection)
        name, what = culprit or ("", _words(error))
        folder = "RECORDS" if selection is None else shlex.quote(str(selection.records.folder))
        raise DataError(
            f"{f'The record {name}' if name else 'A record'} cannot be read: {what}",
            fix=f"fgtl verify --check=decode --records {folder} names every damaged record.",
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
    """Why a record cannot be decoded, "" when it can; with the decoder of the pipeline, which is stricter than others."""
    window = (0, 0, int(selection.heights[row]), int(selection.widths[row]))
    try:
        record = selection.example(row)
        data, kind = (tf.constant(record[key][0]) for key in (example.IMAGE, example.FORMAT))
        decode_window(data, kind, tf.constant(window, tf.int32), dct=ACCURATE)
    except tf.errors.OpError as error:
        return _words(error)
    except DataError as error:
        return str(error).splitlines()[0]
    except (KeyError, IndexError):
        return "it holds no image."
    return ""


def _words(error: tf.errors.OpError) -> str:
    # "{{function_node ...}} Error in ... with iterator: Iterator::Root::...::Map: RecordDamage: " stands before the words.
    words = _AROUND_MESSAGE.sub("", str(error.message).strip()).splitlines()[0]
    return re.sub(r" \[Op:\w+\].*$", "", words)
