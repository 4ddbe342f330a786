"""Features of photographs outside a record set, by the network that made a feature set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fgtl.data.many_views import views_named
from fgtl.data.views import loose_batches
from fgtl.errors import UsageError
from fgtl.features.extractor import Extractor
from fgtl.training.extract_knobs import ExtractKnobs, view_knobs_of
from fgtl.training.extraction import Network, build_network


def rebuild_network(
    extractor: Extractor, key: str, weights: str, run_dir: Path | None, *, allow_saved_model: bool
) -> Network:
    """The network that an extractor names.

    Args:
        extractor: of the feature set; its backbone may be replaced by another name that the same network is found by.
        key: of the feature set's extractor: what the network must turn out to be.
        weights: "imagenet", "none" or a file; of no meaning with `run_dir`.
        run_dir: a finished run whose backbone it was; None for `weights`.
        allow_saved_model: see `load_classifier`.

    Raises:
        UsageError: these weights make another extractor.
        DataError: the weights, or the run, cannot be read.
    """
    seen = {name: getattr(extractor, name) for name in ("resize", "eval_crop", "legacy_resize")}
    size = {"backbone": extractor.backbone, "weights": weights, "image_size": extractor.input_size}
    asked: dict[str, Any] = {} if run_dir is not None else seen | size
    network = build_network(
        ExtractKnobs(
            tap=extractor.tap,
            pooling=extractor.pooling or "mean",
            views=extractor.views,
            run_dir=run_dir,
            allow_saved_model=allow_saved_model,
            **asked,
        )
    )
    if network.extractor.key != key:
        came, wanted = (
            f"{one.describe()}, weights {one.weights_sha256[:12]}" for one in (network.extractor, extractor)
        )
        raise UsageError(
            f"{run_dir or weights} makes other features than the set holds: {came}.",
            expected=f"{wanted}.",
            fix="Give what the set was extracted with: --weights or --run_dir.",
        )
    return network


def photo_features(files: Sequence[bytes], network: Network, batch_size: int = 32) -> NDArray[np.float32]:
    """(N, D) float32 of N >= 1 encoded images, as `fgtl.data.image_files.policy.store` leaves them.

    Each is seen, and several views of it averaged, as `extract` does.

    Memory: a batch of images.
    """
    knobs = view_knobs_of(network.extractor, eval_batch_size=min(batch_size, len(files)))
    run = tf.function(lambda images: network.output(network.model, images))
    total = np.zeros((len(files), network.dim), np.float32)
    looks = views_named(network.extractor.views, knobs.kept_share)
    for look in looks:
        rows = [run(images).numpy()[weights.numpy() > 0] for images, weights in loose_batches(files, knobs, look)]
        total += np.concatenate(rows)[:, : network.dim]
    return total / np.float32(len(looks))
