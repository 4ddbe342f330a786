"""Class names that begin with their number."""

import pytest

from fgtl.data.numbered_names import without_number


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("001.Black_footed_Albatross", "Black_footed_Albatross"),
        ("1024.Owl", "Owl"),
        ("001.002.Owl", "002.Owl"),
        ("Owl", "Owl"),
        ("St. Bernard", "St. Bernard"),
        ("2.5_litre", "2.5_litre"),
        ("001.", "001."),
        ("", ""),
    ],
)
def test_only_a_number_and_its_point_are_taken_away(name: str, expected: str) -> None:
    assert without_number(name) == expected
