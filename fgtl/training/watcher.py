"""One figure line for each checkpoint of a run in training."""

from collections.abc import Callable, Iterator
from typing import Any

from fgtl.errors import DataError
from fgtl.training.run import Run
from fgtl.training.watch import Pace, StepLog, checkpoints_of, new_steps


class Watcher:
    """Evaluates checkpoints as they come.

    Args:
        run: in training or finished.
        log: what was evaluated so far; gets a line for each checkpoint.
        load: step -> whether the network has that checkpoint's weights now (`RestoredModel.load`).
        evaluate: figures of the network as it is.
        epoch_of: step -> epochs.
    """

    def __init__(
        self,
        run: Run,
        log: StepLog,
        load: Callable[[int], bool],
        evaluate: Callable[[], dict[str, Any]],
        epoch_of: Callable[[int], float],
    ) -> None:
        self._run, self._log, self._load, self._evaluate, self._epoch_of = run, log, load, evaluate, epoch_of
        # step -> when its folder was made; the trainer may come back to a step and save it whole.
        self._unreadable: dict[int, float | None] = {}

    def follow(self, pace: Pace) -> Iterator[dict[str, Any]]:
        """One line for each new checkpoint, until the training is over."""
        for step in new_steps(self._run, self._is_known, pace):
            line = self._line(step)
            if line:
                yield line

    def newest(self) -> dict[str, Any]:
        """The line of the newest checkpoint that can be read; from the log where it is there.

        Raises:
            DataError: there is none.
        """
        for step in checkpoints_of(self._run).steps():
            line = self._log.lines.get(step) or self._line(step)
            if line:
                return line
        raise DataError(
            f"There is no whole checkpoint in {self._run.stage().checkpoints}.",
            expected="at least one: the first comes with the first epoch's end, or --checkpoint_every_seconds.",
        )

    def _is_known(self, step: int) -> bool:
        if step in self._log.lines:
            return True
        return step in self._unreadable and self._unreadable[step] == self._made(step)

    def _made(self, step: int) -> float | None:
        try:
            return (checkpoints_of(self._run).folder / f"step-{step}").stat().st_mtime
        except OSError:
            return None

    def _line(self, step: int) -> dict[str, Any] | None:
        made = self._made(step)
        if not self._load(step):
            self._unreadable[step] = made
            return None
        line = {"step": step, "epoch": round(self._epoch_of(step), 6)} | self._evaluate()
        self._log.add(line)
        return line
