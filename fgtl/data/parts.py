"""Which images are trained on and which choose the epoch; the test split is never touched."""

from dataclasses import dataclass, replace

from fgtl.data.long_tail import long_tail
from fgtl.data.records import RecordSet, Selection
from fgtl.data.sampling import capped
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
    long_tail: float = flag(
        1.0, "thin the training images out until the largest class has so many times the smallest; 1: all", low=1
    )


@dataclass(frozen=True)
class Parts:
    """The images to train on, those to choose the epoch by, both together, and both before they were thinned out."""

    train: Selection
    validation: Selection
    everything: Selection
    source: Selection


def parts_of(records: RecordSet, knobs: SplitKnobs, seed: int, max_per_class: int = 0) -> Parts:
    """Select train and validation; where no validation split is there or named, carve one from train.

    What is trained on may then be thinned out, to a long tail or to at most `max_per_class` images of a class (0: any
    number). Validation never is, so that figures under different imbalance can be compared.

    Raises:
        UsageError: an unknown split, overlapping parts, a fraction that leaves no validation image, or the test
            split as validation.
    """
    parts = _whole_parts(records, knobs, seed)

    def thinned(selection: Selection) -> Selection:
        if knobs.long_tail > 1:
            selection = long_tail(selection, knobs.long_tail, seed)
        return capped(selection, max_per_class, seed)

    return replace(parts, train=thinned(parts.train), everything=thinned(parts.everything))


def _whole_parts(records: RecordSet, knobs: SplitKnobs, seed: int) -> Parts:
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
        return Parts(records.select(knobs.train_split), records.select(named), both, both)
    everything = records.select(knobs.train_split)
    train, validation = carve_validation(everything, knobs.validation_fraction, seed)
    return Parts(train, validation, everything, everything)
