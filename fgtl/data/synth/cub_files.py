"""The text files of CUB-200-2011 around the pictures, and differences.json."""

from dataclasses import dataclass
from pathlib import Path

from fgtl.data.synth.species import PART_NAMES, Species, differences
from fgtl.files import write_json

README = """Synthetic birds of fgtl
=======================

{images:,} drawn pictures of {classes} invented bird species in {families} families of look-alikes. Two species of a
family differ in exactly one part; pose, light, colours, surroundings and what covers the bird vary for all alike.
The files have the format of CUB-200-2011 (http://www.vision.caltech.edu/datasets/cub_200_2011/):

images/<class>/<image>.jpg     the pictures
images.txt                     <image_id> <image_name>
image_class_labels.txt         <image_id> <class_id>
train_test_split.txt           <image_id> <is_training_image>
classes.txt                    <class_id> <class_name>
bounding_boxes.txt             <image_id> <x> <y> <width> <height>, pixels: the seen bird, without its reflection
parts/parts.txt                <part_id> <part_name>
parts/part_locs.txt            <image_id> <part_id> <x> <y> <visible>; 0.0 0.0 0 where the part is hidden

and beyond that format:

differences.json               for each two classes of a family, the parts in which they can be told apart
synth.json                     the settings with which the set was drawn

The pictures contain no photograph and no one else's work. They were drawn by `fgtl synth` and are licensed, as fgtl is,
under the Apache License, Version 2.0 (https://www.apache.org/licenses/LICENSE-2.0).
"""


@dataclass(frozen=True)
class Row:
    """What the text files say of one image: `box` is x, y, width, height; `parts` are x, y, visible in CUB's order."""

    image_id: int
    name: str
    class_id: int
    train: bool
    box: tuple[float, float, float, float]
    parts: tuple[tuple[float, float, bool], ...]


def write_cub_files(folder: Path, rows: list[Row], species: tuple[Species, ...]) -> None:
    """Write all text files of a set into `folder`; `rows` in the order of their ids."""
    _write(folder / "images.txt", [f"{row.image_id} {row.name}" for row in rows])
    _write(folder / "image_class_labels.txt", [f"{row.image_id} {row.class_id}" for row in rows])
    _write(folder / "train_test_split.txt", [f"{row.image_id} {int(row.train)}" for row in rows])
    _write(folder / "classes.txt", [f"{kind.index + 1} {kind.folder}" for kind in species])
    _write(
        folder / "bounding_boxes.txt", [" ".join([str(row.image_id), *(f"{v:.1f}" for v in row.box)]) for row in rows]
    )
    (folder / "parts").mkdir()
    _write(folder / "parts" / "parts.txt", [f"{k + 1} {name}" for k, name in enumerate(PART_NAMES)])
    _write(
        folder / "parts" / "part_locs.txt",
        [
            f"{row.image_id} {k + 1} {x:.1f} {y:.1f} {int(seen)}"
            for row in rows
            for k, (x, y, seen) in enumerate(row.parts)
        ],
    )
    write_json(folder / "differences.json", {"schema": 1, "pairs": differences(species)})
    families = len({kind.family.name for kind in species})
    text = README.format(images=len(rows), classes=len(species), families=families)
    (folder / "README").write_text(text, encoding="utf-8")


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
