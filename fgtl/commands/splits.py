"""Card or folder -> lists of the open-world setting: L_in, U_in, U_out and test classes."""

from dataclasses import dataclass
from pathlib import Path

from fgtl.console import say, table
from fgtl.converters import READERS
from fgtl.converters.detect import card_for
from fgtl.data.open_world.division import OpenWorldKnobs, divide
from fgtl.data.open_world.lists import describe, lists_of, write_open_world
from fgtl.knobs import flag


@dataclass(frozen=True)
class Config(OpenWorldKnobs):
    """What is divided."""

    dataset: str = flag("", "card's name, card file, tfds:NAME, or what --data_dir takes")
    data_dir: Path | None = flag(None, "the download as it is (data/DATASET), or own images")
    level: str = flag("", "what a class is, where the data set has levels")
    output_dir: Path | None = flag(
        None, "folder of the lists; may be the data root, as Smooth-AP has it (splits/DATASET)"
    )
    test_prefix: str = flag("", "put before the name of test_set1.txt: Inaturalist_ for the original code")
    overwrite: bool = flag(False, "replace lists that were made from something else")


def main(config: Config) -> None:
    """Divide, write the lists, and show how many images and classes each has."""
    card, tree = card_for(config.dataset, config.data_dir, config.level)
    folder = config.output_dir or Path("splits") / card.name
    samples = list(READERS[card.layout](card, tree))
    world = divide(samples, config)
    about = describe(card, samples, world, config)
    is_new = write_open_world(folder, world, about, test_prefix=config.test_prefix, overwrite=config.overwrite)
    rows = [
        [name, f"{len(images):,}", f"{len({image.label for image in images}):,}"]
        for name, images in lists_of(world, config.test_prefix).items()
    ]
    say(table(["list", "images", "classes"], rows))
    left_out = about["left_out"]
    if left_out["classes"]:
        few = f"{left_out['classes']:,} classes with fewer than {config.min_images} images"
        say(f"left out: {few}, {left_out['images']:,} images")
    say(f"{card.name}: {'written' if is_new else 'the same lists were there'} -> {folder}")
