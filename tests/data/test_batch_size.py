import pytest

from fgtl.data.batch_size import check_batch_size
from fgtl.errors import UsageError


def refused(*shares, **pairs):
    with pytest.raises(UsageError) as caught:
        check_batch_size(*shares, **pairs)
    return str(caught.value)


def test_a_batch_of_equal_shares_is_taken():
    check_batch_size(7)
    check_batch_size(24, 2, 3)
    check_batch_size(24, 2, 3, pairs=True)


def test_a_batch_that_cannot_be_cut_names_what_cuts_it_and_the_sizes_beside_it():
    message = refused(20, 2, 3)
    assert "--batch_size=20 does not divide over 2 devices and --accumulate=3." in message
    assert "a multiple of 6" in message and "Use --batch_size=18 or --batch_size=24." in message
    message = refused(14, 2, pairs=True)
    assert "over 2 devices and the pairs of --mixup or --cutmix." in message
    assert "Use --batch_size=12 or --batch_size=16." in message


def test_a_batch_that_is_too_small_is_told_one_size_which_is_not_0():
    assert refused(2, 1, 3).endswith("Use --batch_size=3.")
