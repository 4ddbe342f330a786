"""Helpers of several networks' tests."""

import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

# For tiny_networks.py: pytest's importlib mode leaves the tests' folders out of the path.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def scramble() -> Callable[[keras.Model], list[np.ndarray]]:
    """Gives a network weights that tell layers apart: fresh ones leave all statistics of batch normalisation equal."""

    def scrambled(network: keras.Model) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        values = []
        for weight in network.weights:
            old = keras.ops.convert_to_numpy(weight)
            is_kernel = weight.name == "kernel"
            values.append(old if is_kernel else rng.uniform(0.5, 1.5, old.shape).astype("float32"))
        network.set_weights(values)
        return values

    return scrambled
