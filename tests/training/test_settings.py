import subprocess
import sys

import pytest

from fgtl.errors import UsageError
from fgtl.knobs import knob_groups
from fgtl.training.settings import TrainingKnobs


def test_knobs_and_the_run_folder_are_light():
    code = "import sys, fgtl.training.settings, fgtl.training.run; print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_every_knob_has_a_short_help_in_a_group():
    groups = dict(knob_groups(TrainingKnobs))
    assert len(groups) == 5
    for fields in groups.values():
        assert all(0 < len(field.metadata["help"]) <= 120 for field in fields)


@pytest.mark.parametrize("wrong", [{"mode": "tail"}, {"epochs": 0}, {"label_smoothing": 1.0}, {"precision": "float8"}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match=f"--{next(iter(wrong))}"):
        TrainingKnobs(**wrong)
