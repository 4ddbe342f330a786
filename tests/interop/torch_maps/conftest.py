"""torch.nn's layers in inference, written in tf.nn on weights in torch's layouts that are drawn when first used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from fgtl.interop.filling import Filled, fill
from fgtl.interop.torch_maps import torch_leftover, torch_pieces
from fgtl.interop.weight_file import WeightFile
from fgtl.interop.weight_names import named_weights


class Torch:
    """A state dict that grows while a network is computed; images are (B, H, W, C) here."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.state: dict[str, np.ndarray] = {}

    def tensor(self, name: str, shape: tuple[int, ...], centre: float = 0.0, spread: float = 0.1) -> np.ndarray:
        if name not in self.state:
            self.state[name] = (centre + spread * self.rng.standard_normal(shape)).astype("float32")
        return self.state[name]

    def conv(
        self, x: Any, name: str, out: int, kernel: int, stride: int = 1, padding: int = 0, bias: bool = False
    ) -> Any:
        weight = self.tensor(
            f"{name}.weight", (out, x.shape[-1], kernel, kernel), 0, (2 / (kernel**2 * x.shape[-1])) ** 0.5
        )
        x = tf.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
        x = tf.nn.conv2d(x, weight.transpose(2, 3, 1, 0), stride, "VALID")
        return x + self.tensor(f"{name}.bias", (out,)) if bias else x

    def batch_norm(self, x: Any, name: str, epsilon: float = 1e-5) -> Any:
        size = (x.shape[-1],)
        mean = self.tensor(f"{name}.running_mean", size)
        variance = np.abs(self.tensor(f"{name}.running_var", size, 1.0))
        self.state[f"{name}.running_var"] = variance
        self.state[f"{name}.num_batches_tracked"] = np.asarray(7, "int64")
        gamma, beta = self.tensor(f"{name}.weight", size, 1.0), self.tensor(f"{name}.bias", size)
        return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta

    def layer_norm(self, x: Any, name: str, epsilon: float) -> Any:
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        gamma, beta = self.tensor(f"{name}.weight", (x.shape[-1],), 1.0), self.tensor(f"{name}.bias", (x.shape[-1],))
        return (x - mean) / tf.sqrt(variance + epsilon) * gamma + beta

    def linear(self, x: Any, name: str, out: int, bias: bool = True) -> Any:
        x = tf.einsum("...i,oi->...o", x, self.tensor(f"{name}.weight", (out, x.shape[-1]), 0, x.shape[-1] ** -0.5))
        return x + self.tensor(f"{name}.bias", (out,)) if bias else x

    def mlp(self, x: Any, name: str, width: int) -> Any:
        return self.linear(tf.nn.gelu(self.linear(x, f"{name}.fc1", width)), f"{name}.fc2", x.shape[-1])

    def attention(self, x: Any, name: str, heads: int, bias: Any = 0.0) -> Any:
        """x (..., N, D); bias (..., H, N, N) is added to the logits."""
        width = x.shape[-1]
        q, k, v = tf.split(self.linear(x, f"{name}.qkv", 3 * width), 3, -1)

        def split(part: Any) -> Any:
            return tf.einsum("...nhd->...hnd", tf.reshape(part, (*part.shape[:-1], heads, width // heads)))

        logits = tf.matmul(split(q), split(k), transpose_b=True) / (width // heads) ** 0.5 + bias
        mixed = tf.einsum("...hnd->...nhd", tf.matmul(tf.nn.softmax(logits), split(v)))
        return self.linear(tf.reshape(mixed, x.shape), f"{name}.proj", width)


@pytest.fixture
def torch_net() -> Torch:
    return Torch()


@pytest.fixture(scope="session")
def fill_from() -> Callable[[dict[str, np.ndarray], str, keras.Model], Filled]:
    """State dict, backbone's name, trunk -> what was filled."""

    def fill_trunk(state: dict[str, np.ndarray], name: str, trunk: keras.Model) -> Filled:
        shapes = {key: array.shape for key, array in state.items()}
        file = WeightFile(Path("x.pth"), "torch state dict", "torch", shapes, state.__getitem__)
        return fill(torch_pieces(name, named_weights(trunk), shapes), file, torch_leftover, name)

    return fill_trunk


@pytest.fixture(scope="session")
def expect_close() -> Callable[[Any, Any], None]:
    def check(ours: Any, theirs: Any) -> None:
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        assert np.abs(theirs).max() > 0.1
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())

    return check
