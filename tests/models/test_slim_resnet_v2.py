"""ResNet-V2 with slim's first pool; its numbers are tested where slim's checkpoints are imported."""

import keras
import numpy as np
import pytest

from fgtl.models.backbone import build_network


@pytest.mark.parametrize("size, grids", [(64, (16, 8, 4, 2)), (65, (17, 9, 5, 3))])
def test_the_grids_are_halved_and_rounded_up(size: int, grids: tuple[int, ...]) -> None:
    backbone = build_network("resnet_v2_50", size)
    maps = backbone.output["taps"]
    assert tuple(maps[tap.name].shape[1] for tap in backbone.taps)[-4:] == grids
    assert backbone.feature_dim == 2048


def test_the_first_pool_lets_nothing_from_outside_win() -> None:
    trunk = build_network("resnet_v2_50", 64).trunk
    pool = keras.Model(trunk.input, trunk.get_layer("pool1_pool").output)
    trunk.get_layer("conv1_conv").set_weights([np.zeros((7, 7, 3, 64)), np.full(64, -3.0)])
    # keras.applications pads with zeros, which are more than -3.
    assert (np.asarray(pool(np.zeros((1, 64, 64, 3)))) == -3).all()
