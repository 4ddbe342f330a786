"""TF-Slim's names of the convolutions in Inception-V3 and Inception-ResNet-V2, in the order of their creation.

Facts of the published checkpoints (tensorflow/models, research/slim). A line is a block: branches are separated by "|",
and the names of their convolutions lack the leading "Conv2d_". Pools have no variables and are left out. The names are
not always what they say: Mixed_6a's "1a_1x1" are 3x3 convolutions, and 5c, 7b and 7c break the pattern of the others.
"""

_V3_STEM = "1a_3x3 2a_3x3 2b_3x3 3b_1x1 4a_3x3"
_V3_A = "0a_1x1 | 0a_1x1 0b_5x5 | 0a_1x1 0b_3x3 0c_3x3 | 0b_1x1"
_V3_B = "0a_1x1 | 0a_1x1 0b_1x7 0c_7x1 | 0a_1x1 0b_7x1 0c_1x7 0d_7x1 0e_1x7 | 0b_1x1"
_V3 = {
    "Mixed_5b": _V3_A,
    "Mixed_5c": "0a_1x1 | 0b_1x1 Conv_1_0c_5x5 | 0a_1x1 0b_3x3 0c_3x3 | 0b_1x1",
    "Mixed_5d": _V3_A,
    "Mixed_6a": "1a_1x1 | 0a_1x1 0b_3x3 1a_1x1",
    **dict.fromkeys(("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"), _V3_B),
    "Mixed_7a": "0a_1x1 1a_3x3 | 0a_1x1 0b_1x7 0c_7x1 1a_3x3",
    "Mixed_7b": "0a_1x1 | 0a_1x1 0b_1x3 0b_3x1 | 0a_1x1 0b_3x3 0c_1x3 0d_3x1 | 0b_1x1",
    "Mixed_7c": "0a_1x1 | 0a_1x1 0b_1x3 0c_3x1 | 0a_1x1 0b_3x3 0c_1x3 0d_3x1 | 0b_1x1",
}

_IR_BLOCK35 = "1x1 | 0a_1x1 0b_3x3 | 0a_1x1 0b_3x3 0c_3x3"
_IR_BLOCK17 = "1x1 | 0a_1x1 0b_1x7 0c_7x1"
_IR_BLOCK8 = "1x1 | 0a_1x1 0b_1x3 0c_3x1"
_IR = {
    "Mixed_5b": "1x1 | 0a_1x1 0b_5x5 | 0a_1x1 0b_3x3 0c_3x3 | 0b_1x1",
    **{f"Repeat/block35_{index}": _IR_BLOCK35 for index in range(1, 11)},
    "Mixed_6a": "1a_3x3 | 0a_1x1 0b_3x3 1a_3x3",
    **{f"Repeat_1/block17_{index}": _IR_BLOCK17 for index in range(1, 21)},
    "Mixed_7a": "0a_1x1 1a_3x3 | 0a_1x1 1a_3x3 | 0a_1x1 0b_3x3 1a_3x3",
    **{f"Repeat_2/block8_{index}": _IR_BLOCK8 for index in range(1, 10)},
    "Block8": _IR_BLOCK8,
}


def _scopes(stem: str, blocks: dict[str, str]) -> tuple[str, ...]:
    scopes = [_convolution(name) for name in stem.split()]
    for block, branches in blocks.items():
        for number, names in enumerate(branches.split("|")):
            scopes += [f"{block}/Branch_{number}/{_convolution(name)}" for name in names.split()]
    return tuple(scopes)


def _convolution(name: str) -> str:
    return name if name.startswith("Conv") else f"Conv2d_{name}"


# 94 and 203 - 41 convolutions: those with a batch norm. The 40 that scale a residual, and the last one, have names in
# keras.applications too.
INCEPTION_V3 = _scopes(_V3_STEM, _V3)
INCEPTION_RESNET_V2 = _scopes(_V3_STEM, _IR)
