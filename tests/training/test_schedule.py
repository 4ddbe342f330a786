import math

import keras
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fgtl.errors import InputError, UsageError
from fgtl.training.plan import plan_training
from fgtl.training.schedule import build_schedule
from fgtl.training.settings import TrainingKnobs


def rates_of(images=5994, batch_size=64, phase=-1, **knobs):
    knobs = TrainingKnobs(**{"mode": "all", "learning_rate": 0.01} | knobs)
    plan = plan_training(knobs, images=images, batch_size=batch_size)
    schedule = build_schedule(knobs, plan, plan.phases[phase])
    return lambda step: float(schedule(step)) if callable(schedule) else schedule


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 1e-2), (935, 1e-2), (936, 1e-3), (1871, 1e-3), (1872, 1e-4), (2807, 1e-4), (2808, 1e-5)],
)
def test_staircase_of_the_original_on_cub(step, rate):
    assert rates_of(schedule="staircase")(step) == pytest.approx(rate, rel=1e-6)


@given(st.integers(1, 4000), st.integers(1, 64), st.floats(0.1, 12), st.integers(0, 20_000))
def test_staircase_falls_exactly_at_its_multiples(images, batch_size, epochs_per_decay, step):
    assume(images >= batch_size)
    stair = max(int(images * epochs_per_decay / batch_size), 1)
    rate = rates_of(images, batch_size, schedule="staircase", decay_factor=0.5, epochs_per_decay=epochs_per_decay)
    for near in (step, step // stair * stair, step // stair * stair + stair - 1):
        assert rate(near) == pytest.approx(0.01 * 0.5 ** (near // stair), rel=1e-5, abs=1e-30)


def test_polynomial_is_linear_over_one_decay_period_then_flat():
    rate = rates_of(schedule="polynomial", end_learning_rate=1e-4)
    assert rate(0) == pytest.approx(0.01)
    assert rate(468) == pytest.approx(0.00505)
    assert rate(936) == rate(5000) == pytest.approx(1e-4)


@pytest.mark.parametrize("step", [0, 935, 936, 2808])
def test_fixed_of_the_original_never_moves(step):
    assert rates_of(schedule="fixed")(step) == 0.01


def test_fixed_is_a_number_that_callbacks_may_change():
    rate = rates_of(schedule="fixed")
    assert rate(0) == rate(10**6) == 0.01


def test_cosine_runs_over_the_phase():
    rate = rates_of(images=100, batch_size=10, epochs=4, schedule="cosine", end_learning_rate=0.002)
    for step in range(41):
        assert rate(step) == pytest.approx(0.002 + 0.008 * (1 + math.cos(math.pi * step / 40)) / 2, rel=1e-5)


@pytest.mark.parametrize("schedule", ["fixed", "cosine", "staircase", "polynomial"])
def test_warm_up_is_a_ramp_that_multiplies_the_curve(schedule):
    knobs = {"images": 100, "batch_size": 10, "epochs": 4, "schedule": schedule}
    plain, warm = rates_of(**knobs), rates_of(**knobs, warmup_epochs=0.5)
    for step in range(40):
        assert warm(step) == pytest.approx(plain(step) * min(1, (step + 1) / 5), rel=1e-5)
    assert warm(0) > 0


@pytest.fixture(scope="module")
def reference(shared):
    return np.load(shared / "reference" / "pim_reference.npz")


def test_late_cosine_is_the_plug_in_papers_on_cub(reference):
    """375 micro-batches an epoch; ours are never short, so 6,000 images have exactly as many."""
    rate = rates_of(6000, 16, schedule="late_cosine", learning_rate=5e-4, epochs=50, warmup_steps=800)
    assert reference["G/cub/len"] == 18_750
    for step, expected in zip(reference["G/cub/iter"], reference["G/cub/lr_f64"], strict=True):
        assert rate(step) == pytest.approx(expected, rel=1e-5), step
    # The last one is far from 0.
    assert rate(18_749) == pytest.approx(2.248125e-6, rel=1e-3)


@pytest.mark.parametrize(("name", "warmup"), [("small_f64", 5), ("small_nowarm_f64", 0)])
def test_late_cosine_is_the_plug_in_papers_at_every_step(reference, name, warmup):
    rate = rates_of(70, 10, schedule="late_cosine", epochs=3, warmup_steps=warmup)
    expected = reference[f"G/{name}"]
    assert [rate(step) for step in range(len(expected))] == pytest.approx(expected.tolist(), rel=1e-5)
    assert len(expected) == 21


def test_late_cosine_keeps_its_digits_to_the_last_step():
    """1 + cos loses them in float32: with no warm-up the last rates are a millionth of the first."""
    rate = rates_of(6000, 16, schedule="late_cosine", learning_rate=5e-4, epochs=50)
    for step in (18_000, 18_700, 18_748, 18_749):
        expected = 1e-12 + 5e-4 * math.sin(math.pi / 2 * (18_750 - step) / 18_750) ** 2
        assert rate(step) == pytest.approx(expected, rel=1e-5), step


def test_late_cosine_takes_a_warm_up_of_one_step_and_an_end():
    rate = rates_of(100, 10, schedule="late_cosine", epochs=4, warmup_steps=1)
    assert [rate(0), rate(1)] == pytest.approx([1e-9, 0.01])
    ended = rates_of(100, 10, schedule="late_cosine", epochs=4, end_learning_rate=0.002)
    for step in range(40):
        assert ended(step) == pytest.approx(0.002 + 0.008 * (1 + math.cos(math.pi * step / 40)) / 2, rel=1e-5)


@pytest.mark.parametrize("schedule", ["fixed", "cosine", "staircase", "polynomial", "late_cosine"])
def test_a_warm_up_in_steps_is_one_in_epochs(schedule):
    knobs = {"images": 100, "batch_size": 10, "epochs": 4, "schedule": schedule}
    by_epochs, by_steps = rates_of(**knobs, warmup_epochs=0.5), rates_of(**knobs, warmup_steps=5)
    assert [by_steps(step) for step in range(40)] == [by_epochs(step) for step in range(40)]


def test_a_warm_up_is_said_once_and_is_shorter_than_the_training():
    with pytest.raises(UsageError, match="--warmup_epochs=1 and --warmup_steps=5"):
        TrainingKnobs(warmup_epochs=1, warmup_steps=5)
    with pytest.raises(InputError, match="--warmup_steps=40 leaves nothing of the 40 steps of 4 epochs"):
        rates_of(100, 10, epochs=4, warmup_steps=40)


def test_the_first_of_two_phases_has_its_own_rate_and_no_warm_up():
    rate = rates_of(phase=0, mode="head_then_all", head_learning_rate=0.5, warmup_epochs=1)
    assert rate(0) == pytest.approx(0.5)
    late = rates_of(
        phase=0, mode="head_then_all", head_learning_rate=0.5, warmup_steps=500, head_epochs=1, schedule="late_cosine"
    )
    assert late(0) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["cosine", "late_cosine"])
def test_a_warm_up_survives_serialisation(name):
    knobs = TrainingKnobs(warmup_epochs=1, schedule=name)
    plan = plan_training(knobs, images=100, batch_size=10)
    schedule = build_schedule(knobs, plan, plan.phases[0])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert [float(again(step)) for step in range(20)] == [float(schedule(step)) for step in range(20)]
