import keras
import numpy as np
import pytest
import tensorflow as tf

from fgtl.training.batch_norm import fused_batch_norm, synchronize_batch_norm


def network(shape=(6, 5, 4), **layer):
    keras.utils.set_random_seed(3)
    image = keras.Input(shape)
    model = keras.Model(image, keras.layers.BatchNormalization(momentum=0.8, **layer)(image))
    rng = np.random.default_rng(3)
    for variable in model.trainable_variables:
        variable.assign(rng.uniform(0.5, 2, variable.shape))
    return model


def forward_backward(model, images, training=True):
    """Outputs, gradients by weights and input, and the operations that were traced."""
    watched = [v.value for v in model.trainable_variables]

    @tf.function
    def run(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = model(images, training=training)
            loss = tf.reduce_sum(tf.sin(tf.cast(outputs, tf.float64)))
        return outputs, tape.gradient(loss, [*watched, images])

    operations = {op.type for op in run.get_concrete_function(images).graph.get_operations()}
    outputs, gradients = run(images)
    return outputs.numpy(), [gradient.numpy() for gradient in gradients], operations


@pytest.mark.parametrize("layer", [{}, {"scale": False}, {"center": False}, {"axis": 3}])
def test_the_fused_kernel_computes_what_keras_computes(layer):
    images = np.random.default_rng(0).normal(3, 2, (4, 6, 5, 4)).astype("float32")
    # Keras in float64, so that what differs is the kernel's rounding alone.
    plain, fused = network(**layer, dtype="float64"), network(**layer)
    outputs, gradients, _ = forward_backward(plain, tf.constant(images, tf.float64))
    with fused_batch_norm(fused):
        same_outputs, same_gradients, operations = forward_backward(fused, tf.constant(images))
    assert "FusedBatchNormV3" in operations
    np.testing.assert_allclose(same_outputs, outputs, atol=2e-6)
    for one, other in zip(gradients, same_gradients, strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=6e-5)  # sums of 120 terms of about 1
    for one, other in zip(plain.variables, fused.variables, strict=True):
        np.testing.assert_allclose(other.value.numpy(), one.value.numpy(), rtol=1e-5, atol=1e-6)


def test_moving_statistics_follow_by_the_momentum():
    images = np.random.default_rng(0).normal(3, 2, (4, 6, 5, 4)).astype("float32")
    model = network()
    with fused_batch_norm(model):
        forward_backward(model, tf.constant(images))
    mean, variance = model.non_trainable_variables
    np.testing.assert_allclose(mean.value.numpy(), 0.2 * images.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(variance.value.numpy(), 0.8 + 0.2 * images.var((0, 1, 2)), rtol=1e-5)


def cases():
    yield "inference", network(), (4, 6, 5, 4), False
    yield "vectors", network((4,)), (8, 4), True
    yield "channels first", network(axis=1), (4, 6, 5, 4), True
    frozen = network()
    frozen.layers[-1].trainable = False
    yield "frozen", frozen, (4, 6, 5, 4), True


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case[0])
def test_what_the_kernel_cannot_do_stays_with_keras(case):
    _, model, shape, training = case
    images = tf.constant(np.random.default_rng(0).normal(size=shape).astype("float32"))
    with fused_batch_norm(model):
        _, _, operations = forward_backward(model, images, training)
    assert "FusedBatchNormV3" not in operations


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_keeps_float32_statistics(precision):
    images = np.random.default_rng(0).normal(3, 2, (4, 6, 5, 4)).astype("float32")
    model = network(dtype=precision)
    with fused_batch_norm(model):
        outputs, _, operations = forward_backward(model, tf.constant(images))
    assert "FusedBatchNormV3" in operations
    assert outputs.dtype.name == precision.removeprefix("mixed_")
    np.testing.assert_allclose(model.non_trainable_variables[0].value.numpy(), 0.2 * images.mean((0, 1, 2)), rtol=1e-2)


def test_layers_are_what_they_were_afterwards_even_after_an_error():
    model = network()
    with pytest.raises(RuntimeError), fused_batch_norm(model):
        assert type(model.layers[-1]) is not keras.layers.BatchNormalization
        raise RuntimeError
    assert type(model.layers[-1]) is keras.layers.BatchNormalization


def test_batch_normalisation_is_found_however_deep(fresh_model):
    model = fresh_model()
    inner = keras.layers.Pipeline([keras.layers.BatchNormalization()])
    outer = keras.Sequential([keras.Input((12, 12, 3)), inner, model])
    assert synchronize_batch_norm(outer) == 2
    assert model.backbone.get_layer("bn").synchronized
