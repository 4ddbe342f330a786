"""The check before weights are loaded: all that the network wants are in the file, of the same shape, and no more."""

from collections.abc import Mapping, Sequence

from fgtl.errors import DataError

Shape = tuple[int, ...]

_SHOWN = 5


def expect_same_weights(wanted: Mapping[str, Shape], found: Mapping[str, Shape], source: str, network: str) -> None:
    """Raise DataError unless names and shapes agree; the message shows the first differences and counts the rest.

    Args:
        wanted: shape of each of the network's weights by name.
        found: the same of the file's.
        source: the file, for the message.
        network: the architecture, for the message.
    """
    missing = [f"{name} {shape} is not in the file" for name, shape in wanted.items() if name not in found]
    extra = [
        f"{name} {shape} is in the file, but not in {network}" for name, shape in found.items() if name not in wanted
    ]
    other = [
        f"{name} is {found[name]} in the file, {shape} in {network}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    _raise_if_any(other, missing, extra, source, network)


def expect_same_order(
    wanted: Sequence[tuple[str, Shape]], found: Sequence[tuple[str, Shape]], source: str, network: str
) -> None:
    """The same for formats that match by position, their names being counters."""
    other = [
        f"{name} is {shape} in {network}, but {their_name} in its place in the file is {their_shape}"
        for (name, shape), (their_name, their_shape) in zip(wanted, found, strict=False)
        if shape != their_shape
    ]
    missing = [f"{name} {shape} is not in the file" for name, shape in wanted[len(found) :]]
    extra = [f"{name} {shape} is in the file, but not in {network}" for name, shape in found[len(wanted) :]]
    _raise_if_any(other, missing, extra, source, network)


def _raise_if_any(other: list[str], missing: list[str], extra: list[str], source: str, network: str) -> None:
    if not (other or missing or extra):
        return
    counts = f"{len(other)} of another shape, {len(missing)} missing, {len(extra)} left over"
    lines = [*other, *missing, *extra]
    shown = lines[:_SHOWN] + ([f"... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])
    raise DataError(
        f"{source} does not hold the weights of {network}: {counts}. Nothing was loaded.",
        expected="\n".join([f"the weights of {network}. The first differences:", *shown]),
        fix="Name the backbone that the file was made with, or a file made with this one.",
    )
