"""Exact predictions of a data set: every image once, whatever the batch size and the number of devices."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import tensorflow as tf

from fgtl.console import Progress
from fgtl.errors import InputError
from fgtl.reports.metrics import evaluate_predictions
from fgtl.training.distribution import local_batches
from fgtl.training.exchange import gathered, local_replicas_of, worker_part

# The weight of rows that are in no data set.
_PADDING = -1.0


def probabilities_of(model: Any, images: tf.Tensor) -> tf.Tensor:
    """(B, S, S, 3) -> (B, K) probabilities, by the rule of the model's head."""
    return model.head.predict(model(images, training=False))


class Predictor:
    """Compiles a model's inference once; call it as often as there are data sets.

    Args:
        model: `model(images, training=False)` -> outputs, `model.head.predict(outputs)` -> (B, K) probabilities.
        strategy: the one the model was built under, None for one device. Of several worker processes each predicts
            whatever data set it is given; `share` and `joined` let them divide one.
        output: (model, images) -> (B, K), where something else than the probabilities is wanted of the model; it then
            takes their place in everything below.
        bar: (label, images) -> the progress bar of a data set.
    """

    def __init__(
        self,
        model: Any,
        strategy: tf.distribute.Strategy | None = None,
        *,
        output: Callable[[Any, tf.Tensor], tf.Tensor] = probabilities_of,
        bar: Callable[[str, int], AbstractContextManager[Progress]] = Progress,
    ) -> None:
        self._model, self._strategy, self._output, self._bar = model, strategy, output, bar
        # What several devices of this process share a batch by.
        self._sharing = strategy if local_replicas_of(strategy) > 1 else None
        self._run = tf.function(self._on_all)

    def __call__(self, batches: tf.data.Dataset, count: int, label: str = "evaluate") -> tuple[np.ndarray, np.ndarray]:
        """Predict all images.

        Args:
            batches: (images (B, S, S, 3), labels (B,), weights (B,)); rows of weight 0 are padding and dropped.
            count: how many images there are.
            label: what the progress bar says.

        Returns:
            probabilities (N, K) float32 and labels (N,) int32, in the order of the data set.

        Raises:
            InputError: the data set did not have `count` images.

        Memory: 4 * N * (K + 3) bytes for the result, and the rows of one batch.
        """
        rows, probabilities, labels = self.found(batches, count, label)
        if len(rows) != count:
            raise _wrong_count(len(rows), count)
        return probabilities, labels

    def found(
        self, batches: tf.data.Dataset, count: int, label: str = "evaluate"
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same for a data set in which rows of weight 0 may stand between the images.

        Returns:
            rows (M,) int64, the places in the data set of the rows with a weight, probabilities (M, K), labels (M,).

        Raises:
            InputError: a place from `count` on has a weight, or none has.
        """
        rows, labels = np.empty(count, np.int64), np.empty(count, np.int32)
        probabilities, seen, found, last = np.empty((0, 0), np.float32), 0, 0, -1
        batches = batches.map(self._pad_to_replicas)
        with self._bar(label, count) as progress:
            for batch in local_batches(batches, self._strategy):
                traced = self._run.experimental_get_tracing_count()
                own, own_labels, weights = (self._join(part) for part in self._run(*batch))
                if not len(probabilities):
                    # Only now is K known.
                    probabilities = np.empty((count, own.shape[1]), np.float32)
                real = weights > 0
                here = seen + np.flatnonzero(real)
                seen += int((weights != _PADDING).sum())  # which comes last in its batch
                place = slice(found, found + len(here))
                found, last = place.stop, max([last, *here[-1:]])
                if last >= count:
                    continue  # more images than announced: go on, to tell how many
                rows[place], probabilities[place], labels[place] = here, own[real], own_labels[real]
                compiled = self._run.experimental_get_tracing_count() > traced
                progress.advance(len(here), timed=not compiled)
        if last >= count or not found:
            raise _wrong_count(found, count)
        return rows[:found], probabilities[:found], labels[:found]

    def share(self, count: int) -> range:
        """Which of `count` images this worker process predicts; all of them when there are too few to divide."""
        worker, workers = worker_part(self._strategy)
        if count < workers:
            return range(count)
        return range(worker * count // workers, (worker + 1) * count // workers)

    def joined(self, rows: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows (N,) int64 and probabilities (N, K) of all shares, in order; every worker process must ask."""
        rows = gathered(self._strategy, rows[:, None])[:, 0]
        # Where there was too little to divide, all have the same.
        rows, first = np.unique(rows, return_index=True)
        return rows, gathered(self._strategy, probabilities)[first]

    def _on_one(self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tf.cast(self._output(self._model, images), tf.float32), labels, weights

    def _on_all(self, *batch: Any) -> Any:
        return self._sharing.run(self._on_one, batch) if self._sharing else self._on_one(*batch)

    def _pad_to_replicas(self, *batch: tf.Tensor) -> list[tf.Tensor]:
        """Repeat nothing, add rows of zeros (weight _PADDING) until the devices can share the batch evenly."""
        missing = -tf.shape(batch[0])[0] % local_replicas_of(self._strategy)
        *others, weights = batch
        padded = [tf.pad(part, [[0, missing]] + [[0, 0]] * (len(part.shape) - 1)) for part in others]
        return [*padded, tf.pad(weights, [[0, missing]], constant_values=_PADDING)]

    def _join(self, values: Any) -> np.ndarray:
        if self._sharing is None:
            return values.numpy()
        return np.concatenate([value.numpy() for value in self._sharing.experimental_local_results(values)])


def _wrong_count(found: int, count: int) -> InputError:
    return InputError(f"The data set has {found:,} images.", expected=f"{count:,}, and at least one.")


def validation_figures(probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> dict[str, float]:
    """The figures that a Trainer logs and selects by: loss (mean -ln p), top1, top5, mean_class.

    All are NaN when a probability is none: the network has diverged, which the Trainer tells with the step.
    """
    if not np.isfinite(probabilities).all():
        return dict.fromkeys(("loss", "top1", "top5", "mean_class"), float("nan"))
    result = evaluate_predictions(probabilities, labels, class_names)
    return {"loss": result.log_loss, "top1": result.top1, "top5": result.top5, "mean_class": result.mean_class}
