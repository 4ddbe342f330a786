"""Named arrays from every kind of file into a backbone, and the classifier beside them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from fgtl.errors import DataError, UsageError
from fgtl.interop.checked_weights import save_checked
from fgtl.interop.pretrained import build_backbone, load_weights, weights_sha256
from fgtl.interop.weight_file import WeightFile, open_weights
from fgtl.interop.weight_import import import_weights, read_classifier
from fgtl.interop.weight_names import named_weights
from fgtl.models.backbone import Backbone, build_network


@pytest.fixture(scope="module")
def source() -> Backbone:
    return build_network("mobilenet_v2", 32)


@pytest.fixture
def arrays(source: Backbone) -> dict[str, np.ndarray]:
    return {name: np.asarray(variable) for name, variable in named_weights(source.trunk).items()}


def test_an_npz_by_our_names_fills_any_backbone(source: Backbone, arrays: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    assert weights_sha256(build_backbone("mobilenet_v2", tmp_path / "x.npz", 32)) == weights_sha256(source)


def test_an_npz_with_a_name_too_many_or_of_another_network_is_refused(arrays: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **arrays, more=np.ones(1))
    with pytest.raises(DataError, match=r"0 missing, 1 left over[\s\S]*more"):
        build_backbone("mobilenet_v2", tmp_path / "x.npz", 32)
    with pytest.raises(DataError, match="does not hold the weights of mobilenet"):
        build_backbone("mobilenet", tmp_path / "x.npz", 32)
    with pytest.raises(DataError, match="an .npz has no moving averages"):
        import_weights(build_network("mobilenet_v2", 32), tmp_path / "x.npz", ema=True)


def test_a_torch_file_may_be_wrapped_prefixed_or_hold_averages(wire: Any, write: Any) -> None:
    state = {f"module.model.{name}": np.full(2, 3.0, "float32") for name in ("a", "b")}
    assert list(open_weights(write(wire.checkpoint(state, legacy=False))).shapes) == ["a", "b"]
    inside = wire.state({"a": np.full(2, 5.0, "float32")}, legacy=False)
    content = wire.ordered({"epoch": wire.number(3), "state_dict_ema": inside})
    path = write(wire.zipped(content, {"0": np.full(2, 5.0, "float32").tobytes()}))
    assert open_weights(path, ema=True).read("a").tolist() == [5, 5]
    with pytest.raises(DataError, match="holds no moving averages"):
        open_weights(write(wire.checkpoint(state, legacy=False)), ema=True)


def test_keras_files_have_no_averages_and_are_whole(source: Backbone, tmp_path: Path) -> None:
    digest = save_checked(source, tmp_path / "x.weights.h5")
    loaded = build_network("mobilenet_v2", 32)
    assert load_weights(loaded, tmp_path / "x.weights.h5") is None and weights_sha256(loaded) == digest
    with pytest.raises(UsageError, match="is a Keras file"):
        load_weights(loaded, tmp_path / "x.weights.h5", ema=True)


def test_what_is_written_is_read_again_before_it_gets_its_name(
    source: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"ends in \.weights\.h5"):
        save_checked(source, tmp_path / "x.h5")
    monkeypatch.setattr("fgtl.interop.checked_weights.build_backbone", lambda name, *_: build_network(name, 32))
    with pytest.raises(Exception, match="were not read back as they were written"):
        save_checked(source, tmp_path / "x.weights.h5")
    assert list(tmp_path.iterdir()) == []


def file_of(dialect: Any, arrays: dict[str, np.ndarray]) -> WeightFile:
    return WeightFile(Path("x"), "file", dialect, {name: a.shape for name, a in arrays.items()}, arrays.__getitem__)


@pytest.mark.parametrize(
    "scope, shape", [("Logits/Conv2d_1c_1x1", (1, 1, 4, 3)), ("Logits/Logits", (4, 3)), ("logits", (1, 1, 4, 3))]
)
def test_the_classifier_of_slim_is_a_matrix_whatever_layer_it_was(scope: str, shape: tuple[int, ...]) -> None:
    kernel = np.arange(12.0).reshape(4, 3)
    arrays = {
        f"Net/{scope}/weights": kernel.reshape(shape),
        f"Net/{scope}/biases": np.ones(3),
        "Net/AuxLogits/Logits/weights": np.ones((9, 9)),
    }
    found, bias = read_classifier(file_of("slim", arrays))
    assert np.array_equal(found, kernel) and bias.tolist() == [1, 1, 1] and found.dtype == np.float32
    with pytest.raises(DataError, match="no classifier"):
        read_classifier(file_of("slim", arrays), ema=True)
    averages = {name + "/ExponentialMovingAverage": array + 1 for name, array in arrays.items()}
    assert np.array_equal(read_classifier(file_of("slim", arrays | averages), ema=True)[0], kernel + 1)


def test_the_classifier_of_torch_is_transposed() -> None:
    weight = np.arange(12.0).reshape(3, 4)
    kernel, bias = read_classifier(file_of("torch", {"head.fc.weight": weight, "head.fc.bias": np.ones(3)}))
    assert np.array_equal(kernel, weight.T) and bias.shape == (3,)


def test_no_classifier_or_one_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(DataError, match="no classifier"):
        read_classifier(file_of("fgtl", {"a": np.ones(1)}))
    with pytest.raises(DataError, match="fc.weight are not finite"):
        read_classifier(file_of("torch", {"fc.weight": np.full((3, 4), np.nan), "fc.bias": np.ones(3)}))


def test_a_slim_checkpoint_of_another_network_names_what_it_found(tmp_path: Path) -> None:
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "x.ckpt"), tensor_names=["vgg_16/conv1/conv1_1/weights"], shape_and_slices=[""], tensors=[tf.ones(3)]
    )  # fmt: skip
    with pytest.raises(DataError, match=r"No networks whose first layer is conv1[\s\S]*vgg_16/conv1"):
        import_weights(build_network("resnet_v2_50", 32), tmp_path / "x.ckpt")
