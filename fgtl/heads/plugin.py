"""The plug-in module: the discriminative points of any backbone (Chou et al. 2022, arXiv 2202.03822).

The taps become a pyramid; on every level a classifier looks at each point; the points that it is surest of are kept,
without labels; a graph over the kept ones of all levels gives one more prediction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import keras
from keras import layers, ops

from fgtl.errors import UsageError
from fgtl.heads.head import HEADS, Head, mean_of_heads
from fgtl.heads.plugin_combiner import Combiner
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.heads.plugin_layers import dense, normalisation, rows_of
from fgtl.heads.plugin_levels import Level, check_selects, find_levels, kept_points
from fgtl.heads.plugin_pyramid import Pyramid
from fgtl.heads.plugin_selector import select
from fgtl.losses.cross_entropy import smoothed_cross_entropy
from fgtl.losses.dropped_points import dropped_point_loss
from fgtl.losses.selected_points import selected_point_loss


class PointClassifier(layers.Layer):
    """(B, S, F) -> (B, S, K) float32 logits of every point: 1x1 convolution, batch normalisation, ReLU, 1x1 convolution.

    Args:
        classes: K.
        channels: F.
    """

    def __init__(self, classes: int, channels: int, **layer: Any) -> None:
        super().__init__(**layer)
        self.classes, self.channels = classes, channels

    def build(self, input_shape: Any = None) -> None:
        self.hidden = dense(self.channels, self.channels, "hidden")
        self.norm = normalisation(self.channels, "norm")
        # In half precision points would tie, and their ranking be a draw of lots.
        self.logits = dense(self.classes, self.channels, "logits", "float32")

    def call(self, points: Any, training: bool | None = None) -> Any:
        hidden = self.norm(self.hidden(points)[:, :, None], training=training)
        # No [:, :, 0], whose gradient is a copy of everything.
        return self.logits(ops.squeeze(ops.relu(hidden), axis=2))


@dataclass(frozen=True)
class LevelPoints:
    """The points of one level that reached the combiner.

    Attributes:
        level: whose they are.
        index: (B, s) int32 into the tap's points, row by row, prefix tokens first; most confident first.
        confidence: (B, s) float32, the probability of the point's most probable class.
    """

    level: Level
    index: Any
    confidence: Any


@HEADS.register("plugin")
@keras.saving.register_keras_serializable("fgtl")
class PluginHead(Head):
    """Outputs: "level1" ... (B, K), the mean logits of each level's points; "combiner" (B, K); "level1_kept" (B, s) int32 and
    "level1_confidence" (B, s), see `LevelPoints`. In training also, for the losses: "level1_points" (B, S, K), the logits
    of every point, and "level1_dropped" (B, S) bool.

    The loss is, with sums over the levels (the published weights are 0.5, 0, 5 and 1):

        lambda_b * level_cross_entropy + lambda_s * level_selected + lambda_n * level_dropped, and lambda_c * combiner_cross_entropy

    A term of weight 0 is not computed, and a head without a term never learned the classes: it is none of `heads` and has no
    part in the fused prediction. That is the combiner at lambda_c = 0, the levels at lambda_b = lambda_s = 0. Taps alone are read, never the pooled features. The number of points of a level,
    and with it the input size, is settled when the head is built.

    Args:
        classes: K, number of classes.
        knobs: how it is built and trained; a command's config is one.
        dropout: share of the combiner's channels dropped in training.
        label_smoothing: e of `smoothed_cross_entropy`, for every cross-entropy.

    Attributes:
        levels: the taps it stands on, shallow to deep; once built.
        kept: how many points each level keeps; once built.

    Raises:
        UsageError: knobs that cannot be meant; when it is built, taps that do not give what they ask for.
    """

    def __init__(
        self,
        classes: int,
        knobs: PluginKnobs = PluginKnobs(),  # noqa: B008 (frozen)
        dropout: float = 0.1,
        label_smoothing: float = 0.0,
        **layer: Any,
    ) -> None:
        super().__init__(classes, **layer)
        check_selects(knobs.num_selects)
        # Of a command's whole config only the group that is the head's own.
        self.knobs = PluginKnobs(**{field.name: getattr(knobs, field.name) for field in fields(PluginKnobs)})
        if not knobs.lambda_b and not knobs.lambda_s and not knobs.lambda_c:
            raise UsageError(
                "--lambda_b, --lambda_s and --lambda_c are all 0: no head learns the classes.",
                expected="at least one above 0.",
            )
        if knobs.plugin_output == "combiner" and not knobs.lambda_c:
            raise UsageError(
                "--plugin_output=combiner: with --lambda_c=0 the combiner is not trained.",
                expected="a --lambda_c above 0.",
                fix="--plugin_output=fused predicts with the levels alone then.",
            )
        self.rate = dropout
        self.label_smoothing = label_smoothing
        self.levels: list[Level] = []
        self.kept: list[int] = []

    def build(self, taps_shape: Any = None, features_shape: Any = None) -> None:
        self.levels = find_levels(taps_shape, self.knobs.plugin_taps)
        self.kept = kept_points(self.levels, self.knobs.num_selects)
        size = self.knobs.fpn_size
        self.pyramid = Pyramid(self.levels, size, self.knobs.plugin_upsample, name="pyramid")
        self.pyramid.build()
        self.classifiers = [PointClassifier(self.classes, size, name=level.name) for level in self.levels]
        for classifier in self.classifiers:
            classifier.build()
        self.combiner = Combiner(self.classes, sum(self.kept), size, self.rate, name="combiner")
        self.combiner.build()

    def call(self, taps: dict[str, Any], features: Any, training: bool | None = None) -> dict[str, Any]:
        return self.outputs(taps, training, points=bool(training))

    def outputs(self, taps: Mapping[str, Any], training: bool | None = None, points: bool = True) -> dict[str, Any]:
        """What `call` returns; with `points` also what the losses need, whatever the mode."""
        maps = [ops.reshape(taps[level.tap], (-1, level.points, level.channels)) for level in self.levels]
        outputs, selected = {}, []
        for level, count, classifier, features in zip(
            self.levels, self.kept, self.classifiers, self.pyramid(maps), strict=True
        ):
            logits = classifier(features, training=training)
            best = select(logits, count)
            selected.append(rows_of(features, best.index))
            outputs[level.name] = ops.mean(logits, axis=1)
            outputs[f"{level.name}_kept"], outputs[f"{level.name}_confidence"] = best.index, best.confidence
            if points:
                outputs[f"{level.name}_points"], outputs[f"{level.name}_dropped"] = logits, best.dropped()
        outputs["combiner"] = self.combiner(ops.concatenate(selected, axis=1), training=training)
        return outputs

    def loss(self, outputs: dict[str, Any], labels: Any, weights: Any = None) -> dict[str, Any]:
        """The terms by name; those of single points only from outputs that have the points."""
        terms, wanted, smoothing = {}, self._lambdas, self.label_smoothing
        for name in (level.name for level in self.levels):
            if wanted["cross_entropy"]:
                terms[f"{name}_cross_entropy"] = smoothed_cross_entropy(outputs[name], labels, smoothing, weights)
            points = outputs.get(f"{name}_points")
            if points is None:
                continue
            if wanted["selected"]:
                kept = rows_of(points, outputs[f"{name}_kept"])
                terms[f"{name}_selected"] = selected_point_loss(kept, labels, smoothing, weights)
            if wanted["dropped"]:
                terms[f"{name}_dropped"] = dropped_point_loss(points, outputs[f"{name}_dropped"], weights)
        if wanted["combiner"]:
            terms["combiner_cross_entropy"] = smoothed_cross_entropy(outputs["combiner"], labels, smoothing, weights)
        return terms

    @property
    def _lambdas(self) -> dict[str, float]:
        knobs = self.knobs
        return {
            "cross_entropy": knobs.lambda_b,
            "selected": knobs.lambda_s,
            "dropped": knobs.lambda_n,
            "combiner": knobs.lambda_c,
        }

    @property
    def loss_weights(self) -> dict[str, float]:
        level_terms = {term: weight for term, weight in self._lambdas.items() if term != "combiner"}
        weights = {f"{level.name}_{term}": weight for level in self.levels for term, weight in level_terms.items()}
        return {**weights, "combiner_cross_entropy": self.knobs.lambda_c}

    @property
    def result(self) -> str:
        return self.knobs.plugin_output

    def heads(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """(B, K) float32 probabilities of "level1" ..., "combiner", as far as they are trained, and "fused", their mean."""
        knobs = self.knobs
        names = [level.name for level in self.levels] if knobs.lambda_b or knobs.lambda_s else []
        names += ["combiner"] if knobs.lambda_c else []
        each = {name: ops.softmax(ops.cast(outputs[name], "float32"), axis=-1) for name in names}
        return {**each, "fused": mean_of_heads(each.values())}

    def predict(self, outputs: dict[str, Any]) -> Any:
        return self.heads(outputs)[self.result]

    def regions(self, outputs: dict[str, Any]) -> list[LevelPoints]:
        return [
            LevelPoints(level, outputs[f"{level.name}_kept"], outputs[f"{level.name}_confidence"])
            for level in self.levels
        ]

    def get_config(self) -> dict[str, Any]:
        own = {"knobs": self.knobs.as_dict(), "dropout": self.rate, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PluginHead":
        knobs: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in config["knobs"].items()
        }
        return cls(**{**config, "knobs": PluginKnobs(**knobs)})
