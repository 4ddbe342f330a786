"""A classifier that is sure where an image is bright (`from bright_network import ...`): its points are known beforehand."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from fgtl.data.records import RecordSet
from fgtl.heads.classifier import Classifier
from fgtl.heads.linear import LinearHead
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.models.backbone import SCHEMES, Architecture, build_network
from fgtl.training.run import Run
from fgtl.training.run_facts import DatasetFacts

NAME, SIDE = "test:mean_colours", 32
# Of 8 x 8, 4 x 4 and 2 x 2 points.
KEPT = (24, 8, 3)


def _trunk(size: int) -> keras.Model:
    """Taps "p2", "p3" and "p4": the mean colours of ever larger squares."""
    image = keras.Input((size, size, 3))
    x = keras.layers.AveragePooling2D(4)(image)
    for _ in range(2):
        x = keras.layers.AveragePooling2D(2)(x)
    return keras.Model(image, x)


@contextmanager
def bright_networks() -> Iterator[None]:
    """Inside, the network can be built and loaded by its name. Not longer: other tests list what there is."""
    entries = SCHEMES._entries
    if "test" in entries:
        yield
        return
    entries["test"] = lambda what, spec: Architecture(_trunk, lambda images: images / 255.0, SIDE, smallest_size=8)
    try:
        yield
    finally:
        del entries["test"]


def bright_classifier(classes: int, **knobs: Any) -> Classifier:
    """The plug-in on mean colours: at each point class 0 is the more probable, the redder it is there."""
    selects = tuple(map(str, KEPT))
    head = PluginHead(classes, PluginKnobs(fpn_size=4, num_selects=selects, plugin_upsample="bilinear", **knobs))
    model = Classifier(build_network(NAME, SIDE), head)
    for layer in (*head.pyramid.widen, *head.pyramid.project, *(one.hidden for one in head.classifiers)):
        _only_first(layer, 1.0)
    for one in head.classifiers:
        _only_first(one.logits, 8.0)
    return model


def linear_classifier(classes: int) -> Classifier:
    """A head that is one and keeps no points, on the same taps."""
    return Classifier(build_network(NAME, SIDE), LinearHead(classes))


def save_run(folder: Path, model: Classifier, records: RecordSet) -> Path:
    """A finished run of a model, as training leaves it."""
    facts = DatasetFacts(
        records.name,
        len(records.class_names),
        tuple(records.class_names),
        records.manifest_sha256,
        dict(records.counts),
    )
    config = {"records": str(records.folder), "backbone": NAME, "head": "plugin", "image_size": SIDE, "seed": 0}
    run = Run.create_or_resume(folder, config, facts)
    head = "plugin" if isinstance(model.head, PluginHead) else "linear"
    card = {"backbone": NAME, "head": head, "input_size": SIDE, "eval_crop": 0.875, "legacy_resize": False, "step": 0}
    run.save_model(model, {**card, "metrics": {}})
    return folder


def _only_first(layer: Any, weight: float) -> None:
    layer.kernel.assign(keras.ops.zeros_like(layer.kernel))
    layer.bias.assign(keras.ops.zeros_like(layer.bias))
    kernel = keras.ops.convert_to_numpy(layer.kernel).copy()
    kernel[0, 0] = weight
    layer.kernel.assign(kernel)
