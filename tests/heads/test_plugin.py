"""The plug-in as a head: terms, predictions, knobs, and what it does not do."""

import json
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from fgtl.errors import UsageError
from fgtl.heads.head import HEADS, name_of, total_loss
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.heads.plugin_layers import rows_of
from fgtl.heads.plugin_selector import select

RNG = np.random.default_rng(0)
# 64, 16, 9 and 4 points.
TAPS = {f"p{n}": RNG.normal(size=(8, side, side, 6)).astype("float32") for n, side in ((2, 8), (3, 4), (4, 3), (5, 2))}
LABELS = np.array([0, 2, 1, 1, 0, 2, 0, 0])
SMALL = PluginKnobs(fpn_size=8)


def small_head(knobs: PluginKnobs = SMALL, **arguments: Any) -> PluginHead:
    keras.utils.set_random_seed(1)
    head = PluginHead(3, knobs, **arguments)
    head.build({name: tap.shape for name, tap in TAPS.items()})
    return head


def test_of_zero_logits_the_total_is_three_ln_k_and_twenty() -> None:
    """Acceptance A16."""
    head = PluginHead(200, SMALL)
    head.build({name: tap.shape for name, tap in TAPS.items()})
    for layer in (*head.classifiers, head.combiner):
        for variable in layer.logits.trainable_variables:
            variable.assign(ops.zeros_like(variable))
    terms = head.loss(head(TAPS, None, training=True), LABELS)
    assert float(total_loss(head, terms)) == pytest.approx(35.894952, abs=1e-4)
    assert float(terms["level1_cross_entropy"]) == pytest.approx(5.298317, abs=1e-5)
    assert float(terms["level1_dropped"]) == 1.0


def test_the_terms_are_those_that_count_and_the_total_is_their_weighted_sum() -> None:
    head = small_head(PluginKnobs(fpn_size=8, lambda_b=0.25, lambda_s=2.0, lambda_n=3.0, lambda_c=4.0))
    terms = head.loss(head(TAPS, None, training=True), LABELS)
    names = [f"level{n}_{term}" for n in (1, 2, 3, 4) for term in ("cross_entropy", "selected", "dropped")]
    assert list(terms) == [*names, "combiner_cross_entropy"]
    factor = {"cross_entropy": 0.25, "selected": 2.0, "dropped": 3.0}
    expected = sum(factor[name.partition("_")[2]] * float(terms[name]) for name in names)
    expected += 4.0 * float(terms["combiner_cross_entropy"])
    assert float(total_loss(head, terms)) == pytest.approx(expected, rel=1e-5)


def test_a_term_of_weight_zero_is_not_computed() -> None:
    usual = small_head()
    assert not any("selected" in name for name in usual.loss(usual(TAPS, None, training=True), LABELS))
    alone = small_head(PluginKnobs(fpn_size=8, lambda_b=0, lambda_n=0))
    assert list(alone.loss(alone(TAPS, None, training=True), LABELS)) == ["combiner_cross_entropy"]


@pytest.mark.parametrize("dropped", [0.0, 5.0])
def test_weights_by_which_no_head_learns_the_classes_are_refused(dropped: float) -> None:
    """The loss of the dropped points has no labels."""
    with pytest.raises(UsageError, match="lambda_b, --lambda_s and --lambda_c are all 0"):
        PluginHead(3, PluginKnobs(lambda_b=0, lambda_n=dropped, lambda_c=0))


def test_a_combiner_that_is_not_trained_cannot_be_the_prediction() -> None:
    with pytest.raises(UsageError, match=r"plugin_output=combiner: with --lambda_c=0[\s\S]*--plugin_output=fused"):
        PluginHead(3, PluginKnobs(lambda_c=0, plugin_output="combiner"))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"lambda_c": 0}, ["level1", "level2", "level3", "level4"]),
        ({"lambda_b": 0}, ["combiner"]),
        ({"lambda_b": 0, "plugin_output": "combiner"}, ["combiner"]),
        ({"lambda_b": 0, "lambda_s": 1, "lambda_c": 0}, ["level1", "level2", "level3", "level4"]),
    ],
)
def test_a_head_that_is_not_trained_says_nothing_and_has_no_part_in_the_fused_one(
    weights: dict[str, Any], expected: list[str]
) -> None:
    head = small_head(PluginKnobs(fpn_size=8, **weights))
    outputs = head(TAPS, None)
    heads = head.heads(outputs)
    assert list(heads) == [*expected, "fused"]
    logits = np.array([outputs[name] for name in expected], "float64")
    powers = np.exp(logits)
    fused = (powers / powers.sum(-1, keepdims=True)).mean(0)
    np.testing.assert_allclose(heads["fused"], fused, rtol=1e-5)
    np.testing.assert_allclose(head.predict(outputs), fused, rtol=1e-5)


def test_in_inference_there_are_no_points_and_the_same_heads() -> None:
    """Acceptance A24, the head's part: what is exported lacks them."""
    head = small_head()
    lean, full = head(TAPS, None), head.outputs(TAPS)
    assert not any("points" in name or "dropped" in name for name in lean)
    for name, values in lean.items():
        np.testing.assert_array_equal(values, full[name])
    assert set(head.loss(lean, LABELS)) == {f"level{n}_cross_entropy" for n in (1, 2, 3, 4)} | {
        "combiner_cross_entropy"
    }


def test_a_level_says_the_mean_logits_of_its_points_and_the_fused_head_the_mean_of_all_probabilities() -> None:
    head = small_head()
    outputs = head.outputs(TAPS)
    np.testing.assert_allclose(outputs["level2"], np.asarray(outputs["level2_points"]).mean(1), atol=1e-6)
    heads = head.heads(outputs)
    assert list(heads) == ["level1", "level2", "level3", "level4", "combiner", "fused"]
    each = [np.exp(outputs[name]) / np.exp(outputs[name]).sum(1, keepdims=True) for name in list(heads)[:-1]]
    np.testing.assert_allclose(heads["fused"], np.mean(each, axis=0), rtol=1e-5)
    np.testing.assert_array_equal(head.predict(outputs), heads["fused"])
    assert head.result == "fused"


def test_regions_are_the_kept_points_most_confident_first() -> None:
    head = small_head()
    outputs = head.outputs(TAPS)
    for level, kept, region in zip(head.levels, head.kept, head.regions(outputs), strict=True):
        assert region.level == level
        logits = np.asarray(outputs[f"{level.name}_points"], "float64")
        peaks = (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).max(-1)
        expected = np.sort(peaks, axis=1)[:, ::-1][:, :kept]
        np.testing.assert_allclose(region.confidence, expected, rtol=1e-5)
        np.testing.assert_allclose(np.take_along_axis(peaks, np.asarray(region.index), 1), expected, rtol=1e-5)


def test_an_image_does_not_see_the_others_of_its_batch() -> None:
    """Acceptance A23."""
    head = small_head()
    together = head(TAPS, None)
    for row in range(8):
        alone = head({name: tap[row : row + 1] for name, tap in TAPS.items()}, None)
        for name, values in alone.items():
            np.testing.assert_allclose(values[0], together[name][row], atol=1e-5, err_msg=name)


def test_the_order_of_a_levels_points_does_not_matter_behind_the_pyramid() -> None:
    """Acceptance A13, first half: features and logits moved together."""
    features, logits = RNG.normal(size=(4, 30, 5)), RNG.normal(size=(4, 30, 6)).astype("float32")
    moved = RNG.permutation(30)
    kept, kept_moved = (
        rows_of(f, select(z, 9).index) for f, z in ((features, logits), (features[:, moved], logits[:, moved]))
    )
    np.testing.assert_array_equal(kept, kept_moved)


def test_confidence_has_no_gradient_and_kept_points_have() -> None:
    head = small_head()
    with tf.GradientTape(persistent=True) as tape:
        outputs = head(TAPS, None, training=True)
        confidence, combiner = tf.reduce_sum(outputs["level1_confidence"]), tf.reduce_sum(outputs["combiner"] ** 2)
    hidden, projection = head.classifiers[0].hidden.kernel.value, head.pyramid.project[0].kernel.value
    assert tape.gradient(confidence, [hidden, projection]) == [None, None]
    # Which points are kept is nobody's gradient: from the combiner none reaches the level's classifier.
    assert tape.gradient(combiner, hidden) is None
    assert float(tf.reduce_max(abs(tf.convert_to_tensor(tape.gradient(combiner, projection))))) > 0


def test_row_weights_and_distributions_of_labels_are_those_of_the_rows() -> None:
    head = small_head(PluginKnobs(fpn_size=8, lambda_s=1.0), label_smoothing=0.1)
    outputs = head.outputs(TAPS)
    first = {name: values[:3] for name, values in outputs.items()}
    weights = np.float32([1, 1, 1, 0, 0, 0, 0, 0])
    expected = head.loss(first, LABELS[:3])
    for labels in (LABELS, np.eye(3, dtype="float32")[LABELS]):
        terms = head.loss(outputs, labels, weights)
        assert list(terms) == list(expected)
        for name, term in terms.items():
            assert float(term) == pytest.approx(float(expected[name]), rel=1e-5), name


def test_smoothing_is_in_every_cross_entropy() -> None:
    plain, smooth = (small_head(PluginKnobs(fpn_size=8, lambda_s=1.0), label_smoothing=e) for e in (0.0, 0.3))
    outputs = plain.outputs(TAPS)
    before, after = plain.loss(outputs, LABELS), smooth.loss(outputs, LABELS)
    changed = {name for name in before if float(before[name]) != float(after[name])}
    assert changed == {name for name in before if not name.endswith("dropped")}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_in_mixed_precision_logits_ranks_and_losses_are_float32(policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        head = small_head()
        outputs = head(TAPS, None, training=True)
    finally:
        keras.config.set_dtype_policy("float32")
    for name, values in outputs.items():
        kind = "int32" if name.endswith("kept") else "bool" if name.endswith("dropped") else "float32"
        assert keras.backend.standardize_dtype(values.dtype) == kind, name
    assert all("float32" in str(term.dtype) for term in head.loss(outputs, LABELS).values())
    assert {variable.dtype for variable in head.weights} == {"float32"}
    assert head.pyramid.widen[0].compute_dtype == policy.removeprefix("mixed_")
    assert {layer.compute_dtype for layer in (head.combiner, head.combiner.norm, head.combiner.pool)} == {"float32"}
    full = small_head()
    full.set_weights(head.get_weights())
    np.testing.assert_allclose(full.predict(full(TAPS, None)), head.predict(head(TAPS, None)), atol=0.05)


def test_the_config_is_plain_and_makes_the_same_head() -> None:
    knobs = PluginKnobs(fpn_size=8, num_selects=("0.5", "12", "4", "2"), lambda_s=0.5, plugin_output="combiner")
    head = PluginHead(7, knobs, dropout=0.3, label_smoothing=0.1)
    again = PluginHead.from_config(json.loads(json.dumps(head.get_config())))
    assert again.get_config() == head.get_config()
    assert (again.classes, again.knobs, again.rate, again.label_smoothing) == (7, knobs, 0.3, 0.1)


def test_of_a_whole_commands_config_it_keeps_its_own_knobs() -> None:
    @dataclass(frozen=True)
    class Config(PluginKnobs):
        steps: int = 5

    head = PluginHead(3, Config(fpn_size=8))
    assert type(head.knobs) is PluginKnobs and head.knobs == SMALL


def test_it_is_registered() -> None:
    assert name_of(PluginHead(3)) == "plugin" and HEADS["plugin"] is PluginHead


@pytest.mark.parametrize(
    ("classes", "knobs", "message"),
    [
        (1, {}, r"1 class\(es\)"),
        (3, {"num_selects": ("half",)}, "neither how many points nor which share"),
        (3, {"num_selects": ("40", "16", "4", "2")}, r"num_selects=16 for level2 \(tap p3, 4x4\)[\s\S]*all of them"),
        (3, {"num_selects": ("16", "8", "4", "2")}, "keeps 30 points in all"),
        (3, {"plugin_taps": ("p2", "p9")}, r"no tap 'p9'[\s\S]*p2 8x8x6"),
        (3, {"plugin_upsample": "doubling"}, r"level2 \(tap p3, 4x4\) is not twice level3 \(tap p4, 3x3\)"),
        (3, {"fpn_size": 3}, "--fpn_size=3 is out of range"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(classes: int, knobs: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PluginHead(classes, PluginKnobs(**({"fpn_size": 8} | knobs)))(TAPS, np.zeros((8, 6), "float32"))
