"""Start from the model of a finished run: the next stage of a recipe (larger images, flatter sampling, other data)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.console import warn
from fgtl.errors import DataError
from fgtl.heads.classifier import Classifier, load_classifier
from fgtl.heads.head import name_of
from fgtl.heads.plugin import PluginHead
from fgtl.interop.matching import expect_same_order
from fgtl.models.backbone import Architecture, find_architecture
from fgtl.training.run import Run


def load_init(
    model: Classifier, folder: Path, class_names: Sequence[str], *, head: bool, allow_saved_models: bool = False
) -> None:
    """Give a fresh model the weights of a finished run's model, whatever input size that one had.

    Position tables are resized where a network has some. A head without the auxiliary classifier takes what it has
    from one with; an auxiliary classifier that the run's head lacks stays fresh.

    Args:
        model: of the same backbone, and with `head` of the same head and classes.
        folder: a run folder.
        class_names: of the model, by label.
        head: the head's weights too; otherwise the head stays fresh.
        allow_saved_models: see `load_classifier`.

    Raises:
        DataError: the run is not finished or was changed, or backbone, head or classes differ; nothing is loaded.
    """
    run = Run.open(folder)
    if head:
        _check_classes(run, class_names)
    source = load_classifier(run.model, allow_saved_models)
    architecture = find_architecture(model.backbone.architecture, model.backbone.spec)
    values = _backbone_values(model, source, folder, architecture)
    if head:
        _check_head(model, source, folder)
    model.backbone.set_weights(values)
    # As after every load: what a layer keeps of its variables in another form has to follow.
    if architecture.settle:
        architecture.settle(model.backbone.trunk)
    if head:
        there = _by_path(source.head)
        for path, variable in _by_path(model.head).items():
            if path in there:
                variable.assign(there[path])


def init_facts(run: Run) -> dict[str, Any]:
    """Where a model came from, for run.json: the finished run and the sha256 of its model file."""
    return {"run": str(run.folder.absolute()), "sha256": run.model_facts["sha256"]}


def _backbone_values(
    model: Classifier, source: Classifier, folder: Path, architecture: Architecture
) -> list[np.ndarray]:
    """The source's weights in the shapes that they have at the model's input size."""
    name, there = model.backbone.architecture, source.backbone.architecture
    if there != name:
        raise DataError(f"--init_run={folder} has the backbone {there}, not {name}.", fix=f"Add --backbone={there}.")
    # In order: Keras numbers unnamed layers as they are made, so the same layer has another name in each network.
    wanted, found = model.backbone.weights, source.backbone.weights
    values = [weight.numpy() for weight in found]
    if architecture.resized and len(found) == len(wanted):
        values = [architecture.resized(*pair) for pair in zip(values, wanted, strict=True)]
    shapes = [(weight.path, value.shape) for weight, value in zip(found, values, strict=True)]
    expect_same_order([(weight.path, tuple(weight.shape)) for weight in wanted], shapes, f"--init_run={folder}", name)
    return values


def _check_head(model: Classifier, source: Classifier, folder: Path) -> None:
    name, there = name_of(model.head), name_of(source.head)
    if there != name:
        raise DataError(
            f"--init_run={folder} has the head {there}, not {name}.",
            fix="Add --noinit_head: then only the backbone starts from it.",
        )
    if isinstance(model.head, PluginHead):
        _check_levels(model.head, source.head, folder)
        _check_kept(model.head, source.head, folder)
    found = _by_path(source.head)
    for path, variable in _by_path(model.head).items():
        sizes = [tuple(weight.shape) for weight in (variable, found.get(path, variable))]
        if sizes[0] != sizes[1]:
            raise DataError(
                f"--init_run={folder}: the head's {path} is {sizes[1]} there and {sizes[0]} here.",
                expected="a head of the same sizes. A plug-in's learned map of points fits one input size.",
                fix="Give the head's knobs and the --image_size of that run, or add --noinit_head: then only the "
                "backbone starts from it.",
            )


def _check_levels(head: PluginHead, source: PluginHead, folder: Path) -> None:
    """Blocks of a transformer have the same shapes: the weights of one would fit another."""
    here, there = (",".join(level.tap for level in one.levels) for one in (head, source))
    if here != there:
        raise DataError(
            f"--init_run={folder} has its levels on the taps {there}, here they are on {here}.",
            expected="the same taps: what a level has learned is about one of them.",
            fix=f"Give --plugin_taps={there}, or add --noinit_head: then only the backbone starts from it.",
        )


def _check_kept(head: PluginHead, source: PluginHead, folder: Path) -> None:
    """How many points are kept is in the combiner's weights; by default it follows the input size."""
    here, there = (",".join(map(str, one.kept)) for one in (head, source))
    if here != there:
        raise DataError(
            f"--init_run={folder} keeps {there} points of its levels, here {here} are to be kept.",
            expected="the same: the combiner has learned weights for each of them.",
            fix=f"Give --num_selects={there}, or add --noinit_head: then only the backbone starts from it.",
        )
    if fresh := sorted(_by_path(head).keys() - _by_path(source).keys()):
        raise DataError(
            f"--init_run={folder} has no {fresh[0]}: it goes from level to level with "
            f"--plugin_upsample={source.knobs.plugin_upsample}, not with {head.knobs.plugin_upsample}.",
            expected="the same weights in both heads.",
            fix=f"Give --plugin_upsample={source.knobs.plugin_upsample}, or add --noinit_head: then only the backbone "
            "starts from it.",
        )
    if _by_path(source).keys() - _by_path(head).keys():
        warn(
            f"The learned maps from level to level of --init_run={folder} are left behind: here it is "
            f"--plugin_upsample={head.knobs.plugin_upsample}."
        )


def _check_classes(run: Run, class_names: Sequence[str]) -> None:
    learned, wanted = run.class_names, tuple(class_names)
    if learned == wanted:
        return
    at = next((i for i, (one, other) in enumerate(zip(learned, wanted, strict=False)) if one != other), None)
    first = "" if at is None else f"; class {at} is {wanted[at]!r} here, {learned[at]!r} there"
    raise DataError(
        f"--init_run={run.folder} has learned {len(learned):,} classes, the record set has {len(wanted):,}{first}.",
        expected="the same classes in the same order, for the head's weights to mean them.",
        fix="Add --noinit_head: then only the backbone starts from it.",
    )


def _by_path(layer: Any) -> dict[str, Any]:
    """The weights of a layer by their path below it."""
    return {weight.path.partition("/")[2]: weight for weight in layer.weights}
