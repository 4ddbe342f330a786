"""What the verbs that compare have in common: the file with the answer, and what feature sets are called in it."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgtl.console import say
from fgtl.errors import DataError, UsageError
from fgtl.files import write_atomically

if TYPE_CHECKING:
    from fgtl.analysis.domain import Domain
    from fgtl.features.feature_set import FeatureSet

ENDINGS = (".html", ".json", ".csv", ".png")


def check_output(output: Path | None, *endings: str) -> None:
    """Ask, before anything is computed, whether the answer can be written.

    Args:
        output: the file; None: none is wanted. Folders above it that are not there are made when it is written.
        endings: those that it may have.

    Raises:
        UsageError: its name does not say what it is to be, or is a folder's.
        DataError: a folder above it is a file, or nothing may be written there.
    """
    if output is None:
        return
    if output.suffix.lower() not in endings:
        raise UsageError(f"--output={output} has no known ending.", expected=f"one of {', '.join(endings)}.")
    if output.is_dir():
        raise UsageError(f"--output={output} is a folder.", expected="a file's name.")
    check_place(output)


def check_place(output: Path) -> None:
    """Raise DataError where a folder above `output` is a file, or nothing may be written there."""
    above = next(folder for folder in output.absolute().parents if os.path.lexists(folder))
    if not above.is_dir():
        raise DataError(f"--output={output}: {above} is no folder.", expected="a folder, or nothing yet.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise DataError(
            f"--output={output}: no permission to write in {above}.",
            fix="Choose another folder, or change its permissions.",
        )


def write_answer(output: Path, kinds: Mapping[str, Callable[[], bytes | str]]) -> None:
    """Write what the file's ending asks for, and say where.

    Args:
        output: checked by `check_output`.
        kinds: ending -> what makes the content; only one of them is called.
    """
    content = kinds[output.suffix.lower()]()
    # A folder's name may hold bytes that are no UTF-8.
    write_atomically(output, content.encode("utf-8", "replace") if isinstance(content, str) else content)
    say(f"-> {output}")


def as_json(value: Any) -> str:
    """Readable JSON; NaN is refused: it is not JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def dataset_of(found: "FeatureSet") -> str:
    """The data set that the features are of, or the folder's name where nobody said."""
    return found.meta.dataset or found.folder.name


def few_images_note(domains: "Iterable[Domain]") -> str:
    """What to know of sources with fewer than two images a class; empty where there is none."""
    single = [one.name for one in domains if one.images < 2 * len(one)]
    few = "Fewer than two images a class make a source look farther than it is, by an unknown amount"
    return f"{few}: {', '.join(single)}." if single else ""
