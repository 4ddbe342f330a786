import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.errors import InputError
from fgtl.training.plan import plan_training
from fgtl.training.settings import TrainingKnobs


@given(st.integers(0, 300), st.integers(1, 64), st.integers(1, 9), st.integers(1, 4))
def test_an_epoch_ends_with_the_step_that_sees_its_last_image(more, batch_size, epochs, head_epochs):
    images = batch_size + more
    knobs = TrainingKnobs(mode="head_then_all", epochs=epochs, head_epochs=head_epochs)
    plan = plan_training(knobs, images=images, batch_size=batch_size)
    assert [phase.name for phase in plan.phases] == ["head", "all"]
    assert plan.phases[0].steps.stop == plan.phases[1].steps.start
    assert plan.epochs == epochs + head_epochs
    for epoch in range(1, plan.epochs + 1):
        step = plan.steps_in(epoch)
        assert step * batch_size >= epoch * images > (step - 1) * batch_size
        assert plan.epochs_over(step) == epoch > plan.epochs_over(step - 1)
    for phase in plan.phases:
        assert all(plan.phase_at(step) is phase for step in phase.steps)


@given(st.integers(1, 300), st.integers(1, 64), st.integers(1, 9), st.integers(1, 9), st.integers(0, 40))
def test_the_next_border_is_the_first_step_with_which_something_ends(more, batch_size, log, save, step):
    plan = plan_training(TrainingKnobs(), images=batch_size + more, batch_size=batch_size)
    ends = {plan.steps_in(epoch) for epoch in range(50)}
    expected = next(s for s in range(step + 1, 10**6) if s in ends or s % log == 0 or s % save == 0)
    assert plan.next_border(step, log, save) == expected


def test_says_in_one_line_what_will_be_trained():
    knobs = TrainingKnobs(mode="head_then_all", epochs=10, head_epochs=3)
    assert plan_training(knobs, images=1500, batch_size=32).describe() == (
        "3 epochs head (141 steps), then 10 epochs all (469 steps)"
    )


def test_refuses_a_warm_up_as_long_as_the_training():
    with pytest.raises(InputError, match="--warmup_epochs=3 leaves nothing of --epochs=3"):
        plan_training(TrainingKnobs(epochs=3, warmup_epochs=3), images=10, batch_size=2)


def test_refuses_a_batch_that_holds_more_than_the_training_images():
    # A step would be several epochs, and "epoch 4 of 2" the result.
    with pytest.raises(InputError, match="--batch_size=100 is more than the 23 training images(.|\n)*--batch_size=23"):
        plan_training(TrainingKnobs(), images=23, batch_size=100)
