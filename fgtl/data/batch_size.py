"""Which batch sizes can be shared out."""

from fgtl.errors import UsageError


def check_batch_size(batch_size: int, devices: int = 1, slices: int = 1, *, pairs: bool = False) -> None:
    """Raise UsageError unless every device can cut its part of the batch into equal slices, of whole pairs if need be.

    Args:
        batch_size: the whole one, over all devices.
        devices: of all workers.
        slices: `accumulate`.
        pairs: images are mixed in pairs, which must not be cut.
    """
    unit = devices * slices * (2 if pairs else 1)
    if batch_size % unit:
        down, up = batch_size - batch_size % unit, batch_size + unit - batch_size % unit
        shared = [f"{devices} devices"] * (devices > 1) + [f"--accumulate={slices}"] * (slices > 1)
        shared += ["the pairs of --mixup or --cutmix"] * pairs
        raise UsageError(
            f"--batch_size={batch_size} does not divide over {' and '.join(shared)}.",
            expected=f"a multiple of {unit}.",
            fix=f"Use {' or '.join(f'--batch_size={size}' for size in (down, up) if size)}.",
        )
