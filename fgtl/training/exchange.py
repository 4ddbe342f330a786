"""What worker processes tell each other: decisions that all must take alike, rows that all must have, who writes."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from fgtl.errors import FgtlError

# What TensorFlow raises in the workers that are left when one has gone.
_PEER_ERRORS = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)


def local_replicas_of(strategy: tf.distribute.Strategy | None) -> int:
    """How many of these devices are this process's own."""
    return len(strategy.extended.worker_devices) if strategy else 1


def worker_part(strategy: tf.distribute.Strategy | None) -> tuple[int, int]:
    """(i, n): this process works on the i-th of n equal parts of each batch, and of each data set that is predicted."""
    if strategy is None or not strategy.cluster_resolver or not strategy.cluster_resolver.cluster_spec().as_dict():
        return 0, 1
    hosts = strategy.cluster_resolver.cluster_spec().as_dict()
    before = len(hosts.get("chief", [])) if strategy.cluster_resolver.task_type == "worker" else 0
    return before + int(strategy.cluster_resolver.task_id), sum(map(len, hosts.values()))


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this process writes what a run leaves behind: of several worker processes only the first does."""
    return worker_part(strategy)[0] == 0


def agreed(strategy: tf.distribute.Strategy | None, here: bool) -> bool:
    """Whether `here` is true in any of the worker processes, all of which must ask at the same step.

    Cost: one message around the ring of workers, about 1 ms on one machine; nothing without workers.
    """
    if strategy is None or worker_part(strategy)[1] == 1:
        return here
    return bool(gathered(strategy, np.array([[here]], np.int64)).any())


def gathered(strategy: tf.distribute.Strategy | None, own: np.ndarray) -> np.ndarray:
    """The rows of all workers, in their order; each gets all of them.

    Args:
        own: (M, K) int64 or float32, M >= 1 may differ between workers, which must all ask at the same time.

    Raises:
        FgtlError: another worker has gone.

    Memory: the result, and as much again while it is put together.
    """
    if strategy is None or worker_part(strategy)[1] == 1:
        return own
    with workers_explained(strategy):
        parts = _gathering(strategy, own.dtype.name)(own)
    # Each of a worker's devices sent the same rows: one copy counts.
    copies, sizes = local_replicas_of(strategy), parts[1].numpy()
    ends = np.cumsum(sizes)
    return np.concatenate([parts[0].numpy()[end - size : end] for end, size in zip(ends, sizes, strict=True)][::copies])


@lru_cache(maxsize=2)
def _gathering(strategy: tf.distribute.Strategy, dtype: str) -> Callable[[Any], tuple[tf.Tensor, tf.Tensor]]:
    def on_one(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        context = tf.distribute.get_replica_context()
        sizes = context.all_gather(tf.shape(rows, tf.int64)[:1], axis=0)
        return context.all_gather(tf.identity(rows), axis=0), sizes

    # One signature: a second trace would be another message, which workers with other shapes do not wait for.
    @tf.function(input_signature=[tf.TensorSpec((None, None), dtype)])
    def on_all(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        everywhere = strategy.run(on_one, (rows,))
        return tuple(strategy.experimental_local_results(part)[0] for part in everywhere)

    return on_all


def by_chief(strategy: tf.distribute.Strategy | None, write: Callable[[], object], what: str) -> None:
    """Let the chief write, and the other workers wait until it has.

    Args:
        write: called in the chief only.
        what: for the message of the others when it fails there, such as "write the checkpoint".
    """
    failure: Exception | None = None
    if is_chief(strategy):
        try:
            write()
        except Exception as error:
            # The others must not wait for ever.
            failure = error
    failed = agreed(strategy, failure is not None)
    if failure:
        raise failure
    if failed:
        raise FgtlError(f"Worker 0 could not {what}; it says why.")


def check_same(strategy: tf.distribute.Strategy | None, value: int, what: str) -> None:
    """Raise FgtlError unless `value` is the same in all workers, which must all ask."""
    values = gathered(strategy, np.array([[value]], np.int64)).ravel()
    if (values != value).any():
        listed = ", ".join(f"worker {worker}: {seen}" for worker, seen in enumerate(values))
        raise FgtlError(
            f"The workers differ in {what} ({listed}).",
            expected="one --run_dir, in a folder that all of them share.",
        )


@contextmanager
def workers_explained(strategy: tf.distribute.Strategy | None) -> Iterator[None]:
    """Turn what TensorFlow raises inside when another worker has gone into an FgtlError."""
    try:
        yield
    except _PEER_ERRORS as error:
        if worker_part(strategy)[1] == 1:
            raise
        others = f": {named}" if (named := _named_in(strategy, str(error.message))) else ""
        raise FgtlError(
            f"Another worker has ended or cannot be reached{others}.",
            fix="Its own messages say why. The same command on all workers goes on from the last checkpoint.",
        ) from error


def _named_in(strategy: tf.distribute.Strategy | None, text: str) -> str:
    """The workers other than this one that TensorFlow's message is about: "worker 1 (host1:2222)"."""
    hosts = strategy.cluster_resolver.cluster_spec().as_dict() if strategy else {}
    tasks = [(kind, index) for kind in ("chief", "worker") for index in range(len(hosts.get(kind, [])))]
    said = {(kind, int(index)) for kind, index in re.findall(r"/job:(\w+)/replica:\d+/task:(\d+)", text)}
    return ", ".join(
        f"worker {number} ({hosts[task[0]][task[1]]})"
        for number, task in enumerate(tasks)
        if task in said and number != worker_part(strategy)[0]
    )
