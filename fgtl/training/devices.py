"""Which devices a process computes on; chosen by name before TensorFlow starts."""

import tensorflow as tf

from fgtl.errors import UsageError


def choose_devices(devices: tuple[str, ...]) -> list[str]:
    """Make the named devices available, hide the other GPUs, and return what a strategy calls them.

    Returns:
        The CPUs by their numbers; the GPUs by their places among those that are left visible, so gpu:2,gpu:3 are
        "gpu:0" and "gpu:1".

    Raises:
        UsageError: a name that cannot be meant, a device that is not there, or TensorFlow has started with others.
    """
    kind, numbers = _parse(devices)
    _make_available(kind, numbers)
    return [f"{kind}:{place}" for place in (range(len(numbers)) if kind == "gpu" else numbers)]


def choose_devices_of_worker(devices: tuple[str, ...]) -> list[str]:
    """`choose_devices` for one of several worker processes, in which TensorFlow computes on one CPU or on GPUs.

    Raises:
        UsageError: as there, or another CPU than the first.
    """
    kind, numbers = _parse(devices)
    if kind == "cpu" and numbers != [0]:
        raise UsageError(
            f"--devices={','.join(devices)} under TF_CONFIG.",
            expected="cpu, or GPUs: a worker has one CPU device.",
            fix="Start more workers instead.",
        )
    return choose_devices(devices)


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
    # TensorFlow keeps the order of the machine.
    return kinds[0], sorted(numbers)


def _make_available(kind: str, numbers: list[int]) -> None:
    """Hide the devices that were not named, and make the logical CPUs that were."""
    gpus = tf.config.list_physical_devices("GPU")
    if kind == "gpu" and max(numbers) >= len(gpus):
        if not gpus:
            raise UsageError(f"There is no gpu:{max(numbers)}: no GPU was found.", fix="Use --devices=cpu.")
        raise UsageError(f"There is no gpu:{max(numbers)}.", expected=f"one of {len(gpus)} GPUs, the first is gpu:0.")
    try:
        if kind == "cpu":
            tf.config.set_visible_devices([], "GPU")
            _split_cpu(max(numbers) + 1)
        else:
            tf.config.set_visible_devices([gpus[number] for number in numbers], "GPU")
    except RuntimeError:
        # TensorFlow has started, perhaps with just these.
        pass
    _check_available(kind, numbers)


def _split_cpu(count: int) -> None:
    if count > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)


def _check_available(kind: str, numbers: list[int]) -> None:
    """Raise UsageError unless the named devices are there and, of GPUs, the first that are visible."""
    visible = tf.config.get_visible_devices("GPU")
    if kind == "cpu":
        # Asking for the logical CPUs starts TensorFlow, and one is always there.
        agrees = not visible and (not max(numbers) or max(numbers) < len(tf.config.list_logical_devices("CPU")))
    else:
        gpus = tf.config.list_physical_devices("GPU")
        agrees = visible[: len(numbers)] == [gpus[number] for number in numbers]
    if not agrees:
        raise UsageError(
            f"--devices={','.join(f'{kind}:{number}' for number in numbers)} cannot be had any more.",
            expected="them to be chosen before TensorFlow has started; it computes on other devices by now.",
            fix="Choose them in a new process, before anything else is done with TensorFlow.",
        )
