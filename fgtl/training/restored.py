"""The weights of one checkpoint after the other in the network of a run, by a process that does not train it."""

from typing import Any

from fgtl.console import say, warn
from fgtl.errors import DataError
from fgtl.training.run import Run
from fgtl.training.watch import checkpoints_of


class RestoredModel:
    """The network of a run, to be given the weights of one checkpoint after the other.

    Args:
        run: of the checkpoints.
        model: built as the run's.
        averaged: take the averaged weights (group "ema"), as the run's own validation does.
    """

    def __init__(self, run: Run, model: Any, *, averaged: bool) -> None:
        self._checkpoints = checkpoints_of(run)
        self._groups = {"model": list(model.variables)}
        if averaged:
            # After the weights themselves, in whose stead they come.
            self._groups["ema"] = [variable for variable in model.variables if "float" in str(variable.dtype)]

    def load(self, step: int) -> bool:
        """Load a checkpoint; False, with a word about it, where it cannot be read.

        Raises:
            DataError: it is whole, but of another network.
        """
        try:
            self._checkpoints.load(step, self._groups)
            return True
        except (DataError, OSError) as error:
            problem = error
        try:
            self._checkpoints.state(step)
        except (DataError, OSError):
            if (self._checkpoints.folder / f"step-{step}").is_dir():
                warn(f"The checkpoint of step {step:,} is left out: {problem}")
            else:
                say(f"step {step:,}: its checkpoint was removed before it was evaluated")
            return False
        raise problem
