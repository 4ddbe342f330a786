"""Questions in words: equal where the answer is equal, without TensorFlow."""

import subprocess
import sys
from pathlib import Path

import pytest

from fgtl.errors import DataError, UsageError
from fgtl.training.extract_knobs import ExtractKnobs, question_of


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "birds.h5").write_bytes(b"weights")
    return tmp_path / "birds.h5"


def test_what_changes_the_features_changes_the_question(weights: Path) -> None:
    knobs = [
        {},
        {"weights": "none"},
        {"weights": str(weights)},
        {"backbone": "mobilenet_v2"},
        {"image_size": 160},
        {"resize": 256},
        {"eval_crop": 1.0},
        {"legacy_resize": True},
        {"tap": "p4"},
        {"tap": "p4", "pooling": "max"},
        {"views": "ten"},
    ]
    questions = [question_of(ExtractKnobs(**more)) for more in knobs]
    assert all("fixed" in question for question in questions)
    assert len({str(sorted(question.items(), key=str)) for question in questions}) == len(knobs)
    assert question_of(ExtractKnobs(eval_batch_size=7, threads=2, bad_records="skip")) == questions[0]


def test_without_a_resize_the_question_is_worded_as_before_there_was_one() -> None:
    assert "resize" not in question_of(ExtractKnobs())
    assert question_of(ExtractKnobs(resize=256))["resize"] == 256


def test_a_weight_file_is_told_by_its_content(weights: Path, tmp_path: Path) -> None:
    question = question_of(ExtractKnobs(weights=str(weights)))
    (tmp_path / "elsewhere").mkdir()
    copy = weights.rename(tmp_path / "elsewhere" / weights.name)
    assert question_of(ExtractKnobs(weights=str(copy))) == question
    copy.write_bytes(b"other weights")
    assert question_of(ExtractKnobs(weights=str(copy))) != question


def test_words_that_do_not_tell_the_weights_fix_nothing(tmp_path: Path) -> None:
    assert "fixed" not in question_of(ExtractKnobs(backbone="keras_hub:folder"))
    (tmp_path / "model.ckpt.index").touch()
    assert "fixed" not in question_of(ExtractKnobs(weights=str(tmp_path / "model.ckpt")))


def test_weights_that_are_not_there_are_missed_before_a_network_is_built(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There are no weights at"):
        question_of(ExtractKnobs(weights=str(tmp_path / "model.ckpt")))


def test_a_run_decides_its_network(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--image_size with --run_dir"):
        question_of(ExtractKnobs(run_dir=tmp_path, image_size=224))
    with pytest.raises(DataError, match="not a run folder"):
        question_of(ExtractKnobs(run_dir=tmp_path))


def test_pooling_needs_a_tap() -> None:
    with pytest.raises(UsageError, match="--pooling=max without --tap"):
        ExtractKnobs(pooling="max")


def test_no_tensorflow_is_needed_to_ask() -> None:
    code = (
        "import sys; from fgtl.training.extract_knobs import *; question_of(ExtractKnobs()); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
