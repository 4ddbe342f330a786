"""Splines pass through their knots; frames take local points where they belong."""

import math

import numpy as np
import pytest

from fgtl.data.synth.curves import Frame, closed_curve, ellipse, open_curve, ribbon

KNOTS = np.array([(0.0, 0.0), (2.0, 0.5), (3.0, 2.0), (1.0, 3.0)])


def test_a_closed_curve_passes_through_its_knots():
    assert closed_curve(KNOTS, steps=5)[::5] == pytest.approx(KNOTS)


def test_an_open_curve_runs_from_the_first_to_the_last_knot():
    curve = open_curve(KNOTS, steps=4)
    assert len(curve) == 13
    assert curve[::4] == pytest.approx(KNOTS)


def test_a_curve_through_points_of_a_line_stays_on_it():
    line = np.stack([np.arange(5.0), 2 * np.arange(5.0)], axis=1)
    curve = open_curve(line)
    assert curve[:, 1] == pytest.approx(2 * curve[:, 0])


def test_a_frame_scales_turns_and_moves():
    frame = Frame((10.0, 20.0), math.pi / 2, scale=2.0, squeeze=0.5)
    assert frame((1.0, 0.0)) == pytest.approx([10, 21])
    assert frame([(0.0, 1.0)])[0] == pytest.approx([8, 20])


def test_a_frame_that_points_backwards_keeps_up_upwards():
    assert Frame((0.0, 0.0), math.pi, rise=-1)((1.0, 1.0)) == pytest.approx([-1, 1])


def test_a_ribbon_has_the_given_width():
    outline = ribbon(np.array([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)]), [0.4, 0.4, 0.4])
    assert outline[:3, 1] == pytest.approx([0.2] * 3)
    assert outline[3:, 1] == pytest.approx([-0.2] * 3)


def test_an_ellipse_keeps_its_radii():
    points = ellipse((1.0, 1.0), (3.0, 2.0), steps=40)
    assert (((points - 1) / (3, 2)) ** 2).sum(axis=1) == pytest.approx(np.ones(40))
