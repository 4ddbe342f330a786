"""Where a run's model looks, in its report and in TensorBoard: after evaluation, and only where the head keeps points."""

import io
from pathlib import Path

import numpy as np
import pytest
from bright_network import bright_classifier, linear_classifier, save_run
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fgtl.commands.app import main
from fgtl.data.bad_records import BadRecord
from fgtl.data.records import RecordSet, Selection
from fgtl.training.heat_sample import IMAGES, draw_heat_sample, heat_sample
from fgtl.training.run import Run

TAG = "where it looks/test"


def images_of(run: Path) -> list[str]:
    events = EventAccumulator(str(run / "events"), size_guidance={"images": 0})
    events.Reload()
    return events.Tags()["images"]


def test_an_evaluated_plugin_has_the_section_and_the_picture_in_tensorboard(bright_run: Path) -> None:
    assert main(["evaluate", f"--run_dir={bright_run}", "--split=test"]) == 0
    page = (bright_run / "report.html").read_text()
    assert page.count('<section id="heat">') == 1 and "A few images of test:" in page
    assert TAG in images_of(bright_run)
    events = EventAccumulator(str(bright_run / "events")).Reload()
    assert events.Images(TAG)[0].encoded_image_string == (bright_run / "eval" / "test.heat.png").read_bytes()


def test_a_head_without_points_has_neither(records: Path, bright_run: Path, tmp_path: Path) -> None:
    run = save_run(tmp_path / "linear", linear_classifier(4), RecordSet.open(records))
    assert main(["evaluate", f"--run_dir={run}", "--split=test"]) == 0
    assert "Where it looks" not in (run / "report.html").read_text()
    assert TAG not in images_of(run) and "confusion/test" in images_of(run)
    assert not list(run.rglob("*heat.png"))


def test_what_is_kept_is_lit_and_what_is_dropped_is_dark(records: Path, bright_run: Path) -> None:
    run, selection = Run.open(bright_run), RecordSet.open(records).select("test").take([0, 5])
    png = draw_heat_sample(bright_classifier(4), selection, run.view_knobs())
    sheet = np.asarray(Image.open(io.BytesIO(png)), float)
    # Two images of three tiles, 168 pixels wide and 10 apart, are one row.
    photo, kept, chances = (sheet[10:178, 10 + 178 * place : 178 + 178 * place] for place in range(3))
    inside = np.s_[20:148, 20:148]
    shares = kept[inside].sum() / photo[inside].sum()
    assert 0.3 < shares < 1 and np.abs(chances[inside] - photo[inside]).mean() > 10
    assert sheet.shape[1] == 10 + 6 * 178


class TestWhichImages:
    @pytest.fixture
    def test(self, records: Path) -> Selection:
        """Three images of each of four classes."""
        return RecordSet.open(records).select("test")

    def chosen(self, test: Selection, said: np.ndarray | None) -> list[int]:
        rows = {id: row for row, id in enumerate(test.ids.tolist())}
        return [rows[id] for id in heat_sample(test, said).ids.tolist()]

    def right(self, test: Selection) -> np.ndarray:
        return np.eye(4, dtype=np.float32)[test.labels]

    def test_without_predictions_they_are_of_all_classes(self, test: Selection) -> None:
        chosen = self.chosen(test, None)
        assert len(set(chosen)) == IMAGES and set(test.labels[chosen]) == {0, 1, 2, 3}

    def test_three_are_right_and_three_the_surest_mistakes_of_each_class(self, test: Selection) -> None:
        said = self.right(test)
        rows = [np.flatnonzero(test.labels == label) for label in range(4)]
        # Class 0 has the two surest mistakes, of which one stands for the class as long as others have any.
        for row, answer, sure in (
            (rows[0][0], 1, 0.9),
            (rows[0][1], 1, 0.8),
            (rows[1][2], 2, 0.7),
            (rows[3][0], 0, 0.6),
        ):
            said[row] = (1 - sure) / 3
            said[row, answer] = sure
        chosen = self.chosen(test, said)
        assert chosen[3:] == [rows[0][0], rows[1][2], rows[3][0]]
        assert all(said[row].argmax() == test.labels[row] for row in chosen[:3])

    def test_where_all_are_right_or_all_wrong_there_are_still_six(self, test: Selection) -> None:
        said = self.right(test)
        for one in (said, np.roll(said, 1, axis=1)):
            assert len(set(self.chosen(test, one))) == IMAGES

    def test_bad_and_giant_ones_are_left_out(self, test: Selection) -> None:
        test.bad.add(BadRecord(str(test.ids[0]), Path("shard"), 0, "it is torn"))
        test.heights[1], test.widths[1] = 40_000, 40_000
        for said in (None, self.right(test), np.roll(self.right(test), 1, axis=1)):
            chosen = self.chosen(test, said)
            assert len(chosen) == IMAGES and not {0, 1} & set(chosen)
