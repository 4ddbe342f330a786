"""A small Swin Transformer from state dicts with timm's and with Microsoft's names, against tf.nn."""

import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

keras_hub = pytest.importorskip("keras_hub", reason="pip install 'fgtl[hub]'")

WINDOW, WIDTH, DEPTHS, HEADS = 4, 12, (2, 2), (2, 3)


def relative_positions() -> np.ndarray:
    """(N, N): row of the bias table for each pair of a window's pixels."""
    rows, columns = np.divmod(np.arange(WINDOW**2), WINDOW)
    side = 2 * WINDOW - 1
    return (rows[:, None] - rows + WINDOW - 1) * side + columns[:, None] - columns + WINDOW - 1


def windows(x: Any) -> Any:
    """(B, H, W, C) -> (B, windows, WINDOW^2, C)"""
    batch, side, _, channels = x.shape
    count = side // WINDOW
    x = tf.transpose(tf.reshape(x, (batch, count, WINDOW, count, WINDOW, channels)), (0, 1, 3, 2, 4, 5))
    return tf.reshape(x, (batch, count**2, WINDOW**2, channels))


def unwindowed(x: Any, side: int) -> Any:
    count = side // WINDOW
    x = tf.reshape(x, (x.shape[0], count, count, WINDOW, WINDOW, x.shape[-1]))
    return tf.reshape(tf.transpose(x, (0, 1, 3, 2, 4, 5)), (x.shape[0], side, side, x.shape[-1]))


def may_not_see(side: int, shift: int) -> np.ndarray:
    """(windows, 1, N, N): -100 for pairs that the roll has brought together from different ends of the map."""
    region = np.digitize(np.arange(side), [side - WINDOW, side - shift])
    marks = windows(tf.constant((3 * region[:, None] + region)[None, ..., None])).numpy()[0, :, :, 0]
    return np.where(marks[:, None, :, None] != marks[:, None, None, :], -100.0, 0.0).astype("float32")


def block(net: Any, x: Any, name: str, heads: int, shift: int) -> Any:
    """Liu et al. 2021, equation 3 and section 3.2; x (B, H, W, C)."""
    side = x.shape[1]
    table = net.tensor(f"{name}.attn.relative_position_bias_table", ((2 * WINDOW - 1) ** 2, heads), 0, 0.5)
    bias = table[relative_positions()].transpose(2, 0, 1)
    y = tf.roll(net.layer_norm(x, f"{name}.norm1", 1e-5), (-shift, -shift), (1, 2))
    mask = may_not_see(side, shift) if shift else 0.0
    y = unwindowed(net.attention(windows(y), f"{name}.attn", heads, bias + mask), side)
    x = x + tf.roll(y, (shift, shift), (1, 2))
    return x + net.mlp(net.layer_norm(x, f"{name}.norm2", 1e-5), f"{name}.mlp", 4 * x.shape[-1])


def swin(net: Any, image: Any) -> Any:
    x = net.layer_norm(net.conv(image, "patch_embed.proj", WIDTH, 4, 4, bias=True), "patch_embed.norm", 1e-5)
    for stage, (depth, heads) in enumerate(zip(DEPTHS, HEADS, strict=True)):
        if stage:
            # Section 3.1: the four neighbours side by side, columns outermost as in the published code.
            x = tf.concat([x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)], -1)
            x = net.layer_norm(x, f"layers.{stage}.downsample.norm", 1e-5)
            x = net.linear(x, f"layers.{stage}.downsample.reduction", x.shape[-1] // 2, bias=False)
        for index in range(depth):
            x = block(net, x, f"layers.{stage}.blocks.{index}", heads, WINDOW // 2 if index % 2 else 0)
    return net.layer_norm(x, "norm", 1e-5)


def test_swin_equals_the_reconstruction_under_both_kinds_of_names(
    torch_net: Any, fill_from: Any, expect_close: Any
) -> None:
    image = np.random.default_rng(1).standard_normal((2, 64, 64, 3)).astype("float32")
    expected = swin(torch_net, image)
    torch_net.tensor("head.fc.weight", (5, 2 * WIDTH))
    torch_net.tensor("head.fc.bias", (5,))
    trunk = keras_hub.models.SwinTransformerBackbone(
        image_shape=(64, 64, 3), embed_dim=WIDTH, depths=DEPTHS, num_heads=HEADS, window_size=WINDOW
    )
    fresh = trunk.get_weights()
    filled = fill_from(torch_net.state, "keras_hub:any", trunk)
    expect_close(trunk(image), expected)
    assert filled.left == {"classifier": ["head.fc.weight", "head.fc.bias"]}
    # Microsoft's files: merging belongs to the stage before it, the tables of indices and masks are saved too.
    trunk.set_weights(fresh)
    theirs = {
        re.sub(r"layers\.(\d)\.downsample", lambda found: f"layers.{int(found[1]) - 1}.downsample", name).replace("head.fc", "head"): array
        for name, array in torch_net.state.items()
    }  # fmt: skip
    theirs["layers.0.blocks.0.attn.relative_position_index"] = relative_positions()
    theirs["layers.0.blocks.1.attn_mask"] = np.zeros((4, WINDOW**2, WINDOW**2), "float32")
    filled = fill_from(theirs, "keras_hub:any", trunk)
    expect_close(trunk(image), expected)
    assert len(filled.left["tables that follow from the sizes"]) == 2
