"""KerasHub's families as backbones: taps, features, sizes, and saved models."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny_networks import PREFIX, TINY, images_of, perturb, tiny

from fgtl.errors import InputError
from fgtl.heads.classifier import Classifier, load_classifier
from fgtl.heads.linear import LinearHead
from fgtl.interop.pretrained import load_weights
from fgtl.models.backbone import build_network
from fgtl.models.facts import FACTS
from fgtl.models.keras_hub_networks import NETWORKS

keras_hub = pytest.importorskip("keras_hub")


_FAST = ("ViT", "DINOV2", "SwinTransformer", "ResNet")


@pytest.mark.parametrize(
    "kind", [kind if kind in _FAST else pytest.param(kind, marks=pytest.mark.slow) for kind in TINY]
)
def test_taps_features_and_the_saved_model_are_those_of_the_network(kind: str, tmp_path: Path) -> None:
    model = Classifier(tiny(kind), LinearHead(3))
    backbone = model.backbone
    perturb(backbone)
    images = images_of(backbone)
    outputs = backbone(images)
    assert [(tap.name, tap.stride, tap.grid) for tap in backbone.taps] == [(n, s, (g, g)) for n, s, g in TINY[kind][2]]
    for tap in backbone.taps:
        rows, columns = tap.grid
        tokens = (rows * columns + tap.prefix_tokens,) if tap.name.startswith("block") else (rows, columns)
        assert outputs["taps"][tap.name].shape == (2, *tokens, tap.channels)
        assert tap.prefix_tokens == PREFIX.get(kind, 0)

    # The network computes the same by itself, on standardised images.
    standardised = ((images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("float32")
    entry = backbone.trunk.input
    whole = backbone.trunk(dict.fromkeys(entry, standardised) if isinstance(entry, dict) else standardised)
    whole = whole["stage4"] if isinstance(whole, dict) else whole
    deepest = np.asarray(outputs["taps"][backbone.taps[-1].name])
    np.testing.assert_allclose(deepest.reshape(whole.shape), whole, rtol=1e-4, atol=1e-5)
    vector = deepest[:, 0] if kind in PREFIX else deepest.mean((1, 2))
    np.testing.assert_allclose(outputs["features"], vector, rtol=1e-4, atol=1e-5)

    model.save(tmp_path / "model.keras")
    again = load_classifier(tmp_path / "model.keras")
    assert np.array_equal(again(images)["logits"], model(images)["logits"])
    assert np.array_equal(backbone(images)["features"], outputs["features"])
    assert again.backbone.taps == backbone.taps and again.get_config() == model.get_config()


@pytest.mark.parametrize("kind", ["ViT", "DINOV2"])
def test_a_shallow_tap_does_not_see_the_last_block(kind: str) -> None:
    backbone = tiny(kind)
    images = images_of(backbone)
    before = backbone(images)["taps"]
    last = next(
        v for v in backbone.trainable_variables if re.search(r"block_4/mlp.*kernel|layers_3/.*mlp.*kernel", v.path)
    )
    last.assign(last + np.random.default_rng(0).normal(size=last.shape))
    after = backbone(images)["taps"]
    for tap in backbone.taps[:-1]:
        assert np.array_equal(before[tap.name], after[tap.name])
    assert not np.allclose(before[backbone.taps[-1].name], after[backbone.taps[-1].name])


@pytest.mark.parametrize("kind", ["ViT", "DINOV2"])
def test_a_file_of_weights_fills_it(kind: str, tmp_path: Path) -> None:
    backbone, other = tiny(kind), tiny(kind)
    perturb(other)
    other.trunk.save_weights(tmp_path / "some.weights.h5")
    load_weights(backbone, tmp_path / "some.weights.h5")
    images = images_of(backbone)
    assert np.array_equal(backbone(images)["features"], other(images)["features"])


def test_training_reaches_every_block_once() -> None:
    backbone = tiny("ViT")
    assert len({id(variable) for variable in backbone.trainable_variables}) == len(backbone.trainable_variables)
    assert {variable.path for variable in backbone.variables} == {
        variable.path for variable in backbone.trunk.variables
    }


_STATED = [name for name, network in NETWORKS.items() if network.preset and not name.startswith("resnet_v2")]


def stated_parameters(name: str) -> int:
    """What KerasHub says of the preset; of EfficientNet and ResNet-D it counts the classifier of 1000 classes too."""
    network = NETWORKS[name]
    return getattr(keras_hub.models, f"{network.kind}Backbone").presets[network.preset]["metadata"]["params"]


@pytest.mark.parametrize("name", [name for name in _STATED if not name.startswith("efficientnet")])
def test_networks_have_the_size_of_their_presets(name: str) -> None:
    # That the rows are what is built is tested with the table.
    facts = FACTS[f"keras_hub:{name}"]
    width = int(facts.taps.rpartition("x")[2])
    assert facts.parameters + (1000 * (width + 1) if name.startswith("resnet_vd") else 0) == stated_parameters(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in _STATED if name.startswith("efficientnet")])
def test_efficientnets_have_the_size_of_their_presets(name: str) -> None:
    # KerasHub counts as torch does, without the statistics of batch normalisation.
    trunk = build_network(f"keras_hub:{name}").trunk
    trainable = sum(int(np.prod(variable.shape)) for variable in trunk.trainable_variables)
    assert trainable + 1000 * (trunk.outputs[0].shape[-1] + 1) == stated_parameters(name)
    keras.backend.clear_session()


@pytest.mark.slow
def test_resnet_v2_has_the_size_of_the_paper() -> None:
    # KerasHub states ResNet-50's count. This is torch's of the pre-activated one, less its classifier.
    trunk = build_network("keras_hub:resnet_v2_50", 64).trunk
    assert sum(int(np.prod(variable.shape)) for variable in trunk.trainable_variables) == 25_549_352 - 2_049_000


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [
        ("ViT", 60, "a multiple of 8, such as 56 or 64"),
        ("DINOV2", 33, "a multiple of 8, such as 32 or 40"),
        ("SwinTransformer", 100, "a multiple of 64, such as 64 or 128"),
        ("SwinTransformer", 40, "at least 64"),
        ("MiT", 48, "a multiple of 32, such as 32 or 64"),
    ],
)
def test_a_size_that_does_not_fit_is_refused_with_the_nearest_that_do(kind: str, size: int, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        tiny(kind, size)


@pytest.mark.parametrize(("kind", "size"), [("ViT", 48), ("DINOV2", 56), ("ResNet", 75)])
def test_other_sizes_that_fit_are_built(kind: str, size: int) -> None:
    backbone = tiny(kind, size)
    assert backbone(images_of(backbone))["features"].shape == (2, backbone.feature_dim)


def test_it_runs_in_mixed_precision() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        for kind in ("ViT", "ResNet"):
            backbone = tiny(kind)
            assert keras.backend.standardize_dtype(backbone(images_of(backbone))["features"].dtype) == "float32"
            assert {v.dtype for v in backbone.trainable_variables} == {"float32"}
            assert backbone.trunk.layers[-1].compute_dtype == "bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
