"""JSON files of a download, read so that every complaint names the file, and the place in it where there is one."""

import json
import re
from collections.abc import Callable
from typing import Any

from fgtl.downloads import Tree
from fgtl.errors import DataError

Pairs = list[tuple[str, Any]]
_HIGH, _LOW = (rf"\\u[dD][{digits}][0-9a-fA-F]{{2}}" for digits in ("89abAB", "c-fC-F"))
_HALF_A_CHARACTER = re.compile(f"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}")


def read_json_file(tree: Tree, name: str, keep: Callable[[Pairs], Any] | None = None) -> Any:
    """The content of a UTF-8 JSON file; a byte order mark is tolerated.

    Args:
        tree, name: the file.
        keep: turns each object, as a list of (key, value), into what is kept of it, before the next one is read:
            a file of millions of objects then never lies in memory as millions of dicts.

    Raises:
        DataError: there is no such file, it is not UTF-8, not JSON or no Unicode text, or nested thousands deep.
    """
    file = tree.where(name)
    try:
        text = tree.read(name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is not UTF-8: {error}.", fix="The file is damaged: download or write it again."
        ) from None
    return parse_json(text, file, keep)


def parse_json(text: str, where: str, keep: Callable[[Pairs], Any] | None = None) -> Any:
    """The value of a JSON text; `where` names it in messages. Raises DataError as `read_json_file`."""
    # Python reads such escapes, but cannot write them: not to a record, a file name or the screen.
    if ("\\ud" in text or "\\uD" in text) and (half := _HALF_A_CHARACTER.search(text)):
        line = text.count("\n", 0, half.start()) + 1
        raise DataError(
            f"{where} line {line} has half a character, {half[0]}.",
            fix="The file is damaged: download or write it again.",
        )
    try:
        return json.loads(text, object_pairs_hook=keep)
    except json.JSONDecodeError as error:
        ends_early = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        raise DataError(
            f"{where} is not JSON, line {error.lineno} column {error.colno}: {error.msg}.",
            fix="It ends too early: the download is incomplete."
            if ends_early
            else "The file is damaged: download or write it again.",
        ) from None
    except RecursionError:
        raise DataError(
            f"{where} is nested too deeply to be what it should be.",
            fix="The file is damaged: download or write it again.",
        ) from None
    except ValueError as error:
        # A number of thousands of digits.
        raise DataError(
            f"{where} cannot be read: {error}.", fix="The file is damaged: download or write it again."
        ) from None
