"""Where a SavedModel lies, what it is to the last byte, and the few facts that its files do not state."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fgtl.errors import DataError, UsageError

FACTS_FILE = "fgtl.json"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Facts:
    """What a folder's optional fgtl.json says: {"range": [0, 1], "input_size": 299}, either or both.

    Args:
        low: what black is to the network.
        high: what white is; TensorFlow Hub's convention for images is 0..1.
        input_size: pixels, where the SavedModel takes any size.
    """

    low: float = 0.0
    high: float = 1.0
    input_size: int | None = None


def find_folder(what: str) -> Path:
    """The folder of a path, or of a handle that tensorflow_hub resolves by downloading or from its cache.

    Raises:
        UsageError: a handle, and tensorflow_hub is not installed.
        DataError: nothing there, or no SavedModel.
    """
    folder = _resolved(what) if "://" in what else Path(what).expanduser().absolute()
    if not (folder / "saved_model.pb").is_file():
        raise DataError(f"{folder} is no SavedModel: it has no saved_model.pb.", expected="a SavedModel's folder.")
    return folder


def find_again(candidates: Sequence[str], sha256: str) -> Path:
    """The first of several places that is there; it must be what was saved.

    Raises:
        DataError: none is there, or the first that is differs.
    """
    for place in candidates:
        folder = Path(place).expanduser()
        if folder.is_dir():
            found = folder_sha256(folder)
            if found != sha256:
                raise DataError(
                    f"{folder} is not the SavedModel that the model was trained with: its hash is {found}.",
                    expected=sha256,
                    fix="Put the original folder back; every file in it counts.",
                )
            return folder
    raise DataError(
        f"The SavedModel that the model was trained with is gone: {' and '.join(candidates)}.",
        expected="its folder; the model holds its weights, but not its program.",
        fix="Put it back at that place.",
    )


def folder_sha256(folder: Path) -> str:
    """Hex digest over the names and bytes of all files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix().encode()
        digest.update(f"{len(name)} {path.stat().st_size} ".encode() + name)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def read_facts(folder: Path) -> Facts:
    """The folder's fgtl.json, or the defaults without one.

    Raises:
        DataError: it says something else than it can.
    """
    path = folder / FACTS_FILE
    if not path.is_file():
        return Facts()
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        low, high = (float(bound) for bound in said.pop("range", (0.0, 1.0)))
        size = said.pop("input_size", None)
        if said or low >= high or not (size is None or (type(size) is int and size > 0)):
            raise ValueError(f"it holds {said or (low, high, size)}")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        expected = '{"range": [0, 1], "input_size": 299}, either or both.'
        raise DataError(f"{path} cannot be used: {error}.", expected=expected) from None
    return Facts(low, high, size)


def _resolved(handle: str) -> Path:
    try:
        import tensorflow_hub
    except ImportError as error:
        raise UsageError(
            f"tensorflow_hub cannot be imported: {error}.",
            expected=f"the package tensorflow-hub, which resolves handles such as {handle}.",
            fix="pip install 'fgtl[hub]', or download the module elsewhere and name its folder.",
        ) from None
    try:
        return Path(tensorflow_hub.resolve(handle))
    # tensorflow_hub, kagglehub and urllib each raise their own.
    except Exception as error:
        raise DataError(
            f"{handle} could not be had: {type(error).__name__}: {error}",
            expected="to download it, or to find it in tensorflow_hub's cache (TFHUB_CACHE_DIR).",
            fix="Download it where there is a network, unpack it, and name the folder: --backbone=saved_model:FOLDER.",
        ) from None
