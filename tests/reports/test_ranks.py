"""At which place of a classifier's list the true class stands."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.reports.ranks import classes_before


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(2, 7), st.integers(0, 2**31))
def test_it_is_the_place_in_the_sorted_list_ties_by_index(images: int, classes: int, seed: int) -> None:
    draws = np.random.default_rng(seed)
    # Few values, so that many are equal.
    probabilities = draws.integers(0, 3, (images, classes)) / 10
    labels = draws.integers(0, classes, images)
    lists = [sorted(range(classes), key=lambda k, row=row: (-row[k], k)) for row in probabilities.tolist()]
    expected = [one.index(label) for one, label in zip(lists, labels.tolist(), strict=True)]
    assert classes_before(probabilities, labels).tolist() == expected
