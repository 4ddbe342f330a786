"""One device: no strategy, none of its costs. Several: MirroredStrategy. Several machines: MultiWorkerMirroredStrategy.

The global batch is split evenly. Of several worker processes (`fgtl.training.workers`) each runs the same program on its
part of each batch, takes the same decisions, and only the first, the chief, writes (`fgtl.training.exchange`).
"""

import signal
import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fgtl.errors import FgtlError, UsageError
from fgtl.training.devices import choose_devices, choose_devices_of_worker
from fgtl.training.exchange import gathered, local_replicas_of, worker_part
from fgtl.training.settings import DeviceKnobs
from fgtl.training.workers import Cluster, cluster_of, meet


def prepare(knobs: DeviceKnobs, seed: int, determinism: str = "order") -> tf.distribute.Strategy | None:
    """Set what has to be set before a model is built: devices, precision, seeds, determinism.

    Args:
        knobs: devices and precision.
        seed: of everything that is random.
        determinism: what a second run, or one that was stopped and goes on, shares with the first:
            "fast": seeds only; images enter the batches as they are decoded, so no two runs need be alike.
            "order": the same images with the same augmentation in every batch; kernels may add up in another order.
            "strict": on the same machine with the same number of devices every bit, by TensorFlow's deterministic
            kernels (slower on GPUs, where some operations have none).

    Returns:
        None for one device, otherwise the strategy in whose scope the model must be built (`scope_of`). With TF_CONFIG
        in the environment this waits for the other workers.

    Raises:
        UsageError: devices that cannot be had, a TF_CONFIG that cannot be meant, or TensorFlow has started already.
        FgtlError: other workers did not come.
    """
    keras.utils.set_random_seed(seed)
    if determinism == "strict":
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy(knobs.precision)
    cluster = cluster_of()
    return join_workers(cluster, knobs.devices) if cluster else pick_strategy(knobs.devices)


def pick_strategy(devices: tuple[str, ...] = ()) -> tf.distribute.Strategy | None:
    """A MirroredStrategy over several devices of this process, or None for one.

    Args:
        devices: names such as "gpu:0"; empty: all GPUs, else the CPU. Several CPUs are made as logical devices.

    Raises:
        UsageError: a device that is not there, or a mixture of kinds.
    """
    names = choose_devices(devices) if devices else [gpu.name for gpu in tf.config.list_logical_devices("GPU")]
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else None


# TensorFlow can be told of its cluster once in a process, before it starts.
@lru_cache(maxsize=1)
def join_workers(cluster: Cluster, devices: tuple[str, ...] = ()) -> tf.distribute.Strategy:
    """A MultiWorkerMirroredStrategy over the GPUs, or the CPU, of each worker; all must ask at the same time.

    Args:
        cluster: the workers.
        devices: as of `pick_strategy`; several CPUs of a worker cannot be used.

    A worker that goes is noticed by the others within some 10 seconds: their next step raises what `workers_explained`
    turns into a message.

    Raises:
        UsageError: TensorFlow has started already, or the devices cannot be had, or not be used by workers.
        FgtlError: not all workers came, or they have different numbers of devices.
    """
    names = choose_devices_of_worker(devices) if devices else []
    meet(cluster)
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UsageError(
            f"The workers of TF_CONFIG cannot be joined any more: {error}.", fix="Use a new process."
        ) from None
    if in_main:
        # TensorFlow's cluster takes SIGTERM for itself, and then does nothing about it.
        signal.signal(signal.SIGTERM, handler)
    if names and local_replicas_of(strategy) != len(names):
        raise UsageError(
            f"--devices={','.join(devices)}, but this worker computes on {local_replicas_of(strategy)} devices.",
            expected="them to be chosen before TensorFlow has started.",
        )
    counts = gathered(strategy, np.array([[local_replicas_of(strategy)]], np.int64)).ravel()
    if len(set(counts.tolist())) > 1:
        raise FgtlError(f"The workers have {', '.join(map(str, counts))} devices.", expected="the same number each.")
    return strategy


def scope_of(strategy: tf.distribute.Strategy | None) -> AbstractContextManager[Any]:
    """The scope in which variables are made; a context that does nothing without a strategy."""
    return strategy.scope() if strategy else nullcontext()


def replicas_of(strategy: tf.distribute.Strategy | None) -> int:
    """How many devices share a batch, over all workers."""
    return strategy.num_replicas_in_sync if strategy else 1


def distribute(dataset: tf.data.Dataset, strategy: tf.distribute.Strategy | None) -> Iterable[Any]:
    """Batches split in order over the replicas.

    Args:
        dataset: of global batches; under several workers of this worker's part of each.
    """
    if strategy is None:
        return dataset
    if worker_part(strategy)[1] > 1:
        # A plain batch is what the one device of each worker gets.
        local = local_replicas_of(strategy)
        return dataset if local == 1 else strategy.distribute_datasets_from_function(lambda _: _split(dataset, local))
    options = tf.data.Options()
    # There is one host: sharding files or elements over workers would only reorder them.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return strategy.experimental_distribute_dataset(dataset.with_options(options))


def local_batches(dataset: tf.data.Dataset, strategy: tf.distribute.Strategy | None) -> Iterable[Any]:
    """Batches split in order over this process's devices; other workers may have more of them, fewer or none.

    Args:
        dataset: of batches that divide over the devices.
    """
    local = local_replicas_of(strategy)
    if strategy is None or local == 1:
        yield from dataset
    elif worker_part(strategy)[1] == 1:
        yield from distribute(dataset, strategy)
    else:
        for batch in dataset:
            yield tuple(_on_own_devices(strategy, tf.split(part, local)) for part in batch)


def _on_own_devices(strategy: tf.distribute.Strategy, values: list[tf.Tensor]) -> Any:
    first = worker_part(strategy)[0] * len(values)
    return strategy.experimental_distribute_values_from_function(
        lambda context: values[context.replica_id_in_sync_group - first]
    )


def _split(dataset: tf.data.Dataset, parts: int) -> tf.data.Dataset:
    """Each batch as `parts` equal ones, one after the other: what the devices of a worker take in turn."""

    def pieces(*batch: tf.Tensor) -> tf.data.Dataset:
        split = (tf.reshape(part, tf.concat([[parts, -1], tf.shape(part)[1:]], 0)) for part in batch)
        return tf.data.Dataset.from_tensor_slices(tuple(split))

    return dataset.flat_map(pieces)
