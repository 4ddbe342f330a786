import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.data.knobs import InputKnobs
from fgtl.data.quiet import import_tensorflow
from fgtl.errors import InputError, UsageError

tf = import_tensorflow()

from fgtl.data.mixing import UNMIXED, draw_mixes, expect_pairs, mixed_images, mixed_targets  # noqa: E402

SIZE = 20


def drawn(count: int, seed: int = 0, **knobs: Any) -> np.ndarray:
    return draw_mixes(np.arange(count), seed, SIZE, InputKnobs(**knobs))


def slow_images(images: np.ndarray, mixes: np.ndarray) -> np.ndarray:
    """The definition of a mix, pixel by pixel, in float64."""
    result = images.astype(np.float64)
    for row, (share, top, left, height, width) in enumerate(mixes.astype(np.float64)):
        own, partner = images[row].astype(np.float64), images[row ^ 1].astype(np.float64)
        for y, x in np.ndindex(own.shape[:2]):
            if height == 0:
                result[row, y, x] = share * own[y, x] + (1 - share) * partner[y, x]
            elif top <= y < top + height and left <= x < left + width:
                result[row, y, x] = partner[y, x]
    return result


def slow_targets(labels: np.ndarray, mixes: np.ndarray, classes: int) -> np.ndarray:
    """Each label's share, one at a time."""
    result = np.zeros((len(labels), classes))
    for row, label in enumerate(labels):
        result[row, label] += mixes[row, 0]
        result[row, labels[row ^ 1]] += 1 - mixes[row, 0]
    return result


def batch(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (count, SIZE, SIZE, 3)).astype(np.float32), rng.integers(0, 5, count).astype(np.int32)


# Compiled once for each batch size.
IMAGES = tf.function(mixed_images, jit_compile=True)
TARGETS = tf.function(mixed_targets, jit_compile=True)


@pytest.mark.parametrize("compiled", [False, True])
@settings(deadline=None, max_examples=25)
@given(
    count=st.sampled_from([2, 6]),
    seed=st.integers(0, 2**31),
    kinds=st.sampled_from([(0.2, 0.0), (0.0, 1.0), (0.8, 0.3)]),
    share=st.sampled_from([0.5, 1.0]),
)
def test_images_and_targets_equal_the_definition(
    compiled: bool, count: int, seed: int, kinds: tuple[float, float], share: float
) -> None:
    images, labels = batch(count, seed)
    mixes = drawn(count, seed % 1000, mixup=kinds[0], cutmix=kinds[1], mix_share=share)
    mix, targets = (IMAGES, TARGETS) if compiled else (mixed_images, mixed_targets)
    np.testing.assert_allclose(mix(images, tf.constant(mixes)), slow_images(images, mixes), atol=1e-3)
    found = targets(labels, tf.constant(mixes), 5).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, slow_targets(labels, mixes, 5), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


@given(st.integers(0, 10**9), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_mix_of_a_position_does_not_depend_on_who_asks(first: int, count: int, seed: int) -> None:
    knobs = InputKnobs(mixup=0.4, cutmix=1.0, mix_share=0.7)
    positions = np.arange(first, first + count)
    together = draw_mixes(positions, seed, SIZE, knobs)
    alone = [draw_mixes(positions[place : place + 1], seed, SIZE, knobs)[0] for place in range(count)]
    np.testing.assert_array_equal(together, alone)


def test_both_of_a_pair_have_the_same_mix_and_pairs_differ() -> None:
    mixes = drawn(1000, mixup=1.0, cutmix=1.0)
    np.testing.assert_array_equal(mixes[::2], mixes[1::2])
    # Boxes without pixels are alike.
    assert len(np.unique(mixes[::2], axis=0)) > 470
    assert not np.array_equal(mixes, drawn(1000, seed=1, mixup=1.0, cutmix=1.0))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_shares_follow_the_beta_distribution(alpha: float) -> None:
    mixes = drawn(40_000, mixup=alpha)
    assert not mixes[:, 1:].any()
    shares = mixes[::2, 0].astype(np.float64)
    # Mean and variance of Beta(a, a): 1/2 and 1 / (4 (2 a + 1)).
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.04)


def test_a_tiny_alpha_leaves_one_image_or_the_other() -> None:
    shares = drawn(200, mixup=1e-6)[:, 0]
    assert set(np.round(shares, 4).tolist()) == {0.0, 1.0}


def test_cutmix_boxes_lie_in_the_image_and_the_share_counts_their_pixels() -> None:
    mixes = drawn(20_000, cutmix=1.0).astype(np.float64)
    top, left, height, width = mixes[:, 1:].T
    assert (np.stack([top, left, height, width]) % 1 == 0).all()
    assert ((top >= 0) & (left >= 0) & (top + height <= SIZE) & (left + width <= SIZE)).all()
    np.testing.assert_allclose(mixes[:, 0], 1 - height * width / SIZE**2, atol=1e-6)
    assert ((height > 0) == (width > 0)).all()
    # The middle of the picture is inside more often than a corner, which few boxes reach.
    assert (height == 0).mean() < 0.1
    inside = [((top <= y) & (y < top + height) & (left <= y) & (y < left + width)).mean() for y in (0, SIZE // 2)]
    assert inside[1] > 2 * inside[0] > 0


def test_a_share_of_the_pairs_is_mixed_and_each_kind_gets_half_of_it() -> None:
    mixes = drawn(20_000, mixup=1.0, cutmix=1.0, mix_share=0.6)
    untouched = (mixes == np.float32(UNMIXED)).all(axis=1)
    cut = mixes[:, 3] > 0
    assert untouched.mean() == pytest.approx(0.4, abs=0.03)
    assert cut.mean() == pytest.approx(0.3, abs=0.03)
    assert not drawn(500, mixup=1.0, cutmix=1.0, mix_share=0.0)[:, 1:].any()


def test_rows_that_are_not_mixed_stay_bit_for_bit() -> None:
    images, labels = batch(4, 0)
    mixes = np.tile(np.float32(UNMIXED), (4, 1))
    for mix in (mixed_images, IMAGES):
        np.testing.assert_array_equal(mix(images, mixes), images)
    np.testing.assert_array_equal(mixed_targets(labels, mixes, 5), np.eye(5, dtype=np.float32)[labels])


def test_half_precision_images_stay_half_precision() -> None:
    images, _ = batch(4, 0)
    mixes = drawn(4, mixup=1.0)
    found = mixed_images(tf.constant(images, tf.bfloat16), mixes)
    assert found.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(found, tf.float32), slow_images(images, mixes), atol=4)


def test_a_batch_that_is_no_pairs_is_refused_with_the_number_that_would_do() -> None:
    expect_pairs(8, 1)
    expect_pairs(8, 4)
    with pytest.raises(
        UsageError, match=r"--batch_size=7 does not divide over the pairs of --mixup or --cutmix(.|\n)*multiple of 2"
    ):
        expect_pairs(7, 1)
    with pytest.raises(
        UsageError, match=r"--batch_size=6 does not divide over 2 devices and the pairs(.|\n)*multiple of 4"
    ):
        expect_pairs(6, 2)
    with pytest.raises(InputError, match="batch of 3 images"):
        mixed_images(*map(tf.constant, (batch(3, 0)[0], drawn(3, mixup=1.0))))


def test_two_replicas_mix_as_one_device_does() -> None:
    # In a process of its own: devices can only be split before TensorFlow first uses them.
    done = subprocess.run([sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["ok"], done.stderr


ROOT = __file__.rsplit("/tests/", 1)[0]
TWO_REPLICAS = """
import sys
sys.path.insert(0, "tests/data")
from test_mixing import mixed_images, mixed_targets, np, tf
from test_pipeline import Records, batches, encoded, knobs, picture, training_batches

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
records = Records([encoded(picture(row)) for row in range(23)])
options = knobs(batch_size=8, mixup=0.4, cutmix=1.0)
make = lambda: training_batches(records, options, steps=range(4))
both = tf.function(lambda images, labels, mixes: (mixed_images(images, mixes), mixed_targets(labels, mixes, 23)))
for parts, whole in zip(strategy.experimental_distribute_dataset(make()), batches(make())):
    for found, expected in zip(strategy.run(both, parts), both(*whole)):
        found = np.concatenate(strategy.experimental_local_results(found))
        np.testing.assert_allclose(found, expected, rtol=1e-6)
print("ok")
"""
