"""Why a comparison has no figures in a column that its runs might have."""

from collections import Counter
from collections.abc import Sequence

from fgtl.reports.evaluated_run import EvaluatedRun


def have_same_halves(groups: Sequence[Sequence[EvaluatedRun]]) -> bool:
    """Whether head and tail are the same classes in all groups, or known of none.

    The seeds of a group may differ in them, as where each thins the data out to a long tail of its own, if the same
    ones are in every group: then each group's mean is over the same halves.
    """
    return len({frozenset(Counter(_head_classes(run) for run in group).items()) for group in groups}) == 1


def halves_note(groups: Sequence[Sequence[EvaluatedRun]]) -> str:
    """What must be known about the columns of head and tail, such as why they are empty; "" where nothing must.

    Args:
        groups: all that are compared, the seeds of a setting together.
    """
    runs = [run for group in groups for run in group]
    if not have_same_halves(groups):
        unknown = [run for run in runs if run.evaluation.head_tail is None]
        if unknown:
            return (
                f"Head and tail are left out: the training images of {_folders(unknown)} are not known. `fgtl evaluate` "
                "counts them where the record set of the training is at hand."
            )
        counts = ", ".join(f"{run.folder}: {sum(_head_classes(run) or ()):,}" for run in runs)
        return f"Head and tail are left out: they are not the same classes in all runs. Classes of the head: {counts}."
    if len({_head_classes(run) for run in runs}) > 1:
        return "Which classes are head and tail differs between the seeds: the figures are means over each one's own."
    halves = runs[0].evaluation.head_tail
    if halves is None:
        return "Head and tail are not told apart: the training images of the classes were not known at the evaluation."
    if halves.are_both:
        empty = [name for name, half in (("head", halves.head), ("tail", halves.tail)) if not half.images]
        return f"No image is of a class of the {empty[0]}." if empty else ""
    rule = "at least" if halves.head.classes else "fewer than"
    return f"Head and tail are not told apart: all classes have {rule} {halves.head_images:,} training images."


def taxonomy_note(read: Sequence[EvaluatedRun], compared: Sequence[EvaluatedRun]) -> str:
    """Why the distance of mistakes is missing for a run while another evaluation has it; "" where none is missing.

    Args:
        read: the runs as they were evaluated.
        compared: the same on the images that all have.
    """
    lacking = [run for run in compared if run.evaluation.hierarchy is None]
    if not lacking or not any(run.evaluation.hierarchy for run in read):
        return ""
    return (
        f"The distance of mistakes is left out of {_folders(lacking)}: the evaluation does not say where the classes "
        "stand in the taxonomy. `fgtl evaluate` again writes it down where the record set has one."
    )


def _head_classes(run: EvaluatedRun) -> tuple[bool, ...] | None:
    halves = run.evaluation.head_tail
    return None if halves is None else tuple(count >= halves.head_images for count in halves.training)


def _folders(runs: Sequence[EvaluatedRun]) -> str:
    return ", ".join(str(run.folder) for run in runs)
