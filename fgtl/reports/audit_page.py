"""What an audit found, as one page: photographs that two sets share, what they are worth, and doubtful labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fgtl.reports.headline import percent
from fgtl.reports.intervals import wilson_interval
from fgtl.reports.neighbour_pictures import as_uri
from fgtl.reports.pages import environment
from fgtl.reports.photo_rows import Shown


@dataclass(frozen=True)
class Couple:
    """A photograph and the one it repeats; `evidence` says how that shows."""

    one: Shown
    other: Shown
    evidence: str


@dataclass(frozen=True)
class Repeats:
    """The photographs that two sets share.

    Attributes:
        one, other: what the sets are called; those of `one` are listed to be left out.
        counts: what gave them away, such as ("equal files", 3).
        couples: those that are shown.
        found: all that were found.
        notes: what could not be compared, and how strict the comparison was.
        exclude: the file that lists them.
    """

    one: str
    other: str
    counts: tuple[tuple[str, int], ...]
    couples: tuple[Couple, ...]
    found: int
    notes: tuple[str, ...]
    exclude: str


@dataclass(frozen=True)
class Accuracy:
    """Right answers among `images`, with all training images and without the repeated ones."""

    name: str
    images: int
    before: int
    after: int

    def as_cells(self) -> list[str]:
        """Name, images, accuracy with its 95 % interval before and after, change."""
        if not self.images:
            return [self.name, "0", "-", "-", "-"]
        cells = []
        for right in (self.before, self.after):
            low, high = wilson_interval(right, self.images)
            cells.append(f"{percent(right / self.images, 2)} ({100 * low:.1f} to {percent(high)})")
        return [self.name, f"{self.images:,}", *cells, f"{100 * (self.after - self.before) / self.images:+.2f} points"]


ACCURACY_HEADER = ("test images", "images", "all training images", "without those", "change")


@dataclass(frozen=True)
class Suspect:
    """A photograph whose label is doubted, beside examples of the class it has and of the one suggested."""

    image: Shown
    given: str
    suggested: str
    given_probability: float
    suggested_probability: float
    of_given: tuple[Shown, ...]
    of_suggested: tuple[Shown, ...]


@dataclass(frozen=True)
class Labels:
    """The doubtful labels.

    Attributes:
        found: how many; `suspects` are those that are shown.
        images: of how many.
        how: how it was decided.
        listed: the file that lists them.
    """

    found: int
    images: int
    suspects: tuple[Suspect, ...]
    how: str
    listed: str


@dataclass(frozen=True)
class AuditPage:
    """All that the page shows.

    Attributes:
        title: what was looked at.
        facts: names and values below it.
        repeats: one for each pair of sets.
        accuracies: rows of what the repeated photographs are worth; empty where there are none.
        labels: None where they were not looked at.
        rules: how near duplicates are decided.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    repeats: tuple[Repeats, ...]
    accuracies: tuple[Accuracy, ...]
    labels: Labels | None
    rules: tuple[str, ...] = ()


def as_html(page: AuditPage) -> str:
    """The page as text; it loads nothing and runs nothing. Pictures take some 10 kB each."""
    return (
        environment()
        .get_template("audit.html")
        .render(page=page, picture=_pictures(), header=ACCURACY_HEADER, rows=_rows(page.accuracies))
    )


def _rows(accuracies: Sequence[Accuracy]) -> list[list[str]]:
    return [accuracy.as_cells() for accuracy in accuracies]


def _pictures() -> Callable[[Shown], str]:
    """Shown -> data URI; a photograph that comes often is made smaller once."""
    made: dict[bytes, str] = {}

    def picture(shown: Shown) -> str:
        if shown.data not in made:
            made[shown.data] = as_uri(shown.data, 240)
        return made[shown.data]

    return picture
