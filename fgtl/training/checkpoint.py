"""Checkpoints: a folder step-N of plain arrays and a JSON state, whole or not there at all.

step-N/arrays.npz   every variable of the model (weights, statistics, random seeds) and of the optimizer, by ordinal
step-N/state.json   the step and what else the loop must know; names and shapes; sha256 of the arrays and of itself
"""

import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fgtl.console import warn
from fgtl.errors import DataError
from fgtl.files import PARTIAL, atomic_folder, read_json, sha256_of, write_json

SCHEMA = 1
ARRAYS, STATE = "arrays.npz", "state.json"

# Group ("model", "optimizer") -> its variables in a fixed order.
Groups = dict[str, list[keras.Variable]]


class ForeignCheckpoint(DataError):
    """A whole checkpoint that another run wrote, or another version of fgtl."""


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where the step-N folders are.
        keep: how many of the newest stay, beside those that are pinned.
        identity: a hash of what the run is; a checkpoint of another one is refused.
    """

    def __init__(self, folder: Path, keep: int = 2, identity: str = "") -> None:
        self.folder, self._keep, self._identity = folder, keep, identity
        # Steps that `newest` went past.
        self._damaged: set[int] = set()
        self._foreign: set[int] = set()

    def steps(self) -> list[int]:
        """Steps of the checkpoints that are there, newest first; not yet known to be whole."""
        names = (path.name.removeprefix("step-") for path in self.folder.glob("step-*"))
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)

    def save(self, step: int, groups: Groups, state: dict[str, Any], pinned: int | None = None) -> Path:
        """Write step-N durably, then remove the oldest, and what is newer or damaged: it is not this history's.

        Args:
            state: JSON-ready; "step" is added.
            pinned: a step (the best one's) that stays as long as step-N does, which may have to go back to it.
        """
        final = self.folder / f"step-{step}"
        if final.exists():
            # One from before a resume that fell back behind it: not this history's.
            shutil.rmtree(final)
        with atomic_folder(final) as partial:
            arrays = {key: v.value.numpy() for key, v in _by_key(groups).items()}
            np.savez(partial / ARRAYS, **arrays)
            sealed = _seal(
                state
                | {
                    "schema": SCHEMA,
                    "step": step,
                    "identity": self._identity,
                    "pinned": pinned,
                    "variables": {key: v.path for key, v in _by_key(groups).items()},
                    "arrays_sha256": sha256_of(partial / ARRAYS),
                }
            )
            write_json(partial / STATE, sealed)
        self._damaged.discard(step)
        self._foreign.discard(step)
        self._prune(step)
        return final

    def amend(self, step: int, state: dict[str, Any]) -> None:
        """Replace the loop's part of step-N's state; its arrays stay."""
        write_json(self.folder / f"step-{step}" / STATE, _seal(self.state(step) | state))

    def newest(self) -> dict[str, Any] | None:
        """State of the newest whole checkpoint, None when there is none at all.

        One that is damaged or not of this run is named on stderr, and the next older one is taken.

        Raises:
            DataError: none of those that are there can be used; says why the newest cannot.
        """
        problems: list[DataError] = []
        steps = self.steps()
        for step in steps:
            older = step != steps[-1]
            try:
                return self.state(step)
            except ForeignCheckpoint as error:
                problems.append(error)
                self._foreign.add(step)
                warn(f"{error}{' Going back to the one before.' * older}")
            except DataError as error:
                problems.append(error)
                self._damaged.add(step)
                warn(f"Checkpoint step-{step} is damaged{', going back to the one before' * older}: {error}")
        if problems:
            raise DataError(
                f"No checkpoint in {self.folder} is a whole one of this run. Of the newest: {problems[0]}",
                fix=f"Remove {self.folder} to train from the beginning.",
            )
        return None

    def state(self, step: int) -> dict[str, Any]:
        """Read and check step-N without loading its arrays.

        Raises:
            DataError: missing or changed files.
            ForeignCheckpoint: whole, but of another run or version.
        """
        folder = self.folder / f"step-{step}"
        for name in (STATE, ARRAYS):
            if not (folder / name).is_file():
                raise DataError(f"{folder / name} is missing.")
        try:
            state = read_json(folder / STATE)
        except DataError as error:
            # Nobody writes a checkpoint's state anew: without that advice.
            raise DataError(str(error).splitlines()[0]) from None
        if not _is_sealed(state):
            raise DataError(f"{folder / STATE} was changed after it was written: its checksum does not match.")
        if sha256_of(folder / ARRAYS) != state["arrays_sha256"]:
            raise DataError(f"{folder / ARRAYS} was changed after it was written: its checksum does not match.")
        if state["schema"] != SCHEMA:
            raise ForeignCheckpoint(f"{folder} was written by another version of fgtl.")
        if state["identity"] != self._identity:
            raise ForeignCheckpoint(f"{folder} was written by a run with other settings or data.")
        return state

    def load(self, step: int, groups: Groups) -> None:
        """Assign the arrays of step-N to the variables.

        Raises:
            DataError: it is gone or damaged, or its variables are not these; lists the first mismatches. Nothing is
                assigned then.
        """
        path = self.folder / f"step-{step}" / ARRAYS
        names, variables = self.state(step)["variables"], _by_key(groups)
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {key: archive[key] for key in archive.files if key.split("/")[0] in groups}
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} cannot be read: {error}.") from None
        wrong = [
            f"{key}: checkpoint {_describe(arrays.get(key), names.get(key))}, model {_describe(variables.get(key))}"
            for key in sorted(arrays.keys() | variables.keys())
            if not _fits(arrays.get(key), names.get(key, ""), variables.get(key))
        ]
        if wrong:
            raise DataError(
                f"{path} does not fit the model: {len(wrong)} of {len(variables)} variables differ.",
                expected="the model that the run was started with. First differences:\n" + "\n".join(wrong[:5]),
            )
        for key, variable in variables.items():
            variable.assign(arrays[key])

    def _prune(self, newest: int) -> None:
        """Leave the last `keep` steps up to `newest`, what these have pinned, and what another run or version wrote."""
        unusable = self._damaged | self._foreign
        kept = set([step for step in self.steps() if step <= newest and step not in unusable][: self._keep])
        kept |= {self._pinned(step) for step in kept} | self._foreign
        for step in self.steps():
            if step not in kept:
                shutil.rmtree(self.folder / f"step-{step}")
        for leftover in self.folder.glob(f"step-*{PARTIAL}"):
            shutil.rmtree(leftover, ignore_errors=True)

    def _pinned(self, step: int) -> int:
        try:
            return read_json(self.folder / f"step-{step}" / STATE)["pinned"]
        except (DataError, OSError, KeyError, TypeError):
            # Damaged: nobody goes back to it. `newest` says so when it is met.
            return step


def _by_key(groups: Groups) -> dict[str, keras.Variable]:
    return {f"{group}/{i:05d}": v for group, variables in groups.items() for i, v in enumerate(variables)}


def _seal(state: dict[str, Any]) -> dict[str, Any]:
    """The state with the sha256 of its own canonical JSON under "sha256"."""
    bare = {name: value for name, value in state.items() if name != "sha256"}
    text = json.dumps(bare, sort_keys=True, allow_nan=False)
    return bare | {"sha256": hashlib.sha256(text.encode()).hexdigest()}


def _is_sealed(state: Any) -> bool:
    try:
        return isinstance(state, dict) and state == _seal(state)
    except ValueError:
        return False  # a number that a changed byte made infinite: not JSON


def _fits(array: np.ndarray | None, path: str, variable: keras.Variable | None) -> bool:
    """Same shape, type and last name."""
    return (
        array is not None
        and variable is not None
        and array.shape == tuple(variable.shape)
        and array.dtype == np.dtype(variable.dtype)
        and _last_name(path) == _last_name(variable.path)
    )


def _last_name(path: str) -> str:
    # Keras counts names up within a process (dense_4), and a slot's name holds that of its variable.
    return re.sub(r"_\d+", "", path.rsplit("/", 1)[-1])


def _describe(value: Any, path: str | None = None) -> str:
    return "has none" if value is None else f"{path or value.path} {tuple(value.shape)} {value.dtype}"
