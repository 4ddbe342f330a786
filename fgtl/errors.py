"""What fgtl raises when something a user can cause goes wrong, and the exit code each one ends with."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class FgtlError(Exception):
    """A failure with a message for a person: what came, what was expected, how to fix it.

    Args:
        came: what was given or found, with file and line where there is one. One sentence.
        expected: what would have been right.
        fix: what to do about it.
    """

    exit_code = 1

    def __init__(self, came: str, *, expected: str = "", fix: str = "") -> None:
        more = [f"  {line}" for part in (expected and f"Expected {expected}", fix) if part for line in part.split("\n")]
        super().__init__("\n".join([came, *more]))


class UsageError(FgtlError):
    """The command line, or an argument, cannot be meant as it stands."""

    exit_code = 2


class DataError(FgtlError):
    """Files are missing, damaged, or not what they say they are; or the disk does not take what is to be written."""

    exit_code = 3


class InputError(UsageError, ValueError):
    """A library function was called with an argument of the wrong shape, type or range."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came: what Ctrl-C tidies up is tidied up for it too."""


def expect_rank(array: Any, rank: int, name: str, shape: str) -> None:
    """Raise InputError unless `array` has `rank` dimensions; `shape` is how the message writes them."""
    if len(array.shape) != rank:
        raise InputError(f"{name} has shape {tuple(array.shape)}.", expected=f"{shape}, {rank} dimensions.")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence naming the closest of `known`, or an empty string when nothing is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else ""
