"""What `fgtl.training.heat` found in an image, as pictures: overlays in the image's own frame, and one sheet of everything."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fgtl.reports.contact_sheet import small_picture
from fgtl.reports.each_head import FUSED
from fgtl.reports.heat_picture import Panel, Row, heat_sheet, with_map, with_mask
from fgtl.training.heat import ImageHeat, LevelHeat

PANEL = 200


@dataclass(frozen=True, eq=False)
class HeatPictures:
    """The pictures of one image.

    Attributes:
        data: the stored image file.
        name: of the image, for people.
        heat: what was found.
        class_names: by label.
        threshold: energy below this share of the largest is left out where all levels are joined.
    """

    data: bytes
    name: str
    heat: ImageHeat
    class_names: Sequence[str]
    threshold: float = 0.0

    def overlays(self, side: int | None = None) -> dict[str, Image.Image]:
        """What all levels say together, on the whole stored image: "kept", "class" and "energy".

        Without points the energy alone.

        Args:
            side: as large as fits into side x side pixels; None: in its own size.
        """
        photo = small_picture(self.data, side or max(self.heat.size))
        found = {"energy": self._energy(photo)}
        return {"kept": self._kept(photo), "class": self._class(photo), **found} if self.heat.has_points else found

    def sheet(self) -> Image.Image:
        """Rows: kept points, probability of the class, energy; columns: the levels, and all of them together."""
        photo, levels = small_picture(self.data, PANEL), self.heat.levels
        rows = []
        if self.heat.has_points:
            kept = [Panel(self._kept(photo, level), _counted(level)) for level in levels]
            title = "Kept points: what is dark was dropped"
            rows.append(Row(title, [*kept, Panel(self._kept(photo), "lighter: more levels")]))
            maps = [Panel(self._class(photo, level), f"largest {level.class_map.max():.3g}") for level in levels]
            title = f"Probability of {self.class_names[self.heat.label]} at each point"
            rows.append(Row(title, [*maps, Panel(self._class(photo), "mean")], self.heat.largest))
        energies = [Panel(self._energy(photo, level)) for level in levels]
        title = "Energy of the taps, whatever the class: positive values summed over channels, each map by its range"
        rows.append(Row(title, [*energies, Panel(self._energy(photo), self._weights())], 1.0))
        return heat_sheet(photo, self.name, self._lines(), [*map(self._column, levels), ("all levels", "")], rows)

    def _kept(self, photo: Image.Image, level: LevelHeat | None = None) -> Image.Image:
        masks = [self.heat.kept_on(_size(photo), one) for one in self._chosen(level)]
        return with_mask(photo, np.mean(masks, axis=0, dtype=np.float32), self._seen(photo))

    def _class(self, photo: Image.Image, level: LevelHeat | None = None) -> Image.Image:
        maps = [self.heat.on(_size(photo), one.class_map, one.grid) for one in self._chosen(level)]
        return with_map(photo, np.mean(maps, axis=0) / self.heat.largest, self._seen(photo))

    def _energy(self, photo: Image.Image, level: LevelHeat | None = None) -> Image.Image:
        size = _size(photo)
        values = (
            self.heat.energy_on(size, self.threshold) if level is None else self.heat.on(size, level.energy, level.grid)
        )
        return with_map(photo, values, self._seen(photo))

    def _chosen(self, level: LevelHeat | None) -> Sequence[LevelHeat]:
        return self.heat.levels if level is None else [level]

    def _seen(self, photo: Image.Image) -> np.ndarray:
        return self.heat.seen_on(_size(photo))

    def _lines(self) -> list[str]:
        """What is predicted, and by those heads that have no column."""
        shown = {"predicted": self.heat.probabilities}
        columns = {level.name for level in self.heat.levels} | {FUSED}
        shown |= {name: rows for name, rows in self.heat.heads.items() if name not in columns}
        lines = [f"{name}: {_said(rows, self.class_names)}" for name, rows in shown.items()]
        cut = not self.heat.seen_on(self.heat.size).all()
        return [*lines, "The pale border is cut off before the network looks."] if cut else lines

    def _column(self, level: LevelHeat) -> tuple[str, str]:
        rows, columns = level.grid.grid
        tap = f"{level.grid.name}, {rows} x {columns}"
        if not level.name:
            return tap, ""
        said = self.heat.heads.get(level.name)
        return f"{level.name}: {tap}", "" if said is None else _said(said, self.class_names)

    def _weights(self) -> str:
        shares = ":".join(str(2**place) for place in reversed(range(len(self.heat.levels))))
        return f"{shares}, from {self.threshold:g}" if self.threshold else f"weights {shares}"


def _size(photo: Image.Image) -> tuple[int, int]:
    return photo.height, photo.width


def _said(probabilities: np.ndarray, names: Sequence[str]) -> str:
    label = int(probabilities.argmax())
    return f"{probabilities[label]:.0%} {names[label]}"


def _counted(level: LevelHeat) -> str:
    prefix = int((level.kept < level.grid.prefix_tokens).sum())
    rows, columns = level.grid.grid
    also = f" and {prefix} without a place" if prefix else ""
    return f"{len(level.kept) - prefix} of {rows * columns}{also}"
