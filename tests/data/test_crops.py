import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.data.crops import centre_windows, random_windows
from fgtl.data.draws import id_keys, image_keys
from fgtl.data.knobs import AugmentKnobs
from fgtl.data.quiet import import_tensorflow
from fgtl.errors import UsageError


def sides(height: int, width: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(count, height, np.int32), np.full(count, width, np.int32)


def keys(count: int, seed: int = 0) -> np.ndarray:
    return image_keys(seed, np.zeros(count, np.int64), id_keys([str(row) for row in range(count)]))


@pytest.mark.parametrize(("side", "offset", "size"), [(500, 31, 438), (375, 23, 329), (800, 50, 700), (1, 0, 1)])
def test_the_centre_crop_has_the_originals_arithmetic(side: int, offset: int, size: int) -> None:
    assert centre_windows(*sides(side, 2 * side, 1), 0.875)[0, [0, 2]].tolist() == [offset, size]


def test_the_centre_crop_of_a_whole_image_is_the_image() -> None:
    assert centre_windows(*sides(375, 500, 1), 1.0).tolist() == [[0, 0, 375, 500]]


@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(0.01, 1))
def test_the_centre_crop_is_central_and_never_empty(height: int, width: int, share: float) -> None:
    top, left, high, wide = centre_windows(*sides(height, width, 1), share)[0].tolist()
    assert (2 * top + high, 2 * left + wide) == (height, width)
    assert high >= 1
    assert wide >= 1


def test_a_thousand_windows_keep_to_area_and_aspect() -> None:
    # Acceptance D2: nominally 5 % of the area, but 10 % must be covered.
    top, left, high, wide = random_windows(keys(1000), *sides(375, 500, 1000), AugmentKnobs()).T
    area = high * wide / (375 * 500)
    assert area.min() >= 0.10
    assert area.min() < 0.13
    assert area.max() > 0.8
    assert np.all((wide + 0.5) / high >= 0.75)
    assert np.all((wide - 0.5) / high <= 1.33)
    assert np.all((top >= 0) & (left >= 0) & (top + high <= 375) & (left + wide <= 500))
    # The last row and column are within reach of windows that do not span the image.
    assert np.any((top > 0) & (top + high == 375))
    assert np.any((left > 0) & (left + wide == 500))


def test_without_the_coverage_rule_the_nominal_area_counts() -> None:
    windows = random_windows(keys(2000), *sides(375, 500, 2000), AugmentKnobs(crop_min_coverage=0))
    area = windows[:, 2] * windows[:, 3] / (375 * 500)
    assert 0.05 <= area.min() < 0.06


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 375), (64, 300)])
def test_windows_are_distributed_as_tensorflow_draws_them(height: int, width: int) -> None:
    tf = import_tensorflow()
    count = 3000
    box = tf.constant([[[0.0, 0.0, 1.0, 1.0]]])

    @tf.function
    def draw(number):  # type: ignore[no-untyped-def]
        begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
            [height, width, 3], box, [7, number], 0.1, (0.75, 1.33), (0.05, 1.0), 100
        )
        return tf.stack([begin[0], begin[1], size[0], size[1]])

    theirs = np.stack(list(tf.data.Dataset.range(count).map(draw).as_numpy_iterator()))
    ours = random_windows(keys(count), *sides(height, width, count), AugmentKnobs())

    def measures(windows: np.ndarray) -> dict[str, np.ndarray]:
        top, left, high, wide = windows.T
        share = high * wide / (height * width)
        return {"area": share, "aspect": wide / high, "top": top / height, "left": left / width, "height": high}

    expected = measures(theirs)
    for name, values in measures(ours).items():
        distance = two_sample_distance(values, expected[name])
        assert distance < 1.95 * np.sqrt(2 / count), f"{name}: {distance}"


def two_sample_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Kolmogorov-Smirnov: the largest gap between two empirical distribution functions."""
    grid = np.concatenate([first, second])
    shares = [np.searchsorted(np.sort(values), grid, side="right") / len(values) for values in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def test_an_image_that_no_window_fits_is_taken_whole() -> None:
    # 2 pixels high and 600 wide: a window of that aspect covers less than a tenth.
    assert random_windows(keys(3), *sides(2, 600, 3), AugmentKnobs()).tolist() == [[0, 0, 2, 600]] * 3


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_windows_lie_inside_images_of_any_size(height: int, width: int, seed: int) -> None:
    top, left, high, wide = random_windows(keys(20, seed), *sides(height, width, 20), AugmentKnobs()).T
    assert np.all((top >= 0) & (left >= 0) & (high >= 1) & (wide >= 1))
    assert np.all((top + high <= height) & (left + wide <= width))


def test_an_images_window_does_not_depend_on_its_neighbours() -> None:
    together = random_windows(keys(50), *sides(300, 400, 50), AugmentKnobs())
    alone = [random_windows(keys(50)[row : row + 1], *sides(300, 400, 1), AugmentKnobs())[0] for row in range(50)]
    np.testing.assert_array_equal(together, alone)


def test_aspects_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(UsageError, match="crop_min_aspect"):
        AugmentKnobs(crop_min_aspect=1.5)
