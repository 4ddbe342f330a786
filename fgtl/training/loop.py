"""The training loop: phases, epochs, validation, checkpoints, callbacks. What one step computes is in step.py."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from fgtl.console import Progress, say
from fgtl.training.active_phase import ActivePhase, check_phases
from fgtl.training.batch_norm import synchronize_batch_norm
from fgtl.training.best import Best, Outcome
from fgtl.training.callbacks import callback_list, stands_between_steps, wants_every_step
from fgtl.training.checkpoint import Groups
from fgtl.training.distribution import distribute, replicas_of
from fgtl.training.divergence import check_validation
from fgtl.training.ema import Ema
from fgtl.training.exchange import agreed, is_chief, workers_explained
from fgtl.training.journal import Journal
from fgtl.training.memory import memory_explained
from fgtl.training.plan import Phase, Plan
from fgtl.training.recorder import Recorder, Scalars
from fgtl.training.run import Stage
from fgtl.training.saver import Saver
from fgtl.training.settings import TrainingKnobs
from fgtl.training.stopping import GracefulStop

# The steps to train -> global batches (images, labels) or (images, labels, mixes); element k is step steps[k].
Batches = Callable[[range], tf.data.Dataset]
# -> {"loss": x, "top1": x, ...} of the validation images.
Validate = Callable[[], dict[str, float]]


class Trainer:
    """Trains a classifier by a plan, and goes on where an earlier process stopped.

    Args:
        model: built in the strategy's scope, with `backbone` and `head`.
        plan: from `plan_training`.
        knobs: a whole config, or any TrainingKnobs.
        stage: where checkpoints, metrics.jsonl and best.json go.
        strategy: from `prepare`; None for one device.
        callbacks: Keras callbacks. Their own state is not in the checkpoints. One that looks at every step's logs
            makes every step wait for the device, and one that does something between steps ends calls of several.
        scalars: gets the figures of every logged line.

    Raises:
        UsageError: the batch does not divide over the devices and their slices; knobs that exclude each other.
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
        check_phases(model, plan, knobs, strategy)
        if replicas_of(strategy) > 1 and knobs.sync_bn:
            synchronize_batch_norm(model)
        self.model, self.plan, self.knobs, self.stage, self.strategy = model, plan, knobs, stage, strategy
        self.step, self.stopped = 0, False
        self.best: Best | None = None
        self._callbacks = callbacks
        self._reads_every_step = wants_every_step(callbacks)
        self._together = 1 if stands_between_steps(callbacks) else knobs.steps_per_call
        self._recorder = Recorder(Journal(stage.metrics, writes=is_chief(strategy)), plan.batch_size, scalars)
        self._saver = Saver(stage, knobs, self._recorder.journal, strategy)
        self._ema = Ema(model, knobs.ema_decay, strategy)
        self._phase: Phase | None = None
        # Whether the next call is the first of its phase, which compiles.
        self._compiling = True
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
            best = Best(**state["best"]) if state["best"] else None
            self.best = (
                best if self._saver.has_best(best, "the next epoch that is validated becomes the best") else None
            )
            self._saver.restore(state["step"], self._groups(), self.best)
            self.step, self.stopped = state["step"], state["stopped"]
            self._recorder.meter.restore(state["meter"])
        else:
            self._saver.begin_again()
        self._restored = True
        return self.step

    def run(self, batches: Batches, validate: Validate | None = None, until_epoch: int | None = None) -> Outcome:
        """Train to the end of the plan; returns at once when an earlier process has done so.

        With `ema_decay` the model is left with the averaged weights.

        Args:
            batches: called once, with the steps that are left.
            validate: called after each epoch; without it no epoch is the best.
            until_epoch: end after that many epochs, with the rates of the whole plan: a refit for the chosen epoch.

        Raises:
            FgtlError: the loss or the weights are not numbers any more, the device's memory ran out, or XLA cannot
                compile the model.
            KeyboardInterrupt: after SIGINT or SIGTERM; the last whole step is in a checkpoint.
        """
        first = self.restore()
        self._ema.show(False)
        last = self.plan.steps_in(min(until_epoch or self.plan.epochs, self.plan.epochs))
        if first < last and not self.stopped:
            if first and is_chief(self.strategy):
                say(f"going on at step {first:,} of {last:,} ({self.stage.checkpoints / f'step-{first}'})")
            size = self.plan.batch_size
            with (
                memory_explained(lambda: self.step),
                workers_explained(self.strategy),
                GracefulStop() as stop,
                Progress(f"train {self.stage.name}".strip(), last * size, done=first * size) as progress,
            ):
                data = iter(distribute(batches(range(first, last)), self.strategy))
                for steps in self._calls(first, last, data, validate):
                    progress.advance(steps * size, self._recorder.note, timed=not self._compiling)
                    self._compiling = False
                    # Worker processes exchange a message for each question: one after most calls.
                    if agreed(self.strategy, stop.requested or self._saver.is_due(self.step)):
                        self._save()
                        if agreed(self.strategy, stop.requested):
                            raise stop.reason
            self._save()
        if validate and self.plan.epochs_over(self.step):
            self._make_sure_of_best(validate)
        self._ema.show(True)
        # Only callbacks look for it there, and a saved model must not carry it, not even one that was only restored.
        self.model.optimizer = None
        return Outcome(self.step, self.plan.epoch_at(self.step), self.best, self.stopped)

    def load_best(self) -> Best | None:
        """Put the best epoch's weights (with `ema_decay` its averages) into the model; without a best one the last stay.

        Raises:
            DataError: its checkpoint is gone or damaged.
        """
        if self.best:
            self._saver.load_best(self.best, {"model": self.model.variables, "ema": self._ema.variables})
        return self.best

    def _calls(self, first: int, last: int, data: Iterator[Any], validate: Validate | None) -> Iterator[int]:
        """Do the steps, with what belongs to each; yields how many there were after every call."""
        self._enter(self.plan.phase_at(first))
        callbacks = callback_list(self._callbacks, self.model, epochs=self.plan.epochs, steps=self.plan.steps_in(1))
        self.model.stop_training = False
        callbacks.on_train_begin({})
        epoch, step = -1, first
        while step < last:
            self._enter(self.plan.phase_at(step))
            if self.plan.epochs_over(step) != epoch:
                epoch = self.plan.epochs_over(step)
                callbacks.on_epoch_begin(epoch, {})
            within = step - self.plan.steps_in(epoch)
            callbacks.on_train_batch_begin(within, {})
            self.step = self._advance(step, last, data)
            callbacks.on_train_batch_end(within + self.step - step - 1, self._step_logs())
            if self.step % self.knobs.log_every_steps == 0 or self.step == last:
                self._recorder.log_training(self._place(), self._active.step.names, self._active.learning_rate)
            if self.plan.epochs_over(self.step) > epoch:
                self._end_epoch(callbacks, validate)
            self.stopped = bool(self._callbacks) and agreed(self.strategy, self.model.stop_training)
            yield self.step - step
            if self.stopped:
                break
            step = self.step
        callbacks.on_train_end({})

    def _advance(self, step: int, last: int, data: Iterator[Any]) -> int:
        """Do the next steps; returns how many are done then: whatever happens after a step happens after this one."""
        border = self.plan.next_border(step, self.knobs.log_every_steps, self.knobs.checkpoint_every_steps or last)
        end = min(step + self._together, last, border)
        self._recorder.add(end, self._active.advance(data, range(step, end), in_one_call=self._together > 1))
        return end

    def _enter(self, phase: Phase) -> None:
        """Make the phase's optimizer and its compiled step, unless they are there already."""
        if phase is self._phase:
            return
        self._active = ActivePhase(self.model, self.plan, phase, self.knobs, self.strategy, self._ema)
        self._phase, self._compiling = phase, True
        self.model.optimizer = self._active.optimizer
        self._recorder.restart_clock()

    def _end_epoch(self, callbacks: keras.callbacks.CallbackList, validate: Validate | None) -> None:
        epoch = self.plan.epochs_over(self.step)
        logs = self._recorder.epoch_means(self.step, self._active.step.names)
        line = f"epoch {epoch} of {self.plan.epochs}: loss {logs['loss']:.4f}, top-1 {logs['top1']:.2%}"
        logs["learning_rate"] = self._active.learning_rate
        improved = False
        if validate:
            figures = self._validated(validate)
            self._recorder.log_validation(self._place(), figures)
            improved = self._consider(epoch, figures)
            line += f"; validation loss {figures['loss']:.4f}, top-1 {figures['top1']:.2%}{', best' * improved}"
            logs |= {f"val_{name}": value for name, value in figures.items()}
        say(line)
        if improved:
            # Before the callbacks, which may change weights: these are the ones that were validated.
            self._save()
        callbacks.on_epoch_end(epoch - 1, logs)

    def _validated(self, validate: Validate) -> dict[str, float]:
        with self._recorder.paused(), self._ema.shown():
            figures = validate()
        check_validation(figures, self.step)
        return figures

    def _make_sure_of_best(self, validate: Validate) -> None:
        """Let the last weights be the best where those of the best epoch are lost and no epoch can take its place."""
        if not self._saver.has_best(self.best, "those of the last step take their place"):
            self.best = None
            self._consider(self.plan.epochs_over(self.step), self._validated(validate))
            self._save()

    def _consider(self, epoch: int, figures: dict[str, float]) -> bool:
        """Whether these validation figures are the best so far; remembers them if so."""
        value = figures[self.knobs.select_by]
        if self.best and not self.best.is_beaten_by(value):
            return False
        self.best = Best(self.step, epoch, f"validation/{self.knobs.select_by}", value)
        return True

    def _place(self) -> dict[str, Any]:
        return {"step": self.step, "epoch": round(self.plan.epoch_at(self.step), 6), **self._active.place}

    def _step_logs(self) -> dict[str, float]:
        return self._recorder.latest(self.step, self._active.step.names) if self._reads_every_step else {}

    def _groups(self) -> Groups:
        # `variables`, not `weights`: the random seeds of dropout are part of the state.
        own = {"model": self.model.variables, "optimizer": self._active.optimizer.variables}
        return own | self._ema.groups

    def _save(self) -> None:
        # Raises when the loss is not a number: such weights are never saved.
        self._recorder.meter.read(self.step)
        state = {"phase": self._active.phase.name, "stopped": self.stopped, "meter": self._recorder.meter.state()}
        with self._recorder.paused():
            self._saver.save(self.step, self._groups(), state, self.best)
