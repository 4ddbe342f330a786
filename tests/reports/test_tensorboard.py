import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from fgtl.errors import InputError
from fgtl.reports.tensorboard import EventWriter


def read(folder) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    events.Reload()
    return events


def test_scalars_come_back_with_their_steps(tmp_path):
    with EventWriter(tmp_path / "events") as writer:
        for step in (10, 20, 30):
            writer.scalars(step, {"train/loss": 1 / step, "learning_rate": 0.01})
    points = read(tmp_path / "events").Scalars("train/loss")
    assert [(point.step, point.value) for point in points] == [(step, pytest.approx(1 / step)) for step in (10, 20, 30)]


def test_a_reader_sees_what_was_flushed_before_the_writer_closes(tmp_path):
    writer = EventWriter(tmp_path)
    writer.scalars(1, {"loss": 2.0})
    writer.flush()
    assert read(tmp_path).Scalars("loss")[0].value == 2.0
    writer.close()
    writer.close()


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_an_array_comes_back_as_the_same_pixels(tmp_path, kind):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(kind)
    with EventWriter(tmp_path) as writer:
        writer.image(3, "crops", pixels)
    (event,) = read(tmp_path).Images("crops")
    assert (event.step, event.width, event.height) == (3, 7, 5)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(event.encoded_image_string))), pixels)


def test_png_bytes_are_kept_as_they_are(tmp_path):
    out = io.BytesIO()
    Image.new("RGB", (4, 6), "teal").save(out, "PNG")
    with EventWriter(tmp_path) as writer:
        writer.image(0, "confusion", out.getvalue())
    (event,) = read(tmp_path).Images("confusion")
    assert event.encoded_image_string == out.getvalue() and (event.width, event.height) == (4, 6)


def test_a_picture_of_the_wrong_shape_is_refused(tmp_path):
    with EventWriter(tmp_path) as writer, pytest.raises(InputError, match=r"\(2, 5, 7, 3\)"):
        writer.image(0, "crops", np.zeros((2, 5, 7, 3)))


def test_text_comes_back_for_the_text_tab(tmp_path):
    with EventWriter(tmp_path) as writer:
        writer.text(0, "run", "**Müller's gull**")
    events = read(tmp_path)
    assert events.Tensors("run")[0].tensor_proto.string_val[0].decode() == "**Müller's gull**"
    assert events.SummaryMetadata("run").plugin_data.plugin_name == "text"


def test_hparams_come_back_with_their_types_and_the_metrics_as_scalars(tmp_path):
    config = {"rate": 0.01, "steps": 5, "flip": True, "head": "linear", "limit": None, "splits": ["train", "test"]}
    with EventWriter(tmp_path) as writer:
        writer.hparams(config, {})
        writer.hparams(config, {"test/top1": 0.75}, step=5)
    events = read(tmp_path)
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(content)
    values = {name: value.WhichOneof("kind") for name, value in start.hparams.items()}
    assert values == {
        "rate": "number_value",
        "steps": "number_value",
        "flip": "bool_value",
        "head": "string_value",
        "limit": "string_value",
        "splits": "string_value",
    }
    assert start.hparams["splits"].string_value == "train, test" and start.hparams["rate"].number_value == 0.01
    end = events.SummaryMetadata("_hparams_/session_end_info").plugin_data.content
    assert metadata.parse_session_end_info_plugin_data(end).end_time_secs > 0
    assert [(point.step, point.value) for point in events.Scalars("test/top1")] == [(5, 0.75)]


def test_a_resumed_run_replaces_what_the_killed_one_had_logged_beyond_it(tmp_path):
    first = EventWriter(tmp_path)
    for step in range(1, 6):
        first.scalars(step, {"loss": 1.0})
    first.close()
    with EventWriter(tmp_path, resumed_at=3) as second:
        second.scalars(3, {"loss": 2.0})
        second.scalars(4, {"loss": 2.0})
    assert [(point.step, point.value) for point in read(tmp_path).Scalars("loss")] == [(1, 1), (2, 1), (3, 2), (4, 2)]


def test_a_cut_off_last_record_loses_only_itself(tmp_path):
    with EventWriter(tmp_path) as writer:
        writer.scalars(1, {"loss": 1.0})
        writer.scalars(2, {"loss": 2.0})
    writer.path.write_bytes(writer.path.read_bytes()[:-3])
    assert [point.step for point in read(tmp_path).Scalars("loss")] == [1]


def test_writing_imports_no_tensorflow(tmp_path):
    program = (
        "import sys, numpy as np\nfrom pathlib import Path\nfrom fgtl.reports.tensorboard import EventWriter\n"
        "with EventWriter(Path(sys.argv[1])) as w:\n"
        "    w.scalars(1, {'a': 1.0}); w.image(1, 'b', np.zeros((2, 2, 3))); w.text(1, 'c', 'd')\n"
        "    w.hparams({'rate': 1}, {'top1': 0.5})\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'keras')])"
    )
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
