"""Squeeze-and-excitation: a gate for each channel, computed from the means of all channels."""

from typing import Any

from keras import layers

REDUCTION = 16


def squeeze_and_excite(x: Any, name: str) -> Any:
    """x * sigmoid(W2 relu(W1 mean(x) + b1) + b2), the mean taken over the grid.

    Hu et al. 2018, equations 2 to 4. W1 has int(C / 16) rows and W2 has C; both have biases, neither is normalised, so
    a gate adds 2 C int(C / 16) + int(C / 16) + C weights.

    Args:
        x: (B, H, W, C) symbolic.
        name: of the gate; its two convolutions are called `name_Conv` and `name_Conv_1`, as TF-Slim names them.

    Returns:
        (B, H, W, C).
    """
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_Mean")(x)
    for suffix, filters, activation in (("Conv", channels // REDUCTION, "relu"), ("Conv_1", channels, "sigmoid")):
        gate = layers.Conv2D(
            filters, 1, activation=activation, kernel_initializer="he_normal", name=f"{name}_{suffix}"
        )(gate)
    return layers.Multiply(name=name)([x, gate])
