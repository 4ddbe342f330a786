import pytest
import tensorflow as tf

from fgtl.errors import FgtlError
from fgtl.training.memory import memory_explained


def test_the_step_in_which_memory_ran_out_is_named_with_what_to_lower():
    dump = "failed to allocate memory\n\nBFCAllocator dump: " + "x" * 1000
    with pytest.raises(FgtlError, match=r"step 3: failed to allocate memory\n  Lower --batch_size") as caught:
        with memory_explained(lambda: 2):
            raise tf.errors.ResourceExhaustedError(None, None, dump)
    assert "BFCAllocator" not in str(caught.value)


def test_other_errors_stay_what_they_are():
    with pytest.raises(ZeroDivisionError), memory_explained(lambda: 2):
        raise ZeroDivisionError
