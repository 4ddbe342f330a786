"""Lists of classes that convert takes, and names that cannot stand in one."""

import pytest

from fgtl.errors import DataError
from fgtl.reports.select_files import class_list


def test_names_stand_in_the_order_of_their_labels() -> None:
    assert class_list("birds", [2, 0], ("wren, small", "tit", "7")) == "wren, small\n7\n"


@pytest.mark.parametrize("names", [("wren", "wren"), ("wren ", "tit"), ("wr\nen", "tit"), ("", "tit")])
def test_names_that_a_list_cannot_hold_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="birds"):
        class_list("birds", [0], names)
