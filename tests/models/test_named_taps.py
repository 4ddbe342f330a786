"""Taps that a backbone has only when it is asked for them by name."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from tiny_networks import TINY, images_of, perturb, tiny

from fgtl.errors import UsageError
from fgtl.interop.pretrained import load_weights
from fgtl.models.backbone import BACKBONES, Architecture, Backbone, build_network
from fgtl.models.keras_hub_families import STANDARDISED
from fgtl.models.keras_hub_rebuild import blueprint
from fgtl.models.taps import Tap, find_taps
from fgtl.training.layer_rates import depths


def two_branches(size: int) -> keras.Model:
    """Two branches of one shape at each of two strides; the shared layer is called twice."""
    x = image = keras.Input((size, size, 3))
    for name in ("a", "b"):
        x = layers.Conv2D(4, 4, 4, name=f"{name}_down")(x)
        left = layers.Conv2D(4, 3, padding="same", name=f"{name}_left")(x)
        left = layers.Conv2D(4, 3, padding="same", name=f"{name}_left_end")(left)
        right = layers.Conv2D(4, 3, padding="same", name=f"{name}_right")(x)
        x = layers.Concatenate(name=f"{name}_join")([left, layers.ReLU()(right)])
    shared = layers.Conv2D(8, 1, name="shared")
    x = layers.Add(name="p4x")([shared(shared(x)), x])
    gate = layers.GlobalAveragePooling2D(name="pooled", keepdims=True)(x)
    return keras.Model(image, layers.Multiply(name="features")([x, gate]))


@pytest.fixture
def branches(monkeypatch: pytest.MonkeyPatch) -> str:
    known = Architecture(two_branches, lambda images: images / 255.0)
    monkeypatch.setattr(type(BACKBONES), "__getitem__", lambda registry, name: known)
    return "branches"


def own_map(backbone: Backbone, layer: str, images: np.ndarray) -> Any:
    return keras.Model(backbone.trunk.input, backbone.trunk.get_layer(layer).output)(images / 255)


def test_a_layers_map_is_a_tap_under_its_name(branches: str) -> None:
    backbone = build_network(branches, 64, ("b_right", "a_left"))
    assert backbone.taps == (
        Tap("a_left", 4, 4, (16, 16), usual=False),
        Tap("p2", 4, 8, (16, 16)),
        Tap("b_right", 16, 4, (4, 4), usual=False),
        Tap("p4", 16, 8, (4, 4)),
    )
    images = images_of(backbone)
    outputs = backbone(images)["taps"]
    # In the network's order, and neither in that of the names nor as they were asked for.
    assert list(outputs) == list(backbone.output["taps"]) == ["a_left", "p2", "b_right", "p4"]
    for name, layer in (("a_left", "a_left"), ("p2", "a_join"), ("b_right", "b_right")):
        np.testing.assert_allclose(outputs[name], own_map(backbone, layer, images), rtol=1e-5, atol=1e-6)


def test_what_can_be_asked_for_are_maps_whose_names_another_network_has_too(branches: str) -> None:
    backbone = build_network(branches, 64)
    assert [tap.name for tap in backbone.taps] == ["p2", "p4"]
    names = [tap.name for tap in backbone.all_taps]
    assert names[-3:] == ["shared", "p4x", "p4"]
    # Neither the image, nor what Keras calls re_lu_7, nor one cell, nor a name that an output of the backbone has.
    assert set(names) == {
        *(f"{stage}_{part}" for stage in "ab" for part in ("down", "left", "left_end", "right", "join")),
        *("p2", "p4", "shared", "p4x"),
    }


def test_of_a_layer_that_is_called_twice_the_last_map_is_taken(branches: str) -> None:
    backbone = build_network(branches, 64, ("shared",))
    images = images_of(backbone)
    shared = backbone.trunk.get_layer("shared")
    once = shared(own_map(backbone, "b_join", images))
    np.testing.assert_allclose(backbone(images)["taps"]["shared"], shared(once), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wanted", [(), ("a_right", "b_right"), ("b_left",)])
def test_asking_changes_nothing_else(branches: str, wanted: tuple[str, ...], tmp_path: Path) -> None:
    plain = build_network(branches, 64)
    asked = build_network(branches, 64, wanted or [tap.name for tap in plain.all_taps])
    # In a file, and from model to model, weights go by their order.
    inside = [[weight.path for weight in one.get_layer("trunk").weights] for one in (plain, asked)]
    assert inside[0] == inside[1] and [one.path for one in asked.weights] == [one.path for one in plain.weights]
    plain.save(tmp_path / "model.keras")
    load_weights(asked, tmp_path / "model.keras")
    images = images_of(plain)
    there, here = plain(images), asked(images)
    assert np.array_equal(here["features"], there["features"])
    for tap in plain.taps:
        assert np.array_equal(here["taps"][tap.name], there["taps"][tap.name])
    # A decay of the rates with depth means the same.
    assert list(depths(asked).values()) == list(depths(plain).values())
    assert set(depths(plain).values()) == {1, 2}


def test_a_saved_backbone_has_the_taps_that_were_asked_for(branches: str, tmp_path: Path) -> None:
    backbone = build_network(branches, 64, ("p4", "b_left", "a_left", "b_left"))
    assert backbone.get_config()["taps"] == ["a_left", "b_left"]
    backbone.save(tmp_path / "backbone.keras")
    again = keras.saving.load_model(tmp_path / "backbone.keras", safe_mode=True)
    assert again.taps == backbone.taps and again.get_config() == backbone.get_config()
    images = images_of(backbone)
    for name, tensor in backbone(images)["taps"].items():
        assert np.array_equal(again(images)["taps"][name], tensor)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("a_lefd", r"branches has no tap 'a_lefd'\.\n  Expected p2, p4, and by name a_down[\s\S]*mean 'a_left'\?"),
        ("pooled", r"no tap 'pooled': what its layer of that name gives cannot be one[\s\S]*backbones branches --taps"),
        ("features", "no tap 'features': what its layer of that name gives cannot be one"),
        ("", r"no tap ''\.[\s\S]*--plugin_taps; taps in Python"),
    ],
)
def test_a_name_that_is_no_tap_is_refused_with_those_that_are(branches: str, wanted: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_network(branches, 64, ("p4", wanted))


def test_of_a_network_of_many_layers_the_message_says_which_they_are() -> None:
    with pytest.raises(UsageError, match=r"each layer that gives a map[\s\S]*conv2d_7[\s\S]*mean 'block_12_add'\?"):
        build_network("mobilenet_v2", 32, ("block_12_ad",))


def test_strides_are_the_networks_even_where_borders_take_cells() -> None:
    taps = {tap.name: tap for tap in find_taps(keras.applications.InceptionV3(False, None, input_shape=(107, 107, 3)))}
    # 107 pixels in 2 cells are nearer to a stride of 64.
    assert (taps["p5"].stride, taps["p5"].grid) == (32, (2, 2))
    assert [(taps[f"mixed{n}"].stride, taps[f"mixed{n}"].grid) for n in (0, 3, 7)] == [
        (8, (11, 11)),
        (16, (5, 5)),
        (16, (5, 5)),
    ]
    assert not [name for name in taps if name.startswith(("conv2d", "activation", "concatenate"))]


def test_any_block_of_a_transformer_and_its_last_before_the_normalisation() -> None:
    pytest.importorskip("keras_hub")
    plan = blueprint("ViT", {**TINY["ViT"][0], "num_layers": 6}, *STANDARDISED, 32)
    backbone = Backbone("keras_hub:tiny", None, plan.spec, ("block6_before_norm", "block4", "block1"))
    assert [tap.name for tap in backbone.taps if tap.usual] == ["block2", "block3", "block5", "block6"]
    assert [tap.name for tap in backbone.taps if not tap.usual] == ["block1", "block4", "block6_before_norm"]
    assert [tap.name for tap in backbone.taps][-3:] == ["block5", "block6_before_norm", "block6"]
    assert {(tap.stride, tap.grid, tap.prefix_tokens) for tap in backbone.taps} == {(8, (4, 4), 1)}
    taps = backbone(images_of(backbone))["taps"]
    encoder = next(layer for layer in backbone.trunk.layers if layer.name.endswith("_encoder"))
    for block, (before, after) in {3: ("block3", "block4"), 5: ("block5", "block6_before_norm")}.items():
        np.testing.assert_allclose(taps[after], encoder.encoder_layers[block](taps[before]), rtol=1e-4, atol=1e-5)
    last = encoder.layer_norm(taps["block6_before_norm"])
    np.testing.assert_allclose(taps["block6"], last, rtol=1e-4, atol=1e-5)
    with pytest.raises(
        UsageError, match=r"block6, and by name block1, block4, block6_before_norm[\s\S]*mean 'block4'\?"
    ):
        Backbone("keras_hub:tiny", None, plan.spec, ("blok4",))


@pytest.mark.slow
def test_swins_stages_are_what_its_own_stages_give() -> None:
    pytest.importorskip("keras_hub")
    stages = [f"stage{number}" for number in (1, 2, 3, 4)]
    plain = tiny("SwinTransformer")
    assert [tap.name for tap in plain.all_taps] == ["p2", "stage1", "p3", "stage2", "p4", "stage3", "stage4", "p5"]
    backbone = Backbone("keras_hub:tiny", None, plain.spec, stages)
    perturb(backbone)
    named = [tap for tap in backbone.taps if not tap.usual]
    assert [(tap.name, tap.stride, tap.grid, tap.channels) for tap in named] == [
        ("stage1", 8, (8, 8), 16),
        ("stage2", 16, (4, 4), 32),
        ("stage3", 32, (2, 2), 64),
        ("stage4", 32, (2, 2), 64),
    ]
    images = images_of(backbone)
    taps = backbone(images)["taps"]
    own = keras.Model(backbone.trunk.input, [backbone.trunk.get_layer(f"stage_{number}").output for number in range(4)])
    standardised = ((images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("float32")
    for name, expected in zip(stages, own(standardised), strict=True):
        np.testing.assert_allclose(np.reshape(taps[name], expected.shape), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TINY)
def test_every_family_keeps_its_usual_taps_and_gives_what_else_it_lists(kind: str) -> None:
    pytest.importorskip("keras_hub")
    plain = tiny(kind)
    assert [tap.name for tap in plain.all_taps if tap.usual] == [name for name, _, _ in TINY[kind][2]]
    assert len({tap.name for tap in plain.all_taps}) == len(plain.all_taps) > len(plain.taps)
    asked = Backbone("keras_hub:tiny", None, plain.spec, [tap.name for tap in plain.all_taps])
    assert asked.taps == plain.all_taps
    assert [weight.shape for weight in asked.weights] == [weight.shape for weight in plain.weights]
    asked.set_weights(plain.get_weights())
    images = images_of(plain)
    here, there = asked(images), plain(images)
    assert np.array_equal(here["features"], there["features"])
    for tap in asked.taps:
        tokens = (tap.grid[0] * tap.grid[1] + tap.prefix_tokens,) if tap.name.startswith("block") else tap.grid
        grids = {(2, *tokens, tap.channels), (2, *tap.grid, tap.channels)}
        assert tuple(here["taps"][tap.name].shape) in grids
