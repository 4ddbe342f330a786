"""Backbones from keras.applications: every classification family, with the preprocessing its weights expect.

`resnet50_v2`, 101 and 152 have the layout of TF-Slim's ResNet-V2: the last unit of a stage shrinks the map, and the same
convolutions have biases. They differ in batch normalisation (decay 0.99 and epsilon 1.001e-5; slim 0.997 and 1e-5) and in
the padding of the first pool, which moves the grid by a cell; see `slim_resnet_v2` for slim's own. `inception_v3` and
`inception_resnet_v2` have Keras' decay of 0.99 too, where slim's is 0.9997; `--bn_decay` changes it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import ops

from fgtl.models.backbone import BACKBONES, Architecture
from fgtl.models.stochastic_depth import DropPath

# Of the ImageNet training images: RGB in 0..1 (torch's), and in 0..255 (Caffe's).
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (123.68, 116.779, 103.939)


def raw(image: Any) -> Any:
    """The trunk has its own preprocessing layers."""
    return image


def centred(image: Any) -> Any:
    """0..255 -> -1..1, TensorFlow's convention."""
    return keras.layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="preprocess")(image)


def standardised(image: Any) -> Any:
    """0..255 -> zero mean and unit variance per channel, torch's convention."""
    scale = [1 / (255 * deviation) for deviation in DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)]
    return keras.layers.Rescaling(scale, offset=offset, dtype="float32", name="preprocess")(image)


def blue_first(image: Any) -> Any:
    """0..255 RGB -> BGR minus the mean colour, Caffe's convention."""
    offset = [-mean for mean in CAFFE_MEAN]
    shifted = keras.layers.Rescaling(1.0, offset=offset, dtype="float32", name="preprocess")(image)
    return ops.flip(shifted, axis=-1)


def use_imagenet_statistics(trunk: keras.Model) -> None:
    """Give EfficientNet (version 1) the preprocessing that its ImageNet weights were trained with.

    keras.applications leaves the trunk's Normalization at mean 0, variance 1, and its weight files hold the
    standard deviation in the variance's place, repaired by one more layer that exists only with
    weights="imagenet" (tensorflow/tensorflow issue 49930). With the true variance in place the network is the
    same with and without that layer. Statistics that somebody has adapted are left alone.
    """
    layer = next(layer for layer in trunk.layers if isinstance(layer, keras.layers.Normalization))
    variance = ops.convert_to_numpy(layer.adapt_variance).reshape(-1)
    if any(abs(variance - known).max() < 1e-3 for known in ([1.0, 1.0, 1.0], DEVIATION)):
        layer.adapt_mean.assign(ops.reshape(ops.convert_to_tensor(MEAN), layer.adapt_mean.shape))
        squares = [deviation**2 for deviation in DEVIATION]
        layer.adapt_variance.assign(ops.reshape(ops.convert_to_tensor(squares), layer.adapt_variance.shape))
    layer.finalize_state()


def build_trunk(keras_name: str, input_size: int) -> keras.Model:
    """The keras.applications network without classifier, fresh weights."""
    build = getattr(keras.applications, keras_name)
    return build(include_top=False, weights=None, input_shape=(input_size, input_size, 3))


def build_convnext(keras_name: str, input_size: int) -> keras.Model:
    """ConvNeXt with a `DropPath` in each block, where keras.applications leaves an empty layer at rate 0."""

    def exchanged(layer: keras.layers.Layer) -> keras.layers.Layer:
        return DropPath(name=layer.name) if layer.name.endswith("_identity") else layer

    # Layers that are handed back as they are keep their variables.
    return keras.models.clone_model(build_trunk(keras_name, input_size), clone_function=exchanged)


_V1_SIZES = (224, 240, 260, 300, 380, 456, 528, 600)
_V2_SIZES = {"B0": 224, "B1": 240, "B2": 260, "B3": 300, "S": 384, "M": 480, "L": 480}

# preprocessing, smallest input, {our name: (Keras' name, input size of the ImageNet weights)}; sizes in pixels
_FAMILIES: list[tuple[Callable[[Any], Any], int, dict[str, tuple[str, int]]]] = [
    (blue_first, 32, {"vgg16": ("VGG16", 224), "vgg19": ("VGG19", 224)}),
    (blue_first, 32, {f"resnet{depth}": (f"ResNet{depth}", 224) for depth in (50, 101, 152)}),
    (centred, 32, {f"resnet{depth}_v2": (f"ResNet{depth}V2", 224) for depth in (50, 101, 152)}),
    (centred, 75, {"inception_v3": ("InceptionV3", 299), "inception_resnet_v2": ("InceptionResNetV2", 299)}),
    (centred, 71, {"xception": ("Xception", 299)}),
    (centred, 32, {"mobilenet": ("MobileNet", 224), "mobilenet_v2": ("MobileNetV2", 224)}),
    (centred, 32, {"nasnet_mobile": ("NASNetMobile", 224), "nasnet_large": ("NASNetLarge", 331)}),
    (standardised, 32, {f"densenet{depth}": (f"DenseNet{depth}", 224) for depth in (121, 169, 201)}),
    (raw, 32, {f"mobilenet_v3_{size.lower()}": (f"MobileNetV3{size}", 224) for size in ("Small", "Large")}),
    (raw, 32, {f"efficientnet_b{i}": (f"EfficientNetB{i}", size) for i, size in enumerate(_V1_SIZES)}),
    (raw, 32, {f"efficientnet_v2_{v.lower()}": (f"EfficientNetV2{v}", size) for v, size in _V2_SIZES.items()}),
    (
        raw,
        32,
        {f"convnext_{v.lower()}": (f"ConvNeXt{v}", 224) for v in ("Tiny", "Small", "Base", "Large", "XLarge")},
    ),
]


def _register_all() -> None:
    for preprocess, smallest, names in _FAMILIES:
        for name, (keras_name, size) in names.items():
            settle = use_imagenet_statistics if name.startswith("efficientnet_b") else None
            build = build_convnext if name.startswith("convnext") else build_trunk
            trunk = partial(build, keras_name)
            BACKBONES.register(name)(Architecture(trunk, preprocess, size, smallest, settle, keras_name))


_register_all()
