"""One Keras 3 layer around a loaded SavedModel: its variables are the layer's, adopted and not copied."""

from contextlib import ExitStack
from typing import Any

import keras
import tensorflow as tf

from fgtl.interop.saved_model_endpoint import Endpoint, outputs_by_name, variables_of


class SavedModelLayer(keras.layers.Layer):
    """Images (B, S, S, 3) float32 in the module's own range -> {name: tensor}, the module's outputs.

    Assigning a weight of this layer assigns the variable that the module computes with, and the other way round.
    `training` reaches the module where it has a switch for it, and only while the layer is trainable, as in Keras'
    own batch normalisation. Its regularisation losses are in `losses`, of the layer and of every model around it,
    after each call while the layer is trainable; fgtl's training step takes them from `penalties`.

    Under a distribution strategy the module must have been loaded in the strategy's scope.

    Args:
        loaded: from `load_saved_model`.
        endpoint: from `find_endpoint`.
        image_size: S.

    Attributes:
        shapes: of the outputs for one image, by name.
        penalties: see `fgtl.models.penalties`.
        statistics: variables that the module itself may write in training, see `fgtl.training.module_statistics`.
    """

    def __init__(self, loaded: Any, endpoint: Endpoint, image_size: int) -> None:
        # The module computes as it was saved, whatever the precision policy is.
        super().__init__(name="saved_model", dtype="float32")
        self._loaded, self._endpoint = loaded, endpoint
        trainable, others = variables_of(loaded, endpoint)
        self.penalties = list(getattr(loaded, "regularization_losses", ())) if endpoint.trains else []
        self.adopted = [
            *(self._adopt(variable, True) for variable in trainable),
            *(self._adopt(variable, False) for variable in others),
        ]
        self.statistics = [v for v in self.adopted if not v.trainable and "float" in v.dtype] if endpoint.trains else []
        self.shapes = self._shapes_of(image_size)
        self.built = True

    def _adopt(self, variable: Any, trainable: bool) -> keras.Variable:
        *scope, name = variable.name.partition(":")[0].split("/")
        # A module that regularises itself must not be decayed by name, like Keras' kernels, a second time.
        if self.penalties:
            scope, name = [], "_".join([*scope, name])
        with ExitStack() as scopes:
            for part in (self.name, *scope):
                scopes.enter_context(keras.name_scope(part))
            return keras.Variable(variable, trainable=trainable, name=name, autocast=False)

    def _shapes_of(self, image_size: int) -> dict[str, tuple[int, ...]]:
        # By running it on a replica: under a strategy a restored function computes nothing elsewhere, not even shapes.
        def run() -> Any:
            return self._endpoint.call(tf.zeros((1, image_size, image_size, 3)), False)

        strategy = tf.distribute.get_strategy()
        outputs = tf.function(lambda: strategy.run(run))() if tf.distribute.in_cross_replica_context() else run()
        outputs = {
            name: strategy.experimental_local_results(tensor)[0] for name, tensor in outputs_by_name(outputs).items()
        }
        return {name: tuple(tensor.shape[1:]) for name, tensor in outputs.items() if len(tensor.shape) > 1}

    def compute_output_spec(self, images: Any, training: bool | None = None) -> dict[str, keras.KerasTensor]:
        return {name: keras.KerasTensor((images.shape[0], *shape)) for name, shape in self.shapes.items()}

    def call(self, images: Any, training: bool | None = None) -> dict[str, Any]:
        outputs = outputs_by_name(self._endpoint.call(images, bool(training) and self.trainable))
        if self.trainable:
            for penalty in self.penalties:
                self.add_loss(penalty())
        return {name: tf.ensure_shape(outputs[name], (None, *shape)) for name, shape in self.shapes.items()}
