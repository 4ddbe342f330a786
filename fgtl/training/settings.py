"""The knobs of training. Light: read by `fgtl train --help`, so nothing here imports TensorFlow."""

from dataclasses import dataclass

from fgtl.errors import UsageError
from fgtl.knobs import Knobs, flag


@dataclass(frozen=True)
class OptimizerKnobs(Knobs):
    """How the weights are updated."""

    optimizer: str = flag(
        "adam",
        "update rule; adamw is adam with decoupled decay",
        choices=("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adadelta", "ftrl", "adam", "adamw"),
    )
    momentum: float = flag(0.9, "of momentum, nesterov and rmsprop", low=0, high=1)
    rmsprop_decay: float = flag(0.9, "decay of RMSProp's mean squared gradient", low=0, high=1)
    adam_beta1: float = flag(0.9, "decay of Adam's mean gradient", low=0, high=1)
    adam_beta2: float = flag(0.999, "decay of Adam's mean squared gradient", low=0, high=1)
    adam_epsilon: float = flag(1e-7, "added to the root of Adam's second moment", low=0)
    weight_decay: float = flag(4e-5, "strength, on kernels only, unless --decay_all", low=0)
    decay_all: bool = flag(False, "weight decay of all that is trained: biases, normalisations and tables too")
    decay_type: str = flag(
        "auto",
        "coupled: decay/2 * sum(w^2) in the loss; decoupled: rate * decay * w off the weight; auto: decoupled for adamw",
        choices=("auto", "coupled", "decoupled"),
    )
    label_smoothing: float = flag(0.0, "share of the target spread over all classes", low=0, high=0.99)

    clip_norm: float = flag(0.0, "longest gradient: its norm over all devices and variables; 0: any", low=0)
    layer_decay: float = flag(
        1.0,
        "factor of the rate from one tap of the backbone to the next shallower one; a ViT has four, its quarters",
        low=0.01,
        high=1,
    )
    head_rate: float = flag(1.0, "factor of the head's rate while everything is trained", low=0)
    ema_decay: float = flag(
        0.0,
        "average of the weights that is validated and saved: min(this, (1 + step) / (10 + step)); 0: none",
        low=0,
        # At 1 it would never move from where it starts.
        high=0.999999,
    )

    @property
    def decoupled(self) -> bool:
        """Whether weight decay bypasses the gradient."""
        return self.decay_type == "decoupled" or (self.decay_type == "auto" and self.optimizer == "adamw")


@dataclass(frozen=True)
class ScheduleKnobs(Knobs):
    """How the learning rate moves."""

    learning_rate: float = flag(2e-4, "the highest rate while everything is trained", low=0)
    head_learning_rate: float = flag(3e-3, "the highest rate while only the head is trained", low=0)
    schedule: str = flag(
        "cosine",
        "curve of the rate; cosine ends with the phase, late_cosine (the plug-in's) a warm-up later; others: epochs_per_decay",
        choices=("fixed", "staircase", "polynomial", "cosine", "late_cosine"),
    )
    epochs_per_decay: float = flag(10.0, "epochs between the stairs, or until the polynomial ends", low=1e-6)
    decay_factor: float = flag(0.1, "factor of each stair", low=0, high=1)
    end_learning_rate: float = flag(0.0, "where polynomial and cosine end", low=0)
    warmup_epochs: float = flag(0.0, "epochs of a linear ramp that multiplies the curve", low=0)
    warmup_steps: int = flag(0, "the same in steps, in place of epochs", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warmup_epochs and self.warmup_steps:
            raise UsageError(
                f"--warmup_epochs={self.warmup_epochs:g} and --warmup_steps={self.warmup_steps}: both say how long the "
                "warm-up is.",
                expected="one of them; the other 0.",
            )


@dataclass(frozen=True)
class PhaseKnobs(Knobs):
    """What is trained, and for how long."""

    mode: str = flag(
        "head_then_all",
        "head: the backbone is frozen; head_then_all: two phases in one run",
        choices=("head", "all", "head_then_all"),
    )
    epochs: int = flag(30, "epochs of the head phase in mode head, else of the phase that trains everything", low=1)
    head_epochs: int = flag(5, "epochs of the first phase of head_then_all", low=1)
    frozen_bn: str = flag(
        "inference",
        "of a frozen backbone: inference keeps its own statistics; train the batch's, with dropout, stochastic depth on",
        choices=("inference", "train"),
    )
    # A few hundred steps are too few for moving averages to follow: validation then sees statistics of no network.
    tuned_bn: str = flag(
        "inference",
        "the same while the backbone is trained, dropout and stochastic depth too; train for large data or no weights",
        choices=("inference", "train"),
    )
    select_by: str = flag("top1", "validation figure that picks the best epoch", choices=("top1", "mean_class", "loss"))
    refit: bool = flag(False, "then train anew on train + validation, for the chosen number of epochs")


@dataclass(frozen=True)
class DeviceKnobs(Knobs):
    """Where and how it is computed."""

    devices: tuple[str, ...] = flag((), "e.g. gpu:0,gpu:1 or cpu; default every GPU, else the CPU")
    precision: str = flag(
        "float32", "of the layers; weights stay float32", choices=("float32", "mixed_bfloat16", "mixed_float16")
    )
    jit: str = flag(
        "auto",
        "compile forward and backward with XLA; auto: on GPUs, but no SavedModels",
        choices=("auto", "on", "off"),
    )
    accumulate: int = flag(
        1,
        "parts that a device works through a batch in: less memory; the same update, unless batch statistics are taken",
        low=1,
    )
    steps_per_call: int = flag(1, "steps that are done before Python looks again", low=1)
    sync_bn: bool = flag(True, "several devices: batch statistics over the whole batch")


@dataclass(frozen=True)
class JournalKnobs(Knobs):
    """What is written while it runs."""

    log_every_steps: int = flag(10, "steps between two lines of metrics.jsonl", low=1)
    checkpoint_every_seconds: float = flag(600.0, "seconds between two checkpoints; 0: none by time", low=0)
    checkpoint_every_steps: int = flag(0, "steps between two checkpoints; 0: none by steps", low=0)
    keep: int = flag(2, "checkpoints kept beside the best", low=1)


@dataclass(frozen=True)
class TrainingKnobs(OptimizerKnobs, ScheduleKnobs, PhaseKnobs, DeviceKnobs, JournalKnobs):
    """Everything a Trainer asks for."""
