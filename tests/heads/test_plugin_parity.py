"""The whole plug-in against what the published one computed: outputs, ranks, losses, gradients, two steps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from plugin_reference import Reference

from fgtl.heads.head import total_loss
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.losses.weight_decay import coupled_weight_decay, decayed_weights
from fgtl.training.optimizer import apply_gradients, build_optimizer
from fgtl.training.settings import OptimizerKnobs

LEVELS = range(1, 5)
# D: tokens, a learned map between levels; E: maps, bilinear.
UPSAMPLE = {"D": "points", "E": "doubling"}
RATE = 0.01
NESTEROV = OptimizerKnobs(optimizer="nesterov", momentum=0.9, weight_decay=5e-4, decay_all=True, decay_type="coupled")


@pytest.fixture(scope="module")
def reference(shared: Path) -> Reference:
    return Reference(shared)


@pytest.fixture(params=["D", "E"])
def case(request: pytest.FixtureRequest) -> str:
    return request.param


def head_of(reference: Reference, case: str, **knobs: Any) -> PluginHead:
    head = PluginHead(
        7,
        PluginKnobs(fpn_size=16, num_selects=("64", "20", "8", "4"), plugin_upsample=UPSAMPLE[case], **knobs),
        dropout=0.0,
    )
    head.build({name: array.shape for name, array in reference.taps(case).items()})
    reference.load(head.weights, f"{case}/w/")
    return head


def check_outputs(reference: Reference, case: str, outputs: dict[str, Any], expected: str, orders: str) -> None:
    """Every output under a prefix, and the ranks."""
    for n in LEVELS:
        points = np.asarray(outputs[f"level{n}_points"])
        order = reference[f"{orders}/layer{n}"]
        count = outputs[f"level{n}_kept"].shape[1]
        np.testing.assert_allclose(points, reference[f"{expected}/layer{n}"], atol=1e-5, rtol=0)
        np.testing.assert_array_equal(outputs[f"level{n}_kept"], order[:, :count])
        dropped = np.asarray(outputs[f"level{n}_dropped"])
        np.testing.assert_array_equal([np.flatnonzero(row) for row in dropped], np.sort(order[:, count:], axis=1))
        for name, part in (("select", order[:, :count]), ("drop", order[:, count:])):
            logits = np.take_along_axis(points, part[..., None], axis=1)
            np.testing.assert_allclose(logits, reference[f"{expected}/{name}_layer{n}"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(outputs["combiner"], reference[f"{expected}/comb_outs"], atol=1e-5, rtol=0)


def check_losses(reference: Reference, head: PluginHead, terms: dict[str, Any], expected: str) -> None:
    for n in LEVELS:
        for ours, theirs in (
            ("cross_entropy", f"loss_b/layer{n}"),
            ("selected", f"loss_s/select_layer{n}"),
            ("dropped", f"loss_n/drop_layer{n}"),
        ):
            if f"level{n}_{ours}" in terms:
                value = float(terms[f"level{n}_{ours}"])
                assert value == pytest.approx(float(reference[f"{expected}/{theirs}"]), rel=1e-4), theirs
    combiner = float(reference[f"{expected}/loss_c/comb_outs"])
    assert float(terms["combiner_cross_entropy"]) == pytest.approx(combiner, rel=1e-4)
    assert float(total_loss(head, terms)) == pytest.approx(float(reference[f"{expected}/total"]), rel=1e-5)


def test_every_published_weight_has_its_place(reference: Reference, case: str) -> None:
    head = head_of(reference, case)
    there = [key for key in reference.arrays if key.startswith(f"{case}/w/") and "num_batches" not in key]
    assert len(head.weights) == len(there)


def test_in_inference_outputs_ranks_and_losses_are_the_published_ones(reference: Reference, case: str) -> None:
    """Acceptance A11."""
    # A weight that adds nothing to the total lets the term be computed.
    head = head_of(reference, case, lambda_s=1e-30)
    outputs = head.outputs(reference.taps(case), training=False)
    check_outputs(reference, case, outputs, f"{case}/eval", f"{case}/eval/order")
    terms = head.loss(outputs, reference[f"{case}/in/labels"])
    assert len(terms) == 13
    check_losses(reference, head, terms, f"{case}/eval_loss")
    assert float(total_loss(head, terms)) == pytest.approx({"D": 26.567915, "E": 36.011345}[case], rel=1e-6)


def test_the_fused_prediction_is_the_mean_of_the_five_published_heads(reference: Reference, case: str) -> None:
    head = head_of(reference, case)
    outputs = head(reference.taps(case), None, training=False)
    heads = head.heads(outputs)
    names = [f"level{n}" for n in LEVELS] + ["combiner"]
    scores = np.stack([heads[name] for name in names], axis=1)
    np.testing.assert_allclose(scores, reference[f"{case}/eval/ensemble_scores_B_heads_K"], atol=1e-5)
    np.testing.assert_allclose(head.predict(outputs) * 5, reference[f"{case}/eval/highest_all_sum"], atol=1e-5)
    alone = head_of(reference, case, plugin_output="combiner")
    np.testing.assert_allclose(alone.predict(outputs), scores[:, 4], atol=1e-6)


def test_a_training_step_has_the_published_outputs_losses_gradients_and_statistics(
    reference: Reference, case: str
) -> None:
    """Acceptance A11 and A12."""
    head, taps = head_of(reference, case), reference.taps(case)
    outputs, terms, gradients = step_of(head, taps, reference[f"{case}/in/labels"])
    check_outputs(reference, case, outputs, f"{case}/train/step1/out", f"{case}/train/step1/order")
    check_losses(reference, head, terms, f"{case}/train/step1")
    assert float(total_loss(head, terms)) == pytest.approx({"D": 24.894039, "E": 33.750957}[case], rel=1e-5)
    for variable, gradient in zip(head.trainable_variables, gradients, strict=True):
        expected = reference.array_of(variable, f"{case}/train/step1/grad/")
        np.testing.assert_allclose(
            gradient, expected, rtol=1e-4, atol=1e-6 * max(1, abs(expected).max()), err_msg=variable.path
        )
    for variable in head.non_trainable_variables:
        expected = reference.array_of(variable, f"{case}/train/step1/buf/")
        if variable.name == "moving_variance":
            # The published one averages the unbiased variance, n / (n - 1) of the batch's; Keras the batch's.
            before = reference.array_of(variable, f"{case}/w/")
            count = (
                3
                * ({f"level{level.name[-1]}": level.points for level in head.levels} | {"combiner": 3})[
                    variable.path.split("/")[-3]
                ]
            )
            expected = 0.9 * before + (expected - 0.9 * before) * (count - 1) / count
        np.testing.assert_allclose(variable, expected, rtol=1e-4, atol=1e-6, err_msg=variable.path)


def test_two_steps_of_nesterov_leave_the_published_weights(reference: Reference, case: str) -> None:
    """Acceptance A12, by the pieces that a training takes its steps with."""
    head, taps, labels = head_of(reference, case), reference.taps(case), reference[f"{case}/in/labels"]
    optimizer = build_optimizer(NESTEROV, RATE, head)
    decayed = decayed_weights(head, everything=NESTEROV.decay_all)
    for step in (1, 2):
        _, terms, gradients = step_of(head, taps, labels, decayed)
        check_losses(reference, head, terms, f"{case}/train/step{step}")
        apply_gradients(optimizer, gradients, head.trainable_variables)
    for variable in head.trainable_variables:
        expected = reference.array_of(variable, f"{case}/train/after2/")
        # Decay moves a weight of 1 by 2.7e-5: the acceptance's tolerance of 1e-4 would not see it.
        np.testing.assert_allclose(variable, expected, atol=2e-6, rtol=2e-6, err_msg=variable.path)


def step_of(
    head: PluginHead, taps: dict[str, np.ndarray], labels: np.ndarray, decayed: Sequence[Any] = ()
) -> tuple[Any, Any, list[Any]]:
    """Outputs, terms, and the gradients of the total with the decay of some weights."""
    with tf.GradientTape() as tape:
        outputs = head(taps, None, training=True)
        terms = head.loss(outputs, labels)
        total = total_loss(head, terms) + coupled_weight_decay(decayed, NESTEROV.weight_decay)
    return outputs, terms, tape.gradient(total, [variable.value for variable in head.trainable_variables])
