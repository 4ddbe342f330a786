"""The audit's page: figures, and only the sections that there is something to say in."""

from fgtl.reports.audit_page import Accuracy, AuditPage, Couple, Labels, Repeats, Suspect, as_html
from fgtl.reports.photo_rows import Shown

ONE, OTHER = Shown(b"", "wren", "1.jpg"), Shown(b"", "tit", "2.jpg")
REPEATS = Repeats(
    "training", "test", (("equal files", 1),), (Couple(ONE, OTHER, "equal files, the labels differ"),), 3, (), "ex.txt"
)
SUSPECT = Suspect(ONE, "wren", "tit", 0.0213, 0.987, (ONE,), (OTHER,))


def page(**changes: object) -> str:
    empty: dict[str, object] = {"facts": (), "repeats": (), "accuracies": (), "labels": None}
    return as_html(AuditPage("birds", **(empty | changes)))  # type: ignore[arg-type]


def test_pairs_are_shown_with_their_evidence_and_the_list() -> None:
    shown = page(repeats=(REPEATS,))
    assert "Near duplicates: 3 training images in test" in shown
    assert "equal files, the labels differ" in shown and "fgtl convert --exclude ex.txt" in shown
    assert "The first 1 are shown" in shown
    assert "What they are worth" not in shown and "Doubtful" not in shown


def test_accuracies_come_with_intervals_and_their_difference() -> None:
    assert Accuracy("all", 200, 150, 146).as_cells() == [
        "all",
        "200",
        "75.00\xa0% (68.6 to 80.5\xa0%)",
        "73.00\xa0% (66.5 to 78.7\xa0%)",
        "-2.00 points",
    ]
    assert Accuracy("the others", 0, 0, 0).as_cells() == ["the others", "0", "-", "-", "-"]
    assert "-2.00 points" in page(accuracies=(Accuracy("all", 200, 150, 146),))


def test_doubtful_labels_stand_beside_both_classes() -> None:
    shown = page(labels=Labels(12, 500, (SUSPECT,), "Confident learning.", "labels.csv"))
    assert "Doubtful training labels: 12 of 500" in shown
    assert "labelled <b>wren</b>" in shown and "more like <b>tit</b>" in shown
    assert "2.1\xa0%" in shown and "98.7\xa0%" in shown and "labels.csv" in shown
