"""One device: no strategy, none of its costs. Several: MirroredStrategy, the global batch split evenly."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import tensorflow as tf

from fgtl.errors import UsageError
from fgtl.training.settings import DeviceKnobs


def prepare(knobs: DeviceKnobs, seed: int, determinism: str = "order") -> tf.distribute.Strategy | None:
    """Set what has to be set before a model is built: devices, precision, seeds, determinism.

    Args:
        knobs: devices and precision.
        seed: of everything that is random.
        determinism: "fast", "order" or "strict"; strict asks TensorFlow for bit-equal kernels.

    Returns:
        None for one device, otherwise the strategy in whose scope the model must be built (`scope_of`).
    """
    keras.utils.set_random_seed(seed)
    if determinism == "strict":
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy(knobs.precision)
    return pick_strategy(knobs.devices)


def pick_strategy(devices: tuple[str, ...] = ()) -> tf.distribute.Strategy | None:
    """A MirroredStrategy over several devices, or None for one.

    Args:
        devices: names such as "gpu:0"; empty: all GPUs, else the CPU. Several CPUs are made as logical devices.

    Raises:
        UsageError: a device that is not there, or a mixture of kinds.
    """
    if not devices:
        gpus = tf.config.list_logical_devices("GPU")
        return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus]) if len(gpus) > 1 else None
    kind, numbers = _parse(devices)
    _make_available(kind, numbers)
    if len(numbers) == 1:
        return None
    return tf.distribute.MirroredStrategy([f"{kind}:{number}" for number in numbers])


def scope_of(strategy: tf.distribute.Strategy | None) -> AbstractContextManager[Any]:
    """The scope in which variables are made; a context that does nothing without a strategy."""
    return strategy.scope() if strategy else nullcontext()


def replicas_of(strategy: tf.distribute.Strategy | None) -> int:
    """How many devices share a batch."""
    return strategy.num_replicas_in_sync if strategy else 1


def worker_part(strategy: tf.distribute.Strategy | None) -> tuple[int, int]:
    """(i, n): this process works on the i-th of n equal parts of each batch, and of each data set that is predicted."""
    if strategy is None or not strategy.cluster_resolver:
        return 0, 1
    resolver = strategy.cluster_resolver
    return int(resolver.task_id or 0), sum(len(hosts) for hosts in resolver.cluster_spec().as_dict().values()) or 1


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this process writes what a run leaves behind: of several worker processes only the first does."""
    return worker_part(strategy)[0] == 0


def agreed(strategy: tf.distribute.Strategy | None, here: bool) -> bool:
    """Whether `here` is true in any of the worker processes, all of which must ask at the same step."""
    return here


def check_batch_size(batch_size: int, strategy: tf.distribute.Strategy | None) -> None:
    """Raise UsageError unless the devices can share the batch evenly."""
    replicas = replicas_of(strategy)
    if batch_size % replicas:
        down, up = batch_size - batch_size % replicas, batch_size + replicas - batch_size % replicas
        raise UsageError(
            f"--batch_size={batch_size} does not divide over {replicas} devices.",
            expected="a global batch that is a multiple of the number of devices.",
            fix=f"Use --batch_size={down or up} or --batch_size={up}.",
        )


def distribute(dataset: tf.data.Dataset, strategy: tf.distribute.Strategy | None) -> Iterable[Any]:
    """The dataset of global batches, each split in order over the replicas."""
    if strategy is None:
        return dataset
    options = tf.data.Options()
    # There is one host: sharding files or elements over workers would only reorder them.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return strategy.experimental_distribute_dataset(dataset.with_options(options))


def _parse(devices: tuple[str, ...]) -> tuple[str, list[int]]:
    kinds, numbers = [], []
    for name in devices:
        kind, _, number = name.strip().lower().partition(":")
        if kind not in ("cpu", "gpu") or not (number.isdecimal() or number == ""):
            raise UsageError(f"--devices has {name!r}.", expected="names such as gpu:0 or cpu.")
        kinds.append(kind)
        numbers.append(int(number or 0))
    if len(set(kinds)) > 1 or len(set(numbers)) < len(numbers):
        raise UsageError(f"--devices={','.join(devices)}.", expected="different devices of one kind.")
    return kinds[0], numbers


def _make_available(kind: str, numbers: list[int]) -> None:
    """Hide the devices that were not named, and make the logical CPUs that were."""
    gpus = tf.config.list_physical_devices("GPU")
    if kind == "gpu" and max(numbers) >= len(gpus):
        raise UsageError(f"There is no gpu:{max(numbers)}.", expected=f"one of {len(gpus)} GPUs.")
    try:
        if kind == "cpu":
            tf.config.set_visible_devices([], "GPU")
            _split_cpu(max(numbers) + 1)
        elif len(numbers) == 1:
            tf.config.set_visible_devices([gpus[numbers[0]]], "GPU")
    except RuntimeError:
        # TensorFlow has started, perhaps with just these.
        pass
    _check_available(kind, numbers)


def _split_cpu(count: int) -> None:
    if count > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)


def _check_available(kind: str, numbers: list[int]) -> None:
    """Raise UsageError unless TensorFlow will compute on the named devices and no others."""
    visible = tf.config.get_visible_devices("GPU")
    if kind == "cpu":
        # Asking for the logical CPUs starts TensorFlow, and one is always there.
        agrees = not visible and (not max(numbers) or max(numbers) < len(tf.config.list_logical_devices("CPU")))
    else:
        # A single GPU is the first that is visible; several go by their places among the visible ones.
        gpus = tf.config.list_physical_devices("GPU")
        asked = {0: numbers[0]} if len(numbers) == 1 else {number: number for number in numbers}
        agrees = all(place < len(visible) and visible[place] == gpus[number] for place, number in asked.items())
    if not agrees:
        raise UsageError(
            f"--devices={','.join(f'{kind}:{number}' for number in numbers)} cannot be had any more.",
            expected="them to be chosen before TensorFlow has started; it computes on other devices by now.",
            fix="Choose them in a new process, before anything else is done with TensorFlow.",
        )
