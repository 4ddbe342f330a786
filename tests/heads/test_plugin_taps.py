"""The plug-in on taps that are asked for by name: the published ones, in a training step, a saved model, a next run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tiny_networks import images_of, tiny

from fgtl.data.knobs import ViewKnobs
from fgtl.errors import UsageError
from fgtl.heads.classifier import Classifier, load_classifier
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.models.backbone import Backbone, build_network
from fgtl.training.fit import build_classifier
from fgtl.training.fit_knobs import FitKnobs
from fgtl.training.kept_points import cell_grid
from fgtl.training.optimizer import build_optimizer
from fgtl.training.run import DatasetFacts, Run
from fgtl.training.settings import TrainingKnobs
from fgtl.training.step import TrainStep

NAMES = ("auk", "bittern", "coot")
LABELS = np.int32([0, 2])
# Of MobileNetV2 at 64 pixels: 4x4, 4x4, 2x2 and 2x2 cells.
MOBILE = ("block_11_add", "block_12_add", "block_14_add", "block_15_add")
SELECTS = ("14", "14", "3", "3")


@dataclass(frozen=True)
class Training(TrainingKnobs):
    """All weights, one step."""

    optimizer: str = "nesterov"
    mode: str = "all"
    tuned_bn: str = "train"
    jit: str = "off"


def knobs_of(taps: tuple[str, ...], size: int, **more: object) -> FitKnobs:
    network = {"backbone": "mobilenet_v2", "weights": "none", "head": "plugin", "fpn_size": 8}
    return FitKnobs(**network, plugin_taps=taps, image_size=size, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on named taps at 64 px whose weights tell where they come from: each is filled with its place."""
    folder = tmp_path_factory.mktemp("taps") / "run"
    run = Run.create_or_resume(folder, {"seed": 0}, DatasetFacts("birds", 3, NAMES, "ab", {"train": 9}))
    model = build_classifier(knobs_of(MOBILE[::-1], 64, num_selects=SELECTS), NAMES)
    for place, variable in enumerate(model.weights):
        variable.assign(np.full(variable.shape, place % 97 + 1, variable.dtype))
    run.save_model(model, {"backbone": "mobilenet_v2", "input_size": 64})
    return folder


@pytest.mark.parametrize(
    ("kind", "taps", "points"),
    [
        ("ViT", ("block1", "block2", "block3", "block4_before_norm"), [17] * 4),
        pytest.param(
            "SwinTransformer", ("stage1", "stage2", "stage3", "stage4"), [64, 16, 4, 4], marks=pytest.mark.slow
        ),
    ],
)
def test_it_trains_on_the_published_taps_of_a_transformer(
    kind: str, taps: tuple[str, ...], points: list[int], tmp_path: Path
) -> None:
    pytest.importorskip("keras_hub")
    plain = tiny(kind)
    knobs = PluginKnobs(fpn_size=8, plugin_taps=taps, plugin_upsample="points")
    model = Classifier(Backbone(plain.architecture, None, plain.spec, taps), PluginHead(3, knobs))
    assert [(level.tap, level.points) for level in model.head.levels] == list(zip(taps, points, strict=True))
    step = TrainStep(model, build_optimizer(Training(), 1e-3, model), "all", Training())
    before = {variable.path: np.array(variable) for variable in model.trainable_variables}
    images = images_of(model.backbone)
    assert np.isfinite(step(images, LABELS).numpy()).all()
    still = [v.path for v in model.trainable_variables if np.array_equal(before[v.path], v)]
    # The final normalisation stands behind the last tap: nothing trains it. Nor moves a bias before a normalisation.
    trunk = model.backbone.trunk
    last = trunk.norm if kind == "SwinTransformer" else trunk.layers[-1].layer_norm
    unread = {variable.path for variable in last.trainable_variables}
    assert unread and unread <= set(still)
    assert all("bias" in path for path in set(still) - unread), still

    model.save(tmp_path / "model.keras")
    again = load_classifier(tmp_path / "model.keras")
    assert again.get_config() == model.get_config() and again.backbone.taps == model.backbone.taps
    outputs, reloaded = model(images, training=False), again(images, training=False)
    for name in outputs:
        np.testing.assert_array_equal(reloaded[name], outputs[name])


def test_the_levels_of_a_run_are_in_the_networks_order_and_know_their_cells(finished: Path) -> None:
    model = load_classifier(Run.open(finished).model)
    assert [level.tap for level in model.head.levels] == list(MOBILE)
    assert [level.points for level in model.head.levels] == [16, 16, 4, 4]
    assert [tap.name for tap in model.backbone.taps] == ["p2", "p3", *MOBILE[:2], "p4", *MOBILE[2:], "p5"]
    grids = [cell_grid(model, tap) for tap in MOBILE]
    assert [(grid.name, grid.grid, grid.stride) for grid in grids] == [
        (tap, (side, side), 64 // side) for tap, side in zip(MOBILE, (4, 4, 2, 2), strict=True)
    ]


def test_another_run_starts_from_it_at_another_size(finished: Path) -> None:
    model = build_classifier(knobs_of(MOBILE, 96, num_selects=SELECTS, init_run=finished), NAMES)
    found = [float(np.ravel(weight.numpy())[0]) for weight in model.weights]
    assert found == [place % 97 + 1.0 for place in range(len(model.weights))]
    assert [level.points for level in model.head.levels] == [36, 36, 9, 9]


def test_a_run_on_other_taps_starts_from_its_backbone(finished: Path) -> None:
    knobs = FitKnobs(backbone="mobilenet_v2", weights="none", image_size=32, init_run=finished, init_head=False)
    backbone = build_classifier(knobs, NAMES).backbone
    found = [float(np.ravel(weight.numpy())[0]) for weight in backbone.weights]
    assert found == [place % 97 + 1.0 for place in range(len(backbone.weights))]


@pytest.mark.parametrize(
    ("taps", "message"),
    [
        (("p4", "block_12_addd"), r"mobilenet_v2 has no tap 'block_12_addd'[\s\S]*mean 'block_12_add'\?"),
        (("p4", "Conv1_relu_pad"), "no tap 'Conv1_relu_pad'"),
        (("block_12_add", "block_12_add"), r"--plugin_taps=block_12_add,block_12_add: a tap is named twice"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(taps: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_classifier(knobs_of(taps, 32), NAMES)


@pytest.mark.slow
def test_heat_looks_at_the_named_taps(finished: Path, jpeg: bytes) -> None:
    from fgtl.training.heat import HeatFinder, taps_of

    model = load_classifier(Run.open(finished).model)
    assert taps_of(model) == list(MOBILE)
    (found,) = HeatFinder(model, ViewKnobs(image_size=64))([jpeg])
    assert [level.energy.shape for level in found.levels] == [(4, 4), (4, 4), (2, 2), (2, 2)]
    assert [len(level.kept) for level in found.levels] == [14, 14, 3, 3]


@pytest.fixture
def jpeg() -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 80, 3), dtype=np.uint8)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.slow
def test_of_efficientnet_the_ends_of_stages_share_their_sizes_in_pairs() -> None:
    """As in B7, whose blocks are more: `block4j_add`, `block5j_add`, `block6m_add`, `block7d_add`."""
    taps = ("block4c_add", "block5c_add", "block6d_add", "block7a_project_bn")
    model = Classifier(
        build_network("efficientnet_b0", 128, taps),
        PluginHead(3, PluginKnobs(fpn_size=8, plugin_taps=taps, plugin_upsample="doubling")),
    )
    assert [level.grid for level in model.head.levels] == [(8, 8), (8, 8), (4, 4), (4, 4)]
    assert [level.channels for level in model.head.levels] == [80, 112, 192, 320]
