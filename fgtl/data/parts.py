"""Which images are trained on and which choose the epoch; the test split is never touched."""

from dataclasses import dataclass

from fgtl.data.records import RecordSet, Selection
from fgtl.data.splits import carve_validation, parse_expression
from fgtl.errors import UsageError
from fgtl.knobs import Knobs, flag


@dataclass(frozen=True)
class SplitKnobs(Knobs):
    """Which images."""

    train_split: str = flag("train", "split expression to train on, e.g. train[:50%]")
    validation_split: str = flag("", "the same to choose the epoch by; default: validation, or carved from train")
    validation_fraction: float = flag(
        0.1, "share of each class carved where there is no validation", low=0.001, high=0.9
    )


@dataclass(frozen=True)
class Parts:
    """The images to train on, those to choose the epoch by, and both together."""

    train: Selection
    validation: Selection
    everything: Selection


def parts_of(records: RecordSet, knobs: SplitKnobs, seed: int) -> Parts:
    """Select train and validation; where no validation split is there or named, carve one from train.

    Raises:
        UsageError: an unknown split, overlapping parts, a fraction that leaves no validation image, or the test
            split as validation.
    """
    named = knobs.validation_split
    if not named and "validation" in records.counts and "validation" not in knobs.train_split:
        named = "validation"
    if named:
        if any(split == "test" for split, _ in parse_expression(named, records.counts)):
            raise UsageError(
                f"--validation_split={named}: the test split must not choose the epoch.",
                expected="another split, a part of train such as train[90%:], or nothing: then it is carved from train.",
            )
        both = records.select(f"{knobs.train_split}+{named}")
        return Parts(records.select(knobs.train_split), records.select(named), both)
    everything = records.select(knobs.train_split)
    train, validation = carve_validation(everything, knobs.validation_fraction, seed)
    return Parts(train, validation, everything)
