import numpy as np

from fgtl.data.draws import id_keys, image_keys
from fgtl.data.quiet import import_tensorflow

tf = import_tensorflow()

from fgtl.data.erasing import draw_boxes, erase  # noqa: E402


def boxes(count: int, size: int = 224, probability: float = 1.0) -> np.ndarray:
    keys = image_keys(0, np.zeros(count, np.int64), id_keys([str(row) for row in range(count)]))
    return draw_boxes(keys, size, probability)


def test_boxes_have_the_papers_areas_and_aspects_and_lie_in_the_image() -> None:
    top, left, height, width = boxes(5000).T.astype(np.float64)
    assert min(top.min(), left.min()) == 0
    assert (top + height).max() == (left + width).max() == 224
    share, aspect = height * width / 224**2, height / width
    # Sides are rounded to pixels.
    assert 0.019 < share.min() < 0.022
    assert 0.32 < share.max() < 0.335
    assert 0.29 < aspect.min() < 0.31
    assert 3.2 < aspect.max() < 3.4
    np.testing.assert_allclose(np.quantile(share, [0.25, 0.5, 0.75]), [0.0975, 0.175, 0.2525], atol=0.01)
    assert abs(np.mean(top / (224 - height + 1)) - 0.5) < 0.02


def test_a_share_of_the_images_is_erased_and_a_smaller_share_is_a_part_of_it() -> None:
    half, fifth = boxes(4000, probability=0.5), boxes(4000, probability=0.2)
    assert abs((half[:, 2] > 0).mean() - 0.5) < 0.03
    assert abs((fifth[:, 2] > 0).mean() - 0.2) < 0.03
    erased = fifth[:, 2] > 0
    np.testing.assert_array_equal(fifth[erased], half[erased])
    assert not half[half[:, 2] == 0].any()


def test_tiny_images_lose_a_pixel_at_least_and_never_more_than_there_is() -> None:
    for size in (1, 2, 5):
        top, left, height, width = boxes(300, size).T
        assert min(height.min(), width.min()) >= 1
        assert max((top + height).max(), (left + width).max()) <= size


def test_erasing_paints_the_box_grey_and_nothing_else() -> None:
    image = np.random.default_rng(0).uniform(0, 255, (9, 9, 3)).astype(np.float32)
    expected = image.copy()
    expected[2:5, 4:9] = 128
    dataset = tf.data.Dataset.from_tensors((image, tf.constant([2, 4, 3, 5]))).map(erase)
    np.testing.assert_array_equal(next(iter(dataset)), expected)
    np.testing.assert_array_equal(erase(tf.constant(image), tf.zeros(4, tf.int32)), image)
