"""Read the variables of a TensorFlow 1 checkpoint, in both formats that tf.train.Saver writes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fgtl.errors import DataError, UsageError
from fgtl.interop.matching import Shape

# The last 8 bytes of the table that is the whole checkpoint in the first format, and the .index in the second
# (LevelDB's table format, doc/table_format.md).
_TABLE_END = (0xDB4775248B80FB57).to_bytes(8, "little")
_PARTS = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")


def find_checkpoint(path: Path) -> str | None:
    """What `tf.train.load_checkpoint` takes for `path`; None when it is no TensorFlow checkpoint.

    Args:
        path: the checkpoint's prefix ("inception_v3.ckpt"), one of its files, the text file "checkpoint", or a folder.

    Raises:
        DataError: a folder without a checkpoint, or a checkpoint of which a part is missing.
        UsageError: a folder with several checkpoints and no file that names one.
    """
    if path.is_dir():
        return _in_folder(path)
    if path.name == "checkpoint" and path.is_file():
        return _in_folder(path.parent)
    prefix = Path(_PARTS.sub("", str(path)))
    if prefix.with_name(prefix.name + ".index").is_file():
        if not any(part.name.startswith(f"{prefix.name}.data-") for part in prefix.parent.iterdir()):
            raise DataError(
                f"{prefix}.index has no numbers beside it.",
                expected=f"{prefix.name}.data-00000-of-00001 in that folder.",
            )
        return str(prefix)
    if prefix != path and path.is_file():
        raise DataError(f"{path} is one part of a checkpoint; {prefix.name}.index is missing beside it.")
    return str(path) if _is_first_format(path) else None


class SlimCheckpoint:
    """Arrays by variable name.

    Args:
        checkpoint: from `find_checkpoint`.
        source: what the user gave, for messages.

    Attributes:
        shapes: of every variable of numbers.

    Raises:
        DataError: damaged, or the checkpoint of a TensorFlow 2 object, which has no variable names.
        UsageError: its path has a character that TensorFlow takes for a pattern.
    """

    def __init__(self, checkpoint: str, source: Path) -> None:
        # Here: whether a file is one at all is told without TensorFlow.
        import tensorflow as tf

        self._source, self._failures = source, (tf.errors.OpError, RuntimeError, ValueError, IndexError)
        if patterns := set(checkpoint) & set("*?[\\"):
            raise UsageError(
                f"{source} has {' '.join(sorted(patterns))} in its path, which TensorFlow takes for a pattern.",
                fix="Rename the file or its folder, or make a link to it.",
            )
        with self._explained():
            self._reader = tf.train.load_checkpoint(checkpoint)
            shapes = self._reader.get_variable_to_shape_map()
            types = self._reader.get_variable_to_dtype_map()
        if "_CHECKPOINTABLE_OBJECT_GRAPH" in shapes:
            raise DataError(
                f"{source} is a TensorFlow 2 object checkpoint; its variables have no names.",
                fix='Save the network\'s weights: model.save_weights("name.weights.h5").',
            )
        self.shapes: dict[str, Shape] = {
            name: tuple(shapes[name]) for name in sorted(shapes) if types[name] != tf.string
        }

    def read(self, name: str) -> np.ndarray:
        """One variable; DataError when its bytes are cut off or do not fit their checksum."""
        with self._explained():
            return np.asarray(self._reader.get_tensor(name))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            reason = str(error).splitlines()[0][:200]
            raise DataError(f"{self._source} is damaged: {reason}.", fix="Download it again.") from None


def _in_folder(folder: Path) -> str:
    """The newest checkpoint by the file "checkpoint", or the only one."""
    named = re.search(r'^model_checkpoint_path: "(.+)"', _text(folder / "checkpoint"), re.MULTILINE)
    if named:
        # Folders are moved; what the file says is the path at the time of writing.
        prefix = folder / Path(named[1]).name
        if not prefix.with_name(prefix.name + ".index").is_file() and not _is_first_format(prefix):
            raise DataError(f"{folder}/checkpoint names {prefix.name}, which is not there.")
        return str(prefix)
    found = sorted(folder.glob("*.index"))
    if not found:
        raise DataError(
            f"{folder} is a folder without a checkpoint.", expected="NAME.index and NAME.data-... , or a weight file."
        )
    if len(found) > 1:
        names = ", ".join(path.name.removesuffix(".index") for path in found[:5])
        raise UsageError(
            f"{folder} has {len(found)} checkpoints and no file 'checkpoint'.", expected=f"one of: {names}."
        )
    return str(found[0]).removesuffix(".index")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _is_first_format(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size < len(_TABLE_END):
        return False
    with path.open("rb") as file:
        file.seek(-len(_TABLE_END), 2)
        return file.read() == _TABLE_END
