"""Rows of photographs: one, and others beside it with what is to be said of them. Drawn by `neighbour_pictures`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """A photograph in a row.

    Attributes:
        data: its image file; b"" when it is not at hand.
        name: its class; "" where nobody knows it.
        note: the line below, such as its id.
        said: what is written on it, such as its distance; "" for the query.
        right: whether its class is the query's; None for the query, or where that has no class.
    """

    data: bytes
    name: str
    note: str
    said: str = ""
    right: bool | None = None


@dataclass(frozen=True)
class Row:
    """A query and its neighbours, nearest first."""

    query: Shown
    neighbours: tuple[Shown, ...]
