import keras
import numpy as np
import pytest
import tensorflow as tf

from fgtl.errors import InputError, UsageError
from fgtl.heads.classifier import Classifier
from fgtl.heads.linear import LinearHead
from fgtl.models.backbone import build_network
from fgtl.training.optimizer import build_optimizer
from fgtl.training.step import TrainStep
from fgtl.training.variables import trained_part


@pytest.fixture
def take_steps(images):
    """Runs a few steps on a model; returns the step and the (steps, T) figures."""

    def run(model, trains, knobs, steps=10, rate=0.1, scale_loss=False):
        optimizer = build_optimizer(knobs, rate, trained_part(model, trains), scale_loss=scale_loss)
        step = TrainStep(model, optimizer, trains, knobs)
        return step, np.stack([step(*batch).numpy() for batch in images.batches(range(steps))])

    return run


def split(model):
    """(weights, batch statistics) of the backbone."""
    weights = [v.value.numpy() for v in model.backbone.trainable_variables]
    return weights, [v.value.numpy() for v in model.backbone.non_trainable_variables]


def all_equal(some, others):
    return all(np.array_equal(one, other) for one, other in zip(some, others, strict=True))


@pytest.mark.parametrize("frozen_bn", ["inference", "train"])
def test_head_mode_leaves_the_backbone_bit_for_bit(config, fresh_model, take_steps, frozen_bn):
    model = fresh_model()
    weights, statistics = split(model)
    head = model.head.logits.kernel.value.numpy()
    take_steps(model, "head", config(frozen_bn=frozen_bn))
    weights_after, statistics_after = split(model)
    assert all_equal(weights, weights_after)
    assert all_equal(statistics, statistics_after) == (frozen_bn == "inference")
    assert not np.array_equal(head, model.head.logits.kernel.value.numpy())


@pytest.mark.parametrize("frozen_bn", ["inference", "train"])
@pytest.mark.parametrize(
    ("backbone", "size"), [("mobilenet_v2", 32), pytest.param("inception_v3", 75, marks=pytest.mark.slow)]
)
def test_head_mode_leaves_a_real_backbone_bit_for_bit(config, backbone, size, frozen_bn):
    """Acceptance E4: ten steps of the head and of an auxiliary classifier on a tap half-way up."""
    model, knobs = Classifier(build_network(backbone, size), LinearHead(3, aux_weight=0.4)), config(frozen_bn=frozen_bn)
    step = TrainStep(model, build_optimizer(knobs, 0.01, model.head), "head", knobs)
    weights, statistics = split(model)
    head = [v.value.numpy() for v in model.head.trainable_variables]
    rng = np.random.default_rng(0)
    for _ in range(10):
        step(rng.uniform(0, 255, (4, size, size, 3)).astype("float32"), np.int32([0, 1, 2, 0]))
    weights_after, statistics_after = split(model)
    assert all_equal(weights, weights_after)
    stayed = {np.array_equal(one, other) for one, other in zip(statistics, statistics_after, strict=True)}
    assert stayed == {frozen_bn == "inference"}
    head_after = [v.value.numpy() for v in model.head.trainable_variables]
    assert not any(np.array_equal(one, other) for one, other in zip(head, head_after, strict=True))
    assert all(np.isfinite(values).all() for values in head_after)


@pytest.mark.parametrize("tuned_bn", ["train", "inference"])
def test_all_mode_moves_every_weight(config, fresh_model, take_steps, tuned_bn):
    model = fresh_model()
    weights, statistics = split(model)
    take_steps(model, "all", config(tuned_bn=tuned_bn))
    weights_after, statistics_after = split(model)
    assert not any(np.array_equal(one, other) for one, other in zip(weights, weights_after, strict=True))
    assert all_equal(statistics, statistics_after) == (tuned_bn == "inference")


def test_a_head_for_cub_on_2048_features_has_409800_weights():
    head = LinearHead(200)
    head({"last": keras.ops.zeros((1, 8, 8, 2048))}, keras.ops.zeros((1, 2048)))
    assert sum(variable.numpy().size for variable in head.trainable_variables) == 409_800


def test_figures_are_the_terms_and_their_sum(config, fresh_model, take_steps, images):
    model = fresh_model(dropout=0.0)
    batch_images, labels = next(iter(images.batches(range(1))))
    outputs = model(batch_images, training=False)
    cross_entropy = float(model.head.loss(outputs, labels)["cross_entropy"])
    decay = 4e-5 / 2 * float(np.sum(model.head.logits.kernel.value.numpy() ** 2.0))
    step, figures = take_steps(model, "head", config(), steps=1)
    assert step.names == ("loss", "top1", "cross_entropy", "weight_decay")
    top1 = np.mean(outputs["logits"].numpy().argmax(1) == labels.numpy())
    np.testing.assert_allclose(figures[0], [cross_entropy + decay, top1, cross_entropy, decay], rtol=1e-5)


def test_weight_decay_of_four_ones_is_8e_5(config, fresh_model, take_steps):
    model = fresh_model()
    kernel = np.zeros(model.head.logits.kernel.shape, "float32")
    kernel.flat[:4] = 1
    model.head.logits.kernel.assign(kernel)
    step, figures = take_steps(model, "head", config(), steps=1)
    assert figures[0][step.names.index("weight_decay")] == pytest.approx(8e-5)


def slow_nesterov(weight, gradients, rate, momentum, decay):
    """As PyTorch has it: decay * w is a part of the gradient, and the momentum is of gradients, not of steps."""
    velocity = np.zeros_like(weight)
    for gradient in gradients:
        whole = gradient + decay * weight
        velocity = momentum * velocity + whole
        weight = weight - rate * (whole + momentum * velocity)
    return weight


@pytest.mark.parametrize("decay_all", [False, True])
def test_nesterov_with_decay_of_everything_is_the_plug_in_papers(config, fresh_model, take_steps, decay_all):
    model = fresh_model(dropout=0.0)
    for variable in model.trainable_variables:
        variable.assign(keras.random.normal(variable.shape, seed=3))
    before = [variable.value.numpy() for variable in model.trainable_variables]
    # Nothing but decay moves: the head says nothing of the images.
    model.head.loss = lambda outputs, targets: {"nothing": 0.0 * tf.reduce_sum(outputs["logits"])}
    knobs = config(optimizer="nesterov", weight_decay=5e-2, decay_all=decay_all, tuned_bn="inference")
    step, figures = take_steps(model, "all", knobs, steps=3)
    for variable, start in zip(model.trainable_variables, before, strict=True):
        decay = 5e-2 if decay_all or variable.name == "kernel" else 0.0
        expected = slow_nesterov(start.astype(np.float64), [0.0] * 3, 0.1, 0.9, decay)
        np.testing.assert_allclose(variable.value.numpy(), expected, rtol=1e-5)
    names = ("gamma", "beta", "bias", "kernel") if decay_all else ("kernel",)
    counted = sum(np.sum(w**2) for v, w in zip(model.trainable_variables, before, strict=True) if v.name in names)
    assert figures[0][step.names.index("weight_decay")] == pytest.approx(5e-2 / 2 * counted, rel=1e-5)


def test_decoupled_decay_is_no_term_of_the_loss(config, fresh_model, take_steps):
    step, _ = take_steps(fresh_model(), "head", config(optimizer="adamw"), steps=1)
    assert "weight_decay" not in step.names


def test_the_heads_weights_of_its_terms_count(config, fresh_model, take_steps, monkeypatch):
    model = fresh_model()
    monkeypatch.setattr(type(model.head), "loss_weights", {"cross_entropy": 0.25})
    step, figures = take_steps(model, "head", config(weight_decay=0.0), steps=1)
    assert step.names == ("loss", "top1", "cross_entropy")
    assert figures[0][0] == pytest.approx(0.25 * figures[0][2])


def test_gradients_are_those_of_the_loss(config, fresh_model, take_steps, images):
    model, twin = fresh_model(dropout=0.0), fresh_model(dropout=0.0)
    take_steps(model, "all", config(optimizer="sgd", weight_decay=0.1), steps=1)
    batch_images, labels = next(iter(images.batches(range(1))))
    with tf.GradientTape() as tape:
        outputs = twin(batch_images, training=True)
        loss = twin.head.loss(outputs, labels)["cross_entropy"]
        kernels = [twin.backbone.get_layer("conv").kernel, twin.head.logits.kernel]
        loss += 0.05 * sum(tf.reduce_sum(kernel.value**2) for kernel in kernels)
    gradients = tape.gradient(loss, [v.value for v in twin.trainable_variables])
    for one, other, gradient in zip(model.trainable_variables, twin.trainable_variables, gradients, strict=True):
        np.testing.assert_allclose(one.value.numpy(), other.value.numpy() - 0.1 * gradient.numpy(), atol=2e-6)


@pytest.mark.parametrize("jit", ["off", "on"])
def test_a_mixed_batch_is_learned_from_both_and_counted_by_the_heavier_label(config, fresh_model, images, jit):
    model, knobs = fresh_model(dropout=0.0), config(jit=jit, weight_decay=0.0, tuned_bn="inference")
    pixels, labels, mixes = (part.numpy() for part in next(iter(images.mixed_batches(range(1)))))
    blended, targets = pixels.copy(), np.zeros((8, 3))
    for row, (share, top, left, height, width) in enumerate(mixes):
        partner = row ^ 1
        if height:
            box = slice(int(top), int(top + height)), slice(int(left), int(left + width))
            blended[row][box] = pixels[partner][box]
        else:
            blended[row] = share * pixels[row] + (1 - share) * pixels[partner]
        targets[row, labels[row]] += share
        targets[row, labels[partner]] += 1 - share
    logits = model(blended, training=False)["logits"].numpy().astype("float64")
    loss = -np.mean(np.sum(targets * (logits - np.log(np.exp(logits).sum(1, keepdims=True))), axis=1))
    top1 = np.mean(logits.argmax(1) == targets.argmax(1))
    step = TrainStep(model, build_optimizer(knobs, 0.1, model), "all", knobs)
    np.testing.assert_allclose(step(pixels, labels, mixes).numpy(), [loss, top1, loss], rtol=1e-4)


def test_slices_that_would_cut_a_pair_are_refused(config, fresh_model, images):
    model, knobs = fresh_model(), config(accumulate=8)
    step = TrainStep(model, build_optimizer(knobs, 0.1, model), "all", knobs)
    with pytest.raises(UsageError, match=r"(?s)8 does not divide over --accumulate=8 and the pairs.*--batch_size=16"):
        step(*next(iter(images.mixed_batches(range(1)))))


def test_several_steps_in_a_call_give_the_figures_of_each(config, fresh_model, take_steps, images):
    _, figures = take_steps(fresh_model(), "all", config(), steps=5)
    model = fresh_model()
    step = TrainStep(model, build_optimizer(config(), 0.1, model), "all", config())
    data = iter(images.batches(range(5)))
    np.testing.assert_array_equal(np.concatenate([step.run(data, n).numpy() for n in (3, 2)]), figures)
    assert step._steps.experimental_get_tracing_count() == 1
    with pytest.raises(tf.errors.OutOfRangeError):
        step.run(data, 1)


def test_compiled_by_xla_it_does_the_same(config, fresh_model, take_steps):
    plain, compiled = fresh_model(dropout=0.0), fresh_model(dropout=0.0)
    _, figures = take_steps(plain, "all", config(), steps=3)
    _, compiled_figures = take_steps(compiled, "all", config(jit="on"), steps=3)
    np.testing.assert_allclose(compiled_figures, figures, rtol=1e-4)
    for one, other in zip(plain.variables, compiled.variables, strict=True):
        np.testing.assert_allclose(one.value.numpy(), other.value.numpy(), atol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_learns_in_mixed_precision(config, fresh_model, take_steps, precision):
    keras.config.set_dtype_policy(precision)
    try:
        model = fresh_model(dropout=0.0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.backbone.get_layer("conv").compute_dtype == precision.removeprefix("mixed_")
    assert model.backbone.get_layer("conv").kernel.dtype == "float32"
    _, figures = take_steps(model, "all", config(), steps=15, scale_loss=precision == "mixed_float16")
    assert np.isfinite(figures).all()
    assert figures[-3:, 0].mean() < figures[:3, 0].mean()


def test_one_shape_is_compiled_once(config, fresh_model, take_steps):
    step, _ = take_steps(fresh_model(), "all", config(), steps=4)
    assert step._step.experimental_get_tracing_count() == 1


def test_says_what_can_be_trained(fresh_model):
    with pytest.raises(InputError, match="'head' or 'all'"):
        trained_part(fresh_model(), "body")
    model = fresh_model()
    model.head.trainable = False
    with pytest.raises(InputError, match="no trainable variables"):
        trained_part(model, "head")
