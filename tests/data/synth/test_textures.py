"""Periodic textures and the ways to read them."""

import numpy as np
import pytest

from fgtl.data.synth.textures import SIDE, crop, noise, plumage_texture, scales, smooth_crop, window


def test_noise_is_in_range_and_the_same_each_time():
    tile = noise(1.3, 2.0, 99)
    assert tile.shape == (SIDE, SIDE)
    assert 0 <= tile.min() < 0.2 and 0.8 < tile.max() <= 1
    noise.cache_clear()
    assert np.array_equal(noise(1.3, 2.0, 99), tile)


def test_a_stretched_noise_varies_less_along_x():
    tile = noise(1.3, 6.0, 98)
    assert np.abs(np.diff(tile, axis=1)).mean() < 0.5 * np.abs(np.diff(tile, axis=0)).mean()


@pytest.mark.parametrize("start", [(0, 0), (500, 3), (-5, 700)])
def test_a_window_wraps_around(start):
    tile = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    expected = np.roll(tile, (-start[0], -start[1]), (0, 1))[:40, :60]
    assert np.array_equal(window(tile, start, (40, 60)), expected)
    assert np.array_equal(crop(tile, (40, 60), start, (1.0, 1.0)), expected)


def test_a_window_larger_than_the_tile_repeats_it():
    tile = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    wide = window(tile, (7, 9), (SIDE + 20, 2 * SIDE))
    assert np.array_equal(wide[:20], wide[SIDE:])


def test_a_smooth_crop_enlarges():
    part = smooth_crop(noise(1.7, 3.0, 9), (50, 70), (3.0, 4.0), 2.0)
    assert part.shape == (50, 70)
    assert part[10, 10] == pytest.approx(noise(1.7, 3.0, 9)[8, 9], abs=0.1)


def test_feathers_are_turned_to_the_nearest_sector():
    assert scales().min() >= 0 and scales().max() <= 1
    assert not np.array_equal(
        plumage_texture("scales", 0.0, (64, 64), 1.0), plumage_texture("scales", 1.5, (64, 64), 1.0)
    )
    assert np.array_equal(plumage_texture("scales", 0.0, (64, 64), 1.0), plumage_texture("scales", 0.1, (64, 64), 1.0))
