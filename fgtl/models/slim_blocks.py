"""The blocks of the Inception networks, written as tables of branches, with TF-Slim's names.

A layer is called by its scope in slim below the network's root, with "_" for "/", so that a slim checkpoint fills it by
name: `Mixed_5b_Branch_0_Conv2d_0a_1x1`, and `..._BatchNorm` behind it.
"""

from dataclasses import dataclass
from typing import Any

from keras import layers

from fgtl.models.squeeze_excitation import squeeze_and_excite

# slim's for Inception networks: gamma is left out, because the next layer's kernel can scale as well.
BN_DECAY, BN_EPSILON = 0.9997, 1e-3


@dataclass(frozen=True)
class Conv:
    """Convolution without bias, batch normalisation without gamma, ReLU.

    Args:
        name: slim's scope inside the branch; it ends in the kernel's size, "1x7".
        filters: output channels.
        stride: 2 goes with "valid" in all these networks.
        padding: "same" or "valid".
        kernel: where slim's name does not tell it.
    """

    name: str
    filters: int
    stride: int = 1
    padding: str = "same"
    kernel: tuple[int, int] | None = None

    @property
    def kernel_size(self) -> tuple[int, int]:
        """(rows, columns)."""
        if self.kernel:
            return self.kernel
        rows, columns = self.name.rsplit("_", 1)[-1].split("x")
        return int(rows), int(columns)

    def __call__(self, x: Any, scope: str) -> Any:
        name = f"{scope}_{self.name}" if scope else self.name
        x = layers.Conv2D(
            self.filters,
            self.kernel_size,
            self.stride,
            padding=self.padding,
            use_bias=False,
            kernel_initializer="he_normal",
            name=name,
        )(x)
        x = layers.BatchNormalization(momentum=BN_DECAY, epsilon=BN_EPSILON, scale=False, name=f"{name}_BatchNorm")(x)
        return layers.ReLU(name=f"{name}_Relu")(x)


@dataclass(frozen=True)
class MaxPool:
    """3x3 maximum at every second pixel, without padding."""

    name: str

    def __call__(self, x: Any, scope: str) -> Any:
        name = f"{scope}_{self.name}" if scope else self.name
        return layers.MaxPooling2D(3, 2, name=name)(x)


@dataclass(frozen=True)
class AvgPool:
    """3x3 mean around every pixel; those outside the map are not counted."""

    name: str = "AvgPool_0a_3x3"

    def __call__(self, x: Any, scope: str) -> Any:
        return layers.AveragePooling2D(3, 1, padding="same", name=f"{scope}_{self.name}")(x)


@dataclass(frozen=True)
class Fork:
    """Convolutions of the same map side by side, concatenated."""

    convs: tuple[Conv, ...]

    def __call__(self, x: Any, scope: str) -> Any:
        return layers.Concatenate(name=f"{scope}_Fork")([conv(x, scope) for conv in self.convs])


Step = Conv | MaxPool | AvgPool | Fork
Branch = tuple[Step, ...]


def apply_steps(x: Any, steps: Branch, scope: str = "") -> Any:
    """One step after the other."""
    for step in steps:
        x = step(x, scope)
    return x


def mixed_block(x: Any, name: str, branches: tuple[Branch, ...], se: bool = False) -> Any:
    """Branches of the same map, concatenated; with `se` behind a squeeze-and-excitation gate.

    Args:
        x: (B, H, W, C) symbolic.
        name: slim's scope of the block, "Mixed_5b".
    """
    ends = [apply_steps(x, branch, f"{name}_Branch_{index}") for index, branch in enumerate(branches)]
    x = layers.Concatenate(name=name)(ends)
    return squeeze_and_excite(x, f"{name}_SE_block") if se else x


# The beginning of Inception-V3 and of Inception-ResNet-V2: 299 -> 35 pixels, 192 channels.
STEM: Branch = (
    Conv("Conv2d_1a_3x3", 32, stride=2, padding="valid"),
    Conv("Conv2d_2a_3x3", 32, padding="valid"),
    Conv("Conv2d_2b_3x3", 64),
    MaxPool("MaxPool_3a_3x3"),
    Conv("Conv2d_3b_1x1", 80, padding="valid"),
    Conv("Conv2d_4a_3x3", 192, padding="valid"),
    MaxPool("MaxPool_5a_3x3"),
)
