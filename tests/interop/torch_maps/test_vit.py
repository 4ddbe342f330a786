"""A small Vision Transformer from a state dict with timm's names, against tf.nn."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

keras_hub = pytest.importorskip("keras_hub", reason="pip install 'fgtl[hub]'")

DEPTH, HEADS, WIDTH, PATCH = 3, 3, 24, 8


def vit(net: Any, image: Any) -> Any:
    """Dosovitskiy et al. 2021, equations 1 to 4."""
    x = net.conv(image, "patch_embed.proj", WIDTH, PATCH, PATCH, bias=True)
    x = tf.reshape(x, (x.shape[0], -1, WIDTH))
    token = tf.repeat(net.tensor("cls_token", (1, 1, WIDTH)), x.shape[0], 0)
    x = tf.concat([token, x], 1)
    x = x + net.tensor("pos_embed", (1, x.shape[1], WIDTH))
    for block in range(DEPTH):
        name = f"blocks.{block}"
        x = x + net.attention(net.layer_norm(x, f"{name}.norm1", 1e-6), f"{name}.attn", HEADS)
        x = x + net.mlp(net.layer_norm(x, f"{name}.norm2", 1e-6), f"{name}.mlp", 4 * WIDTH)
    return net.layer_norm(x, "norm", 1e-6)


def test_vit_equals_the_reconstruction(torch_net: Any, fill_from: Any, expect_close: Any) -> None:
    image = np.random.default_rng(1).standard_normal((2, 32, 32, 3)).astype("float32")
    expected = vit(torch_net, image)
    torch_net.tensor("head.weight", (5, WIDTH))
    torch_net.tensor("head.bias", (5,))
    trunk = keras_hub.models.ViTBackbone(
        image_shape=(32, 32, 3),
        patch_size=PATCH,
        num_layers=DEPTH,
        num_heads=HEADS,
        hidden_dim=WIDTH,
        mlp_dim=4 * WIDTH,
    )
    filled = fill_from(torch_net.state, "keras_hub:any", trunk)
    expect_close(trunk(image), expected)
    assert filled.left == {"classifier": ["head.weight", "head.bias"]}
    assert len(filled.used) + 2 == len(torch_net.state)
