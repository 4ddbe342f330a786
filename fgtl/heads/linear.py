"""Linear head: one dense layer on the pooled features, as in every transfer learning baseline.

The Inception networks train it together with an auxiliary classifier half-way up.
"""

from typing import Any

import keras
from keras import ops

from fgtl.heads.auxiliary import AuxiliaryClassifier, expect_grid
from fgtl.heads.head import HEADS, Head
from fgtl.losses.cross_entropy import smoothed_cross_entropy


@HEADS.register("linear")
@keras.saving.register_keras_serializable("fgtl")
class LinearHead(Head):
    """logits = dropout(features) W + b, float32 under every precision policy.

    With an auxiliary classifier the loss is cross_entropy + aux_weight * aux_cross_entropy; it has no part in
    prediction and is computed in training only.

    Args:
        classes: K, number of classes.
        dropout: share of the features dropped in training (Inception's classifier: 0.2).
        label_smoothing: e of `smoothed_cross_entropy`.
        initializer: Keras name of W's initialiser. "zeros" starts at uniform predictions: the loss starts at
            ln K and the first steps do not send random gradients into the backbone.
        aux_weight: what the loss of an `AuxiliaryClassifier` on the tap "p4" counts (Inception: 0.4); 0 for none.
    """

    def __init__(
        self,
        classes: int,
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        initializer: str = "glorot_uniform",
        aux_weight: float = 0.0,
        **layer: Any,
    ) -> None:
        super().__init__(classes, **layer)
        self.rate = dropout
        self.label_smoothing = label_smoothing
        self.initializer = initializer
        self.aux_weight = aux_weight
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype="float32")
        self.logits = keras.layers.Dense(classes, kernel_initializer=initializer, name="logits", dtype="float32")
        self.auxiliary = AuxiliaryClassifier(classes, initializer, name="auxiliary") if aux_weight else None

    # Keras passes no taps_shape when there are no taps: the head then works on stored features.
    def build(self, features_shape: tuple[int | None, ...], taps_shape: dict[str, Any] | None = None) -> None:
        self.logits.build(features_shape)
        if self.auxiliary:
            self.auxiliary.build(expect_grid(taps_shape))

    def call(self, taps: dict[str, Any], features: Any, training: bool | None = None) -> dict[str, Any]:
        outputs = {"logits": self.logits(self.dropout(features, training=training))}
        if self.auxiliary and training:
            outputs["aux_logits"] = self.auxiliary(taps["p4"], training=True)
        return outputs

    def loss(self, outputs: dict[str, Any], labels: Any, weights: Any = None) -> dict[str, Any]:
        terms = {"cross_entropy": smoothed_cross_entropy(outputs["logits"], labels, self.label_smoothing, weights)}
        if "aux_logits" in outputs:
            terms["aux_cross_entropy"] = smoothed_cross_entropy(
                outputs["aux_logits"], labels, self.label_smoothing, weights
            )
        return terms

    @property
    def loss_weights(self) -> dict[str, float]:
        return {"aux_cross_entropy": self.aux_weight} if self.auxiliary else {}

    def predict(self, outputs: dict[str, Any]) -> Any:
        return ops.softmax(ops.cast(outputs["logits"], "float32"), axis=-1)

    def get_config(self) -> dict[str, Any]:
        own = {
            "dropout": self.rate,
            "label_smoothing": self.label_smoothing,
            "initializer": self.initializer,
            "aux_weight": self.aux_weight,
        }
        return {**super().get_config(), **own}
