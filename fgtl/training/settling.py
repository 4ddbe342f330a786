"""Whether batch statistics forget what a network began with: after n steps decay^n of it is left, about e^-n(1-decay)."""

# Of batch statistics, where the network's own is too slow.
DECAYS = (0.99, 0.9)


def settles(decay: float, steps: int, times: float) -> bool:
    """Whether less than e^-times of the first statistics is left."""
    # Without the tolerance 300 * (1 - 0.99) would be less than 3.
    return steps * (1 - decay) >= times - 1e-9


def settling_decay(own: float, steps: int, times: float) -> float:
    """The slowest of the network's own decay and `DECAYS` that settles; the fastest of them where none does."""
    return next((decay for decay in (own, *DECAYS) if settles(decay, steps, times)), min(own, *DECAYS))
