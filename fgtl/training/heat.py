"""Where a run's model looks in single images: its kept points, what it says at each point, and the energy of its taps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from fgtl.data.image_files.policy import inspect
from fgtl.data.knobs import ViewKnobs
from fgtl.data.views import loose_batches
from fgtl.errors import UsageError
from fgtl.heads.classifier import Classifier
from fgtl.heads.plugin import PluginHead
from fgtl.regions.cell_maps import Map, joined_energy, minmax, over_picture
from fgtl.regions.cells import CellGrid, CropTransform, cells_to_boxes
from fgtl.training.kept_points import cell_grid
from fgtl.training.several_heads import is_several

# Of a head that does not stand on taps, as many as a plug-in would take.
_TAPS = 4
_PREDICTED = -1


@dataclass(frozen=True, eq=False)
class LevelHeat:
    """One level, or tap, of one image.

    Attributes:
        grid: its cells.
        energy: (rows, columns) float32 in 0..1: minmax of the sum over channels of ReLU(tap).
        kept: (s,) int of the tap's points, the surest first, prefix tokens included; empty without points.
        class_map: (rows, columns) float32, the probability of the class at each point; 0 without points.
        name: of the level's head; "" without points.
    """

    grid: CellGrid
    energy: Map
    kept: np.ndarray
    class_map: Map
    name: str = ""


@dataclass(frozen=True, eq=False)
class ImageHeat:
    """One image.

    Attributes:
        size: (height, width) of the stored image, pixels.
        transform: from it to what the network saw.
        probabilities: (K,) float32, the model's result.
        heads: name -> (K,), what each head says; empty where the head is one.
        label: of the class that the maps are of.
        levels: shallow to deep.
    """

    size: tuple[int, int]
    transform: CropTransform
    probabilities: np.ndarray
    heads: dict[str, np.ndarray]
    label: int
    levels: tuple[LevelHeat, ...]

    @property
    def has_points(self) -> bool:
        """Whether the head keeps points, and says something at each."""
        return all(level.name for level in self.levels)

    @property
    def largest(self) -> float:
        """The highest probability of the class at any point; never 0, which one that is far off may round to."""
        return max(float(np.finfo(np.float32).tiny), *(float(level.class_map.max()) for level in self.levels))

    def seen_on(self, picture: tuple[int, int]) -> np.ndarray:
        """(height, width) bool: the pixels of a picture of the image that the network sees."""
        grid = CellGrid("input", (1, 1), self.transform.input_size)
        return self.on(picture, np.ones((1, 1), np.float32), grid) > 0

    def on(self, picture: tuple[int, int], values: Map, grid: CellGrid) -> Map:
        """A level's values on a picture (height, width) of the image."""
        return over_picture(values, grid, self.transform, self.size, picture)

    def energy_on(self, picture: tuple[int, int], threshold: float = 0.0) -> Map:
        """The energy of all levels, see `joined_energy`."""
        return joined_energy([self.on(picture, level.energy, level.grid) for level in self.levels], threshold)

    def kept_on(self, picture: tuple[int, int], level: LevelHeat) -> np.ndarray:
        """(height, width) bool: the pixels of a picture whose cell is kept."""
        mask = np.zeros(picture, bool)
        cells = level.kept.astype(np.int64) - level.grid.prefix_tokens
        boxes = cells_to_boxes(cells[cells >= 0][None], level.grid, self.transform, np.array([self.size]))[0]
        scales = np.array([picture[1] / self.size[1], picture[0] / self.size[0]] * 2)
        for x0, y0, x1, y1 in np.rint(boxes * scales).astype(int).tolist():
            mask[y0:y1, x0:x1] = True
        return mask


class HeatFinder:
    """Looks at images in inference mode, as in evaluation. Compiles once; call it as often as there are images.

    Args:
        model: of a run; of a head that is no plug-in there are neither points nor class maps.
        knobs: how the model sees images.

    Raises:
        UsageError: the backbone gives no maps.
    """

    def __init__(self, model: Classifier, knobs: ViewKnobs) -> None:
        if not taps_of(model):
            raise UsageError(
                f"The backbone {model.backbone.architecture} gives a vector and no maps: there is nothing to look at.",
                expected="a run whose backbone has taps; fgtl backbones lists them.",
            )
        self._model, self._knobs = model, knobs
        self._look = tf.function(partial(_look, model))

    def __call__(self, files: Sequence[bytes], label: int | None = None) -> Iterator[ImageHeat]:
        """What is found in each image, in order.

        Args:
            files: N >= 1 encoded images as `fgtl.data.image_files.policy.store` leaves them.
            label: the class that the maps are of; None for the predicted one of each image.

        Memory: what the model says at all points of a batch, (B, S, K) floats a level.
        """
        sizes = np.array([(fact.height, fact.width) for fact in map(inspect, files)], np.int32)
        seen = CropTransform.of_view(sizes, self._knobs)
        asked = tf.constant(_PREDICTED if label is None else label, tf.int32)
        row = 0
        for images, weights in loose_batches(files, self._knobs):
            said = tf.nest.map_structure(lambda tensor: tensor.numpy(), self._look(images, asked))
            for place in np.flatnonzero(weights.numpy() > 0).tolist():
                transform = CropTransform(seen.windows[row : row + 1], seen.input_size, seen.legacy_resize)
                size = int(sizes[row, 0]), int(sizes[row, 1])
                yield _image_heat(self._model, said, place, size, transform)
                row += 1


def taps_of(model: Classifier) -> list[str]:
    """The taps that the maps are of: the plug-in's levels, or the last four."""
    if isinstance(model.head, PluginHead):
        return [level.tap for level in model.head.levels]
    return [tap.name for tap in model.backbone.taps[-_TAPS:]]


def cell_energy(tap: Any, prefix_tokens: int = 0) -> Any:
    """(B, H, W, C) or (B, N, C) -> (B, cells): the sum over the channels of ReLU, without prefix tokens."""
    points = ops.reshape(tap, (-1, int(np.prod(tap.shape[1:-1])), tap.shape[-1]))[:, prefix_tokens:]
    return ops.sum(ops.relu(ops.cast(points, "float32")), axis=-1)


def _look(model: Classifier, images: tf.Tensor, asked: tf.Tensor) -> dict[str, Any]:
    maps = model.backbone(images, training=False)
    taps, head = maps["taps"], model.head
    if isinstance(head, PluginHead):
        outputs = head.outputs(taps, training=False, points=True)
    else:
        outputs = head(taps, maps["features"], training=False)
    probabilities = head.predict(outputs)
    label = ops.where(asked < 0, ops.cast(ops.argmax(probabilities, axis=-1), "int32"), asked)
    said: dict[str, Any] = {"probabilities": probabilities, "label": label}
    said["heads"] = head.heads(outputs) if is_several(model) else {}
    said["energy"] = {name: cell_energy(taps[name], cell_grid(model, name).prefix_tokens) for name in taps_of(model)}
    if isinstance(head, PluginHead):
        said["kept"] = {level.name: outputs[f"{level.name}_kept"] for level in head.levels}
        said["class_map"] = {level.name: _class_map(outputs[f"{level.name}_points"], label) for level in head.levels}
    return said


def _class_map(logits: Any, label: Any) -> Any:
    """(B, S, K) and (B,) -> (B, S): the probability of each image's class at each point."""
    return ops.take_along_axis(ops.softmax(logits, axis=-1), label[:, None, None], axis=-1)[..., 0]


def _image_heat(
    model: Classifier, said: dict[str, Any], place: int, size: tuple[int, int], transform: CropTransform
) -> ImageHeat:
    levels = []
    for number, tap in enumerate(taps_of(model)):
        grid = cell_grid(model, tap)
        energy = minmax(said["energy"][tap][place].reshape(grid.grid))
        if not isinstance(model.head, PluginHead):
            levels.append(LevelHeat(grid, energy, np.zeros(0, np.int32), np.zeros_like(energy)))
            continue
        name = model.head.levels[number].name
        points = said["class_map"][name][place][grid.prefix_tokens :].reshape(grid.grid)
        levels.append(LevelHeat(grid, energy, said["kept"][name][place], points, name))
    return ImageHeat(
        size=size,
        transform=transform,
        probabilities=said["probabilities"][place].astype(np.float32),
        heads={name: rows[place] for name, rows in said["heads"].items()},
        label=int(said["label"][place]),
        levels=tuple(levels),
    )
