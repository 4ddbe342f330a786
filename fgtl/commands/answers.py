"""What the verbs that ask feature sets have in common: the file with the answer, and what the sets are called in it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgtl.console import say
from fgtl.errors import UsageError
from fgtl.files import write_atomically

if TYPE_CHECKING:
    from fgtl.features.feature_set import FeatureSet

ENDINGS = (".html", ".json", ".csv", ".png")


def check_ending(output: Path | None, *endings: str) -> None:
    """Raise UsageError unless the file's name says what it is to be; asked before anything is computed."""
    if output is not None and output.suffix.lower() not in endings:
        raise UsageError(f"--output={output} has no known ending.", expected=f"one of {', '.join(endings)}.")


def write_answer(output: Path, kinds: Mapping[str, Callable[[], bytes | str]]) -> None:
    """Write what the file's ending asks for, and say where.

    Args:
        output: checked by `check_ending`.
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


def network_of(found: "FeatureSet") -> str:
    """The network and where its weights came from; how images are shown to it is `extractor.describe()`."""
    backbone = found.meta.extractor.backbone
    weights = Path(str(found.meta.question.get("weights", ""))).name
    for ending in (".h5", ".weights", "_notop"):
        weights = weights.removesuffix(ending)
    return weights if weights.startswith(backbone) else f"{backbone}, {weights}".removesuffix(", ")
