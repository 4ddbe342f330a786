"""From epochs to steps: which step ends an epoch, and which phase a step belongs to."""

from dataclasses import dataclass

from fgtl.errors import InputError
from fgtl.training.settings import ScheduleKnobs, TrainingKnobs


@dataclass(frozen=True)
class Phase:
    """A stretch of steps that train the same variables with one optimizer.

    name: "head" or "all", what is trained. steps, epochs: counted over the whole run, zero based.
    """

    name: str
    epochs: range
    steps: range
    learning_rate: float
    warms_up: bool


@dataclass(frozen=True)
class Plan:
    """The phases of a run over `images` training images in full batches of `batch_size`.

    Batches cross epoch borders (nothing is dropped), so epoch e ends with the first step by which e * images have
    been seen: ceil(e * images / batch_size).
    """

    images: int
    batch_size: int
    phases: tuple[Phase, ...]

    @property
    def epochs(self) -> int:
        """Epochs of all phases together."""
        return self.phases[-1].epochs.stop

    def steps_in(self, epochs: int) -> int:
        """Steps after which `epochs` epochs are over."""
        return -(-epochs * self.images // self.batch_size)

    def epoch_at(self, step: int) -> float:
        """Epochs seen after `step` steps."""
        return step * self.batch_size / self.images

    def epochs_over(self, step: int) -> int:
        """Whole epochs whose last step is at or before `step`."""
        return step * self.batch_size // self.images

    def next_border(self, step: int, *rhythms: int) -> int:
        """The first number of steps after `step` with which an epoch ends, or which is a multiple of a rhythm."""
        return min(self.steps_in(self.epochs_over(step) + 1), *(step // every * every + every for every in rhythms))

    def phase_at(self, step: int) -> Phase:
        """The phase that trains step `step` (zero based)."""
        return next(phase for phase in self.phases if step in phase.steps)

    def warmup_steps(self, knobs: ScheduleKnobs) -> int:
        """Steps of the warm-up that the knobs ask for, in epochs or in steps."""
        return knobs.warmup_steps or round(knobs.warmup_epochs * self.images / self.batch_size)

    def describe(self) -> str:
        """One line for people: "3 epochs head (141 steps), then 10 epochs all (469 steps)"."""
        parts = (f"{len(p.epochs)} epochs {p.name} ({len(p.steps):,} steps)" for p in self.phases)
        return ", then ".join(parts)


def plan_training(knobs: TrainingKnobs, *, images: int, batch_size: int) -> Plan:
    """Lay out the phases that the knobs ask for.

    Each kind of phase has a rate of its own. The first phase of head_then_all has no warm-up: a fresh head needs none.

    Raises:
        InputError: fewer images than a batch, or a warm-up as long as the phase.
    """
    if images < batch_size:
        raise InputError(
            f"--batch_size={batch_size} is more than the {images:,} training images.",
            expected="at least one step an epoch.",
            fix=f"Give --batch_size={max(images, 1)} or less.",
        )
    if knobs.warmup_epochs >= knobs.epochs:
        raise InputError(
            f"--warmup_epochs={knobs.warmup_epochs:g} leaves nothing of --epochs={knobs.epochs}.",
            expected="a warm-up shorter than the training.",
        )
    rates = {"head": knobs.head_learning_rate, "all": knobs.learning_rate}
    layout = [("all" if knobs.mode == "head_then_all" else knobs.mode, knobs.epochs, True)]
    if knobs.mode == "head_then_all":
        layout.insert(0, ("head", knobs.head_epochs, False))
    phases: list[Phase] = []
    plan = Plan(images, batch_size, ())
    for name, count, warms_up in layout:
        first = phases[-1].epochs.stop if phases else 0
        epochs = range(first, first + count)
        steps = range(plan.steps_in(epochs.start), plan.steps_in(epochs.stop))
        if warms_up and knobs.warmup_steps >= len(steps):
            raise InputError(
                f"--warmup_steps={knobs.warmup_steps} leaves nothing of the {len(steps):,} steps of {count} epochs.",
                expected="a warm-up shorter than the training.",
            )
        phases.append(Phase(name, epochs, steps, rates[name], warms_up))
    return Plan(images, batch_size, tuple(phases))
