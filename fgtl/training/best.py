"""Which epoch is the best so far, by a validation figure, and of a whole training; best.json says it to other programs."""

from dataclasses import asdict, dataclass
from pathlib import Path

from fgtl.files import write_json


@dataclass(frozen=True)
class Best:
    """The epoch whose validation figure is the best so far; the earliest of equal ones.

    Attributes:
        step: steps done when it ended.
        epoch: its number, the first is 1.
        metric: "validation/loss", "validation/top1", ...
        value: of that figure.
    """

    step: int
    epoch: int
    metric: str
    value: float

    def is_beaten_by(self, value: float) -> bool:
        """Whether a figure is better than this one: a loss when it is lower, another when it is higher."""
        return value < self.value if self.metric.endswith("/loss") else value > self.value


@dataclass(frozen=True)
class Outcome:
    """How a training ended. `stopped`: by a callback, before its last epoch."""

    step: int
    epoch: float
    best: Best | None
    stopped: bool


def publish(path: Path, best: Best | None) -> None:
    """Write best.json; without a best epoch there is none."""
    if best:
        write_json(path, asdict(best))
    else:
        path.unlink(missing_ok=True)
