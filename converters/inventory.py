"""What of a download is there: each official file unpacked, still packed, of the wrong size, or missing."""

from dataclasses import dataclass
from pathlib import Path

from fgtl.datasets import Archive, Card
from fgtl.files import sha256_of

UNPACKED, WHOLE, WRONG_SIZE, DIFFERENT, MISSING = "unpacked", "there", "wrong size", "wrong sha256", "missing"


@dataclass(frozen=True)
class Item:
    """One official file and what became of it.

    Attributes:
        archive: the file as the card describes it.
        state: UNPACKED, WHOLE (as it was downloaded), WRONG_SIZE, DIFFERENT or MISSING.
        bytes: size of the file that is there; None for an unpacked or missing one.
        beside: whether the file lies beside what was unpacked from it.
    """

    archive: Archive
    state: str
    bytes: int | None = None
    beside: bool = False

    @property
    def is_lacking(self) -> bool:
        """Whether a conversion cannot do with this."""
        return self.state in (WRONG_SIZE, DIFFERENT) or (self.state == MISSING and not self.archive.optional)


def take_stock(card: Card, data_dir: Path, *, checksums: bool = False) -> list[Item]:
    """Look for every file of the card in `data_dir` and compare the sizes.

    Args:
        card: what there should be.
        data_dir: the folder with the download, the folder that it unpacks to, or a single archive.
        checksums: read the files too and compare their SHA-256, where the card knows it.
    """
    return [_look_for(archive, card, data_dir, checksums) for archive in card.archives]


def _look_for(archive: Archive, card: Card, data_dir: Path, checksums: bool) -> Item:
    inner = archive.holds.removeprefix(f"{card.folder}/")
    if archive.holds and ((data_dir / archive.holds).exists() or (card.folder and (data_dir / inner).exists())):
        return Item(archive, UNPACKED, beside=(data_dir / archive.name).is_file())
    places = [data_dir / archive.name, data_dir / card.folder / archive.name]
    if data_dir.is_file():
        places = [data_dir] if data_dir.name == archive.name else []
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        return Item(archive, MISSING)
    size = file.stat().st_size
    if archive.bytes not in (None, size):
        return Item(archive, WRONG_SIZE, size)
    differs = checksums and archive.sha256 and sha256_of(file) != archive.sha256
    return Item(archive, DIFFERENT if differs else WHOLE, size)
