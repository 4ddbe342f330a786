"""Limits: how much of what an archive may hold before it is taken for an attack or a mistake."""

from dataclasses import dataclass

from fgtl.errors import DataError

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40


@dataclass(frozen=True)
class Limits:
    """What an archive may hold. The defaults leave the largest image sets room (3 million images, 400 GB).

    Attributes:
        members: entries, folders among them.
        names_bytes: all names together; the index of an archive takes two to three times this much memory.
        depth: folders inside each other.
        file_bytes: a single file.
        total_bytes: all that comes out of an archive.
        ratio, slack_bytes: an archive of n bytes, and each compressed file in a ZIP archive, may inflate to
            `ratio * n + slack_bytes`. Photographs hardly shrink, texts ten-fold; a bomb grows a thousand-fold.
        header_bytes: one extended header of a tar archive.
        kept_bytes: what is kept of a compressed tar archive's lists and annotations between the two readings.
    """

    members: int = 20_000_000
    names_bytes: int = 2 * GIB
    depth: int = 64
    file_bytes: int = 4 * GIB
    total_bytes: int = 4 * TIB
    ratio: int = 100
    slack_bytes: int = GIB
    header_bytes: int = MIB
    kept_bytes: int = 4 * GIB

    def inflated(self, packed: int) -> int:
        """Bytes that `packed` compressed bytes may inflate to."""
        return self.ratio * packed + self.slack_bytes

    @property
    def growth(self) -> str:
        """`inflated` in words."""
        return f"{self.ratio} times as much and {amount(self.slack_bytes)}"


USUAL = Limits()
"""The defaults."""


def amount(count: int) -> str:
    """A number of bytes for a message: "1.5 GiB", "20 bytes"."""
    for size, unit in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,} bytes"


def beyond(archive: str, came: str, limit: str) -> DataError:
    """The error of a limit that an archive exceeds; `came` goes on after its name."""
    return DataError(
        f"{archive} {came}.",
        expected=f"at most {limit}: more looks like an archive made to do harm.",
        fix="If it is what it should be, unpack it with another tool and name the folder.",
    )
