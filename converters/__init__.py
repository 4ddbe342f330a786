"""Readers: one per layout of an official download. `reader(card, tree) -> Iterator[Sample]`.

A reader looks at every list of the data set before it yields the first sample: what is missing, inconsistent
or not what the card says is a DataError with file and line, and nothing was done by then.
"""

from collections.abc import Callable, Iterator

from fgtl.datasets import Card, Sample
from fgtl.downloads import Tree
from fgtl.registry import Registry

Reader = Callable[[Card, Tree], Iterator[Sample]]

READERS: Registry[Reader] = Registry("layout", "fgtl.converters")

__all__ = ["READERS", "Reader"]
