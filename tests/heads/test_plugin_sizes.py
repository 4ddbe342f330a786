"""The plug-in's outputs and weights on the published networks' taps: shapes and numbers, part by part."""

from typing import Any

import keras
import numpy as np
import pytest

from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_combiner import Combiner
from fgtl.heads.plugin_knobs import PluginKnobs

# The published networks' taps: (points, channels), rows and columns for maps.
RESNET = {"p2": (112, 112, 256), "p3": (56, 56, 512), "p4": (28, 28, 1024), "p5": (14, 14, 2048)}
VIT = {f"block{n}": (785, 768) for n in (9, 10, 11, 12)}
EFFICIENTNET = {"s4": (28, 28, 160), "s5": (28, 28, 224), "s6": (14, 14, 384), "s7": (14, 14, 640)}
SWIN = {"s1": (2304, 384), "s2": (576, 768), "s3": (144, 1536), "s4": (144, 1536)}
CUB, NABIRDS = ("2048", "512", "128", "32"), ("256", "128", "64", "32")


def head_on(taps: dict[str, Any], classes: int = 200, size: int = 512, selects: tuple[str, ...] = ()) -> PluginHead:
    head = PluginHead(classes, PluginKnobs(fpn_size=size, num_selects=selects))
    head.build({name: (None, *shape) for name, shape in taps.items()})
    return head


def count(*layers: Any) -> int:
    return sum(int(np.prod(v.shape)) for layer in layers for v in layer.trainable_variables)


@pytest.mark.parametrize(
    ("taps", "classes", "size", "selects", "expected"),
    [
        (RESNET, 200, 512, ("32",), (7_542_528, 1_465_120, 498_146)),
        (VIT, 200, 512, ("32",), (3_937_280, 1_465_120, 498_146)),
        (EFFICIENTNET, 200, 512, ("32",), (1_357_184, 1_465_120, 498_146)),
        (SWIN, 200, 1536, CUB, (13_367_232, 10_685_216, 4_090_317)),
        (SWIN, 555, 1536, NABIRDS, (13_367_232, 12_867_756, 4_404_812)),
        (SWIN, 10, 512, ("32",), (9_037_760, 1_075_240, 400_676)),
    ],
)
def test_pyramid_classifiers_and_combiner_have_the_published_numbers_of_weights(
    taps: Any, classes: int, size: int, selects: Any, expected: tuple[int, int, int]
) -> None:
    """The table of the published models, without the backbones' column."""
    head = head_on(taps, classes, size, selects)
    assert (count(head.pyramid), count(*head.classifiers), count(head.combiner)) == expected
    assert count(head) == sum(expected)


@pytest.mark.parametrize(
    ("taps", "size", "each", "ups"),
    [
        # From a level to the finer one: bilinear has no weights, between levels of one size there is nothing.
        (RESNET, 512, (197_376, 525_312, 1_574_400, 5_245_440), (0, 0, 0)),
        (EFFICIENTNET, 512, (108_192, 165_600, 344_960, 738_432), (None, 0, None)),
        (VIT, 512, (984_320,) * 4, (None, None, None)),
        (SWIN, 1536, (739_200, 1_771_776, 4_721_664, 4_721_664), (1_329_408, 83_520, None)),
    ],
)
def test_each_projection_and_up_map_has_the_published_number_of_weights(
    taps: Any, size: int, each: tuple[int, ...], ups: tuple[int | None, ...]
) -> None:
    """Acceptance A5."""
    pyramid = head_on(taps, size=size).pyramid
    pairs = zip(pyramid.widen, pyramid.project, strict=True)
    assert tuple(count(*pair) for pair in pairs) == each
    assert tuple(count(up) if up else None for up in pyramid.up) == ups


@pytest.mark.parametrize(
    ("size", "classes", "weights"),
    [(512, 200, 366_280), (1536, 200, 2_671_304), (1536, 555, 3_216_939), (512, 10, 268_810)],
)
def test_one_levels_classifier_has_the_published_number_of_weights(size: int, classes: int, weights: int) -> None:
    """Acceptance A5."""
    assert count(head_on({"p4": (4, 8, 9), "p5": (4, 8, 9)}, classes, size, ("16",)).classifiers[0]) == weights


def test_the_combiner_has_the_published_number_of_weights_part_by_part() -> None:
    """Acceptance A6."""
    layer = Combiner(200, sum(map(int, CUB)), 1536, 0.1)
    layer.build()
    assert (count(layer.pool), layer.adjacency.shape, layer.alpha.shape) == (231_200 + 85, (85, 85), ())
    assert count(layer.convolution) == 2_359_296 + 1_536
    assert count(layer.norm) == 2 * 1_536
    assert count(layer.query) == count(layer.key) == 589_824 + 384
    assert (count(layer.joint_pool), count(layer.logits)) == (85 + 1, 307_200 + 200)


@pytest.mark.parametrize(
    ("taps", "size", "selects", "points", "dropped"),
    [
        # Acceptance A1 to A4.
        (RESNET, 512, ("32",), (12544, 3136, 784, 196), (12512, 3104, 752, 164)),
        (VIT, 512, ("32",), (785,) * 4, (753,) * 4),
        (EFFICIENTNET, 512, ("32",), (784, 784, 196, 196), (752, 752, 164, 164)),
        (SWIN, 1536, CUB, (2304, 576, 144, 144), (256, 64, 16, 112)),
    ],
)
def test_outputs_have_the_published_shapes(taps: Any, size: int, selects: Any, points: Any, dropped: Any) -> None:
    head = head_on(taps, 200, size, selects)
    given = {name: keras.Input(shape, batch_size=1) for name, shape in taps.items()}
    outputs = head(given, keras.Input((5,), batch_size=1), training=True)
    for level, kept, there, left in zip(head.levels, head.kept, points, dropped, strict=True):
        assert outputs[f"{level.name}_points"].shape == (1, there, 200)
        assert outputs[f"{level.name}_dropped"].shape == (1, there)
        assert outputs[f"{level.name}_kept"].shape == outputs[f"{level.name}_confidence"].shape == (1, kept)
        assert outputs[level.name].shape == (1, 200)
        assert there - kept == left
    assert outputs["combiner"].shape == (1, 200)


def test_nabirds_and_cub_counts_make_15_and_85_joints() -> None:
    """Acceptance A4."""
    for selects, joints in ((NABIRDS, 15), (CUB, 85)):
        assert head_on(SWIN, 10, 16, selects).combiner.adjacency.shape == (joints, joints)
