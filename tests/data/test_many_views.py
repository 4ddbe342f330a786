import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.data.crops import centre_windows
from fgtl.data.many_views import CENTRE, VIEWS, View, views_named
from fgtl.errors import UsageError

sides = st.integers(1, 3000)


def arrays(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array([height], np.int32), np.array([width], np.int32)


@given(sides, sides, st.floats(0.01, 1))
def test_every_view_is_a_window_inside_the_image_and_as_large_as_the_centre_crop(height, width, share):
    centre = centre_windows(*arrays(height, width), share)[0]
    np.testing.assert_array_equal(CENTRE.windows(*arrays(height, width), share)[0], centre)
    for view in VIEWS["ten"]:
        window = view.windows(*arrays(height, width), share)[0]
        assert window.dtype == np.int32
        np.testing.assert_array_equal(window[2:], centre[2:])
        assert (window[:2] >= 0).all()
        assert window[0] + window[2] <= height and window[1] + window[3] <= width


@given(sides, sides, st.floats(0.01, 1))
def test_corner_views_touch_their_corner(height, width, share):
    top, left, h, w = View(0, 1).windows(*arrays(height, width), share)[0]
    assert (top, left + w) == (0, width)
    top, left, h, w = View(1, 0).windows(*arrays(height, width), share)[0]
    assert (top + h, left) == (height, 0)


def test_the_corner_of_a_photograph_by_hand():
    # 375 x 500 at 0.875: the centre crop is (23, 31, 329, 438), so there are 46 and 62 pixels to move by.
    assert View(1, 1).windows(*arrays(375, 500), 0.875)[0].tolist() == [46, 62, 329, 438]


def test_ten_views_are_five_and_their_mirrors():
    assert [len(VIEWS[name]) for name in ("centre", "flip", "five", "ten")] == [1, 2, 5, 10]
    assert len(set(VIEWS["ten"])) == 10
    assert {View(v.vertical, v.horizontal, not v.mirrored) for v in VIEWS["ten"]} == set(VIEWS["ten"])


def test_corners_of_whole_images_are_refused():
    assert views_named("flip", 1.0) == VIEWS["flip"]
    with pytest.raises(UsageError, match="--views=ten of a crop that is the whole image"):
        views_named("ten", 1.0)
