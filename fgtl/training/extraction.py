"""Features of all images of a record set, by one pass through a network, written so that nothing done is lost."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

import fgtl
from fgtl.console import Progress, warn
from fgtl.data.damage import damage_explained
from fgtl.data.many_views import View, views_named
from fgtl.data.records import RecordSet, Selection
from fgtl.errors import DataError, UsageError
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import FeatureSet
from fgtl.features.find import STORE
from fgtl.features.meta import META, SPLITS, parse_meta, question_key
from fgtl.features.writer import FeatureWriter, Images, writing_alone
from fgtl.heads.classifier import load_classifier
from fgtl.interop.pretrained import build_backbone, weights_sha256
from fgtl.models.backbone import Backbone
from fgtl.training.distribution import pick_strategy, scope_of
from fgtl.training.evaluation import Predictor
from fgtl.training.extract_knobs import FEATURES_TAP, ExtractKnobs, question_of, view_knobs_of
from fgtl.training.predictions import predict_selection
from fgtl.training.run import Run

# A kill costs at most about so much work, and starting a block's pipeline (0.1 s) costs little beside it.
_BLOCK_SECONDS = 15.0
_SMALLEST_BLOCK = 256
# Of one block's rows; with several views there are two such arrays.
_BLOCK_BYTES = 256 * 2**20


@dataclass(frozen=True, eq=False)
class Network:
    """A network that is ready to look at images.

    Attributes:
        model: a Backbone, or a Classifier.
        output: (model, images) -> (B, D + K): features, then probabilities.
        dim: D.
        source_classes: names of the K probabilities; empty where there is no classifier.
        head_sha256: of the classifier's model file, "" where there is none.
        extractor: what names the features.
    """

    model: Any
    output: Callable[[Any, tf.Tensor], tf.Tensor]
    dim: int
    source_classes: tuple[str, ...]
    head_sha256: str
    extractor: Extractor

    @property
    def columns(self) -> int:
        """D + K."""
        return self.dim + len(self.source_classes)


def extract(records: RecordSet, knobs: ExtractKnobs, folder: Path | None = None) -> FeatureSet:
    """The feature set of a record set: train, validation and test images in this order, each split in the set's order.

    Goes on where an earlier call was killed, and opens what is finished. Another process that writes the same set is
    waited for.

    Args:
        records: of N images.
        knobs: what looks at them.
        folder: of the feature set; default: in the record set, under its key.

    Raises:
        UsageError: a network, tap or view that there is not, or other features are in the folder.
        DataError: weights or a record cannot be read (with `bad_records` "skip" too many of a block of some hundred
            images cannot); features that are not finite. What was done before stays.

    Memory: a block of at most 256 MB of rows (with several views two), and the network. Cost: one pass a view.
    """
    strategy = pick_strategy(knobs.devices)
    with scope_of(strategy):
        network = build_network(knobs)
    key = question_key(network.extractor, records.manifest_sha256, network.head_sha256)
    folder = records.folder / STORE / key if folder is None else folder
    selection, images = _all_images(records)
    looks = views_named(knobs.views, view_knobs_of(network.extractor).kept_share)
    with writing_alone(folder):
        if found := _finished(folder, key):
            return found
        with FeatureWriter(folder, key, images, network.dim, len(network.source_classes)) as writer:
            _fill(writer, network, selection, knobs, looks, strategy)
            return writer.finish(
                network.extractor,
                dataset=records.name,
                manifest_sha256=records.manifest_sha256,
                source_classes=network.source_classes,
                head_sha256=network.head_sha256,
                question=question_of(knobs),
                versions={"fgtl": fgtl.__version__, "tensorflow": version("tensorflow"), "keras": version("keras")},
            )


def _finished(folder: Path, key: str) -> FeatureSet | None:
    """The set that is there already; None where there is none, or a damaged one, which then counts as unfinished.

    Raises:
        UsageError: it answers another question.
    """
    if not (folder / META).is_file():
        return None
    there = parse_meta(folder)
    if there.key != key:
        raise UsageError(
            f"{folder} holds other features: {there.describe()}, of {there.dataset}.",
            expected="another --output_dir, or none: a record set keeps any number of them apart.",
        )
    try:
        return FeatureSet.open(folder)
    except DataError as error:
        warn(f"{error}\nIt is extracted again.")
        (folder / META).unlink()
        return None


def build_network(knobs: ExtractKnobs) -> Network:
    """The network that was asked for, with what names it. Build it in the scope of the strategy.

    Raises:
        UsageError: no such backbone, tap, or image size.
        DataError: the weights, or the run, cannot be read.
    """
    if knobs.run_dir is None:
        if knobs.weights == "none":
            keras.utils.set_random_seed(0)
        model: Any = build_backbone(knobs.backbone, knobs.weights, knobs.image_size)
        seen = {"resize": knobs.resize, "eval_crop": knobs.eval_crop, "legacy_resize": knobs.legacy_resize}
        return _network(model, model, knobs, seen)
    run = Run.open(knobs.run_dir)
    model = load_classifier(run.model, knobs.allow_saved_model)
    views = run.view_knobs()
    seen = {"resize": views.resize, "eval_crop": views.eval_crop, "legacy_resize": views.legacy_resize}
    network = _network(model, model.backbone, knobs, seen)
    return replace(network, source_classes=run.class_names, head_sha256=run.model_facts["sha256"])


def _network(model: Any, backbone: Backbone, knobs: ExtractKnobs, seen: dict[str, Any]) -> Network:
    pooled = knobs.tap == FEATURES_TAP
    extractor = Extractor(
        backbone=backbone.architecture,
        weights_sha256=weights_sha256(backbone),
        tap=knobs.tap,
        pooling="" if pooled else knobs.pooling,
        input_size=backbone.input_size,
        views=knobs.views,
        **seen,
    )
    vector = _vector_of(backbone, knobs)
    dim = backbone.feature_dim if pooled else next(tap.channels for tap in backbone.taps if tap.name == knobs.tap)

    def output(model: Any, images: tf.Tensor) -> tf.Tensor:
        own = model if isinstance(model, Backbone) else model.backbone
        maps = own(images, training=False)
        rows = [ops.cast(vector(maps), "float32")]
        if own is not model:
            outputs = model.head(maps["taps"], maps["features"], training=False)
            rows.append(ops.cast(model.head.predict(outputs), "float32"))
        return ops.concatenate(rows, axis=1)

    return Network(model, output, dim, (), "", extractor)


def _vector_of(backbone: Backbone, knobs: ExtractKnobs) -> Callable[[dict[str, Any]], Any]:
    """The function from a backbone's outputs to (B, D)."""
    if knobs.tap == FEATURES_TAP:
        return lambda maps: maps["features"]
    tap = next((tap for tap in backbone.taps if tap.name == knobs.tap), None)
    if tap is None:
        raise UsageError(
            f"{backbone.architecture} has no tap {knobs.tap!r}.",
            expected=f"{FEATURES_TAP}, {', '.join(tap.name for tap in backbone.taps)}.",
        )
    pool = {"mean": ops.mean, "max": ops.max}[knobs.pooling]

    def vector(maps: dict[str, Any]) -> Any:
        grid = ops.cast(maps["taps"][tap.name], "float32")
        # A transformer's class token is no place in the image.
        return pool(grid[:, tap.prefix_tokens :], axis=1) if len(grid.shape) == 3 else pool(grid, axis=(1, 2))

    return vector


def _all_images(records: RecordSet) -> tuple[Selection, Images]:
    names = [split for split in SPLITS if records.counts.get(split)]
    selection = records.select("+".join(names))
    splits = np.repeat([SPLITS.index(name) for name in names], [records.counts[name] for name in names])
    return selection, Images(selection.ids, selection.labels, splits.astype(np.uint8), records.class_names)


def _fill(
    writer: FeatureWriter,
    network: Network,
    selection: Selection,
    knobs: ExtractKnobs,
    looks: Sequence[View],
    strategy: Any,
) -> None:
    """Add block after block until all images are seen."""
    views = view_knobs_of(
        network.extractor,
        eval_batch_size=knobs.eval_batch_size,
        threads=knobs.threads,
        bad_records=knobs.bad_records,
    )
    total = len(looks) * len(selection)
    with Progress("extract", total, done=len(looks) * writer.seen) as progress:
        predict = Predictor(
            network.model, strategy, output=network.output, bar=lambda label, count: nullcontext(progress)
        )
        for rows in _blocks(writer.seen, len(selection), knobs.eval_batch_size, network.columns):
            block = selection.take(rows)
            with damage_explained(block):
                seen, values = predict_selection(predict, block, views, views=looks)
            kept = np.isin(block.ids, seen.ids)
            writer.add(len(block), kept, values[:, : network.dim], values[:, network.dim :])


def _blocks(start: int, count: int, batch: int, columns: int) -> Iterator[slice]:
    """Parts of the images from `start` on, as large as a fixed time allows, of whole batches.

    Batches then hold the same images wherever the blocks end, and their features are the same bit for bit. No block is
    so small that a few bad records would be too many of it; what is left at the end goes with the last one.
    """
    most = max(1, _BLOCK_BYTES // (4 * columns * batch))
    batches = least = min(most, max(1, _SMALLEST_BLOCK // batch))
    while start < count:
        began = time.monotonic()
        stop = start + batches * batch
        stop = stop if count - stop >= least * batch else count
        yield slice(start, stop)
        start = stop
        fitting = batches * _BLOCK_SECONDS / max(time.monotonic() - began, 1e-9)
        batches = int(max(least, min(most, 4 * batches, fitting)))
