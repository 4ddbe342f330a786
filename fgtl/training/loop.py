"""The training loop: phases, epochs, validation, checkpoints, callbacks. What one step computes is in step.py."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from fgtl.console import Progress, say
from fgtl.errors import InputError
from fgtl.training.active_phase import ActivePhase
from fgtl.training.batch_norm import synchronize_batch_norm
from fgtl.training.best import Best
from fgtl.training.callbacks import callback_list, wants_every_step
from fgtl.training.checkpoint import Groups
from fgtl.training.distribution import agreed, check_batch_size, distribute, replicas_of
from fgtl.training.divergence import diverged
from fgtl.training.journal import Journal
from fgtl.training.memory import memory_explained
from fgtl.training.plan import Phase, Plan
from fgtl.training.recorder import Recorder, Scalars
from fgtl.training.run import Stage
from fgtl.training.saver import Saver
from fgtl.training.settings import TrainingKnobs
from fgtl.training.stopping import GracefulStop

# The steps to train -> global batches (images, labels); element k is step steps[k].
Batches = Callable[[range], tf.data.Dataset]
# -> {"loss": x, "top1": x, ...} of the validation images.
Validate = Callable[[], dict[str, float]]


@dataclass(frozen=True)
class Outcome:
    """How a training ended. `stopped`: by a callback, before its last epoch."""

    step: int
    epoch: float
    best: Best | None
    stopped: bool


class Trainer:
    """Trains a classifier by a plan, and goes on where an earlier process stopped.

    Args:
        model: built in the strategy's scope, with `backbone` and `head`.
        plan: from `plan_training`.
        knobs: a whole config, or any TrainingKnobs.
        stage: where checkpoints, metrics.jsonl and best.json go.
        strategy: from `prepare`; None for one device.
        callbacks: Keras callbacks. Their own state is not in the checkpoints. One that looks at every step's logs
            makes every step wait for the device.
        scalars: gets the figures of every logged line.

    Raises:
        UsageError: the batch does not divide over the devices.
    """

    def __init__(
        self,
        model: Any,
        plan: Plan,
        knobs: TrainingKnobs,
        stage: Stage,
        strategy: tf.distribute.Strategy | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        scalars: Scalars | None = None,
    ) -> None:
        check_batch_size(plan.batch_size, strategy)
        if replicas_of(strategy) > 1 and knobs.sync_bn:
            synchronize_batch_norm(model)
        self.model, self.plan, self.knobs, self.stage, self.strategy = model, plan, knobs, stage, strategy
        self.step, self.stopped = 0, False
        self.best: Best | None = None
        self._callbacks = callbacks
        self._reads_every_step = wants_every_step(callbacks)
        self._recorder = Recorder(Journal(stage.metrics), plan.batch_size, scalars)
        self._saver = Saver(stage, knobs, self._recorder.journal)
        self._phase: Phase | None = None
        self._restored = False

    def restore(self) -> int:
        """Load the newest whole checkpoint, if there is one, and return how many steps are done. `run` calls it.

        Lines of metrics.jsonl and a best.json that are newer than the checkpoint are taken back.

        Raises:
            DataError: no checkpoint is whole, or it does not fit the model.
        """
        if self._restored:
            return self.step
        state = self._saver.newest()
        if state:
            self._enter(next(phase for phase in self.plan.phases if phase.name == state["phase"]))
            self.best = Best(**state["best"]) if state["best"] else None
            self._saver.restore(state["step"], self._groups(), self.best)
            self.step, self.stopped = state["step"], state["stopped"]
            self._recorder.meter.restore(state["meter"])
        else:
            self._saver.rewind(-1, None)
        self._restored = True
        return self.step

    def run(self, batches: Batches, validate: Validate | None = None, until_epoch: int | None = None) -> Outcome:
        """Train to the end of the plan; returns at once when an earlier process has done so.

        Args:
            batches: called once, with the steps that are left.
            validate: called after each epoch; without it no epoch is the best.
            until_epoch: end after that many epochs, with the rates of the whole plan: a refit for the chosen epoch.

        Raises:
            FgtlError: the loss or the weights are not numbers any more, or the device's memory ran out.
            KeyboardInterrupt: after SIGINT or SIGTERM; the last whole step is in a checkpoint.
        """
        first = self.restore()
        last = self.plan.steps_in(min(until_epoch or self.plan.epochs, self.plan.epochs))
        if first < last and not self.stopped:
            size = self.plan.batch_size
            with (
                memory_explained(lambda: self.step),
                GracefulStop() as stop,
                Progress(f"train {self.stage.name}".strip(), last * size, done=first * size) as progress,
            ):
                data = iter(distribute(batches(range(first, last)), self.strategy))
                for _ in self._steps(first, last, data, validate):
                    progress.advance(size, self._recorder.note)
                    stopping = agreed(self.strategy, stop.requested)
                    if stopping or self._saver.is_due(self.step):
                        self._save()
                    if stopping:
                        raise KeyboardInterrupt
            self._save()
        # Only callbacks look for it there, and a saved model must not carry it, not even one that was only restored.
        self.model.optimizer = None
        return Outcome(self.step, self.plan.epoch_at(self.step), self.best, self.stopped)

    def load_best(self) -> Best | None:
        """Put the best epoch's weights into the model; without a best one the last weights stay.

        Raises:
            DataError: its checkpoint is gone or damaged.
        """
        if self.best:
            self._saver.load_best(self.best, {"model": self.model.variables})
        return self.best

    def _steps(self, first: int, last: int, data: Iterator[Any], validate: Validate | None) -> Iterator[int]:
        """Do the steps, with what belongs to each; yields after every one."""
        self._enter(self.plan.phase_at(first))
        callbacks = callback_list(self._callbacks, self.model, epochs=self.plan.epochs, steps=self.plan.steps_in(1))
        self.model.stop_training = False
        callbacks.on_train_begin({})
        epoch = -1
        for step in range(first, last):
            self._enter(self.plan.phase_at(step))
            if self.plan.epochs_over(step) != epoch:
                epoch = self.plan.epochs_over(step)
                callbacks.on_epoch_begin(epoch, {})
            within = step - self.plan.steps_in(epoch)
            callbacks.on_train_batch_begin(within, {})
            self._recorder.add(step + 1, self._active.step(*_next(data, step)))
            self.step = step + 1
            callbacks.on_train_batch_end(within, self._step_logs())
            if self.step % self.knobs.log_every_steps == 0 or self.step == last:
                self._recorder.log_training(self._place(), self._active.step.names, self._active.learning_rate)
            if self.plan.epochs_over(self.step) > epoch:
                self._end_epoch(callbacks, validate)
            self.stopped = self.model.stop_training
            yield self.step
            if self.stopped:
                break
        callbacks.on_train_end({})

    def _enter(self, phase: Phase) -> None:
        """Make the phase's optimizer and its compiled step, unless they are there already."""
        if phase is self._phase:
            return
        self._active = ActivePhase(self.model, self.plan, phase, self.knobs, self.strategy)
        self._phase = phase
        self.model.optimizer = self._active.optimizer
        self._recorder.restart_clock()

    def _end_epoch(self, callbacks: keras.callbacks.CallbackList, validate: Validate | None) -> None:
        epoch = self.plan.epochs_over(self.step)
        self._recorder.meter.read(self.step)
        logs = dict(zip(self._active.step.names, self._recorder.meter.take_epoch(), strict=False))
        line = f"epoch {epoch} of {self.plan.epochs}: loss {logs['loss']:.4f}, top-1 {logs['top1']:.2%}"
        logs["learning_rate"] = self._active.learning_rate
        improved = False
        if validate:
            with self._recorder.paused():
                figures = validate()
            if not math.isfinite(figures["loss"]):
                raise diverged(f"The validation loss became {figures['loss']}", self.step - 1)
            self._recorder.log_validation(self._place(), figures)
            improved = self._consider(epoch, figures)
            line += f"; validation loss {figures['loss']:.4f}, top-1 {figures['top1']:.2%}{', best' * improved}"
            logs |= {f"val_{name}": value for name, value in figures.items()}
        say(line)
        if improved:
            # Before the callbacks, which may change weights: these are the ones that were validated.
            self._save()
        callbacks.on_epoch_end(epoch - 1, logs)

    def _consider(self, epoch: int, figures: dict[str, float]) -> bool:
        """Whether these validation figures are the best so far; remembers them if so."""
        value = figures[self.knobs.select_by]
        if self.best and not self.best.is_beaten_by(value):
            return False
        self.best = Best(self.step, epoch, f"validation/{self.knobs.select_by}", value)
        return True

    def _place(self) -> dict[str, Any]:
        return {"step": self.step, "epoch": round(self.plan.epoch_at(self.step), 6), "phase": self._active.phase.name}

    def _step_logs(self) -> dict[str, float]:
        if not self._reads_every_step:
            return {}
        self._recorder.meter.read(self.step)
        return dict(zip(self._active.step.names, self._recorder.meter.last, strict=False))

    def _groups(self) -> Groups:
        # `variables`, not `weights`: the random seeds of dropout are part of the state.
        return {"model": self.model.variables, "optimizer": self._active.optimizer.variables}

    def _save(self) -> None:
        # Raises when the loss is not a number: such weights are never saved.
        self._recorder.meter.read(self.step)
        state = {"phase": self._active.phase.name, "stopped": self.stopped, "meter": self._recorder.meter.state()}
        with self._recorder.paused():
            self._saver.save(self.step, self._groups(), state, self.best)


def _next(data: Iterator[Any], step: int) -> Any:
    try:
        return next(data)
    except StopIteration:
        raise InputError(f"The training batches ended before step {step:,}.", expected="one for each step.") from None
