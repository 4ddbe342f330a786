"""TensorBoard event files written without TensorFlow: the messages are TensorBoard's own, the framing is TFRecord's."""

import io
import os
import socket
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

from fgtl.errors import InputError
from fgtl.tfrecord import framed

# Two writers opened in the same second by one process must not share a file.
_number = count()


class EventWriter:
    """Appends to one new events file in `folder`; TensorBoard joins all files of a folder into one run.

    Args:
        folder: made when missing. A run that is resumed simply opens a second writer on the same folder.
        resumed_at: the step from which a resumed run goes on. TensorBoard then drops what the killed run had
            logged from that step on, so that a curve never runs over itself.
    """

    def __init__(self, folder: Path, *, resumed_at: int | None = None) -> None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_number)}"
        self.path = folder / name
        self._file = self.path.open("xb")
        self._write(event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2"))
        if resumed_at is not None:
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._write(event_pb2.Event(wall_time=time.time(), step=resumed_at, session_log=start))
        self.flush()

    def __enter__(self) -> "EventWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point for each named curve."""
        self._add(step, [summary_pb2.Summary.Value(tag=tag, simple_value=float(v)) for tag, v in values.items()])

    def image(self, step: int, tag: str, picture: bytes | np.ndarray) -> None:
        """One picture: PNG bytes, or an array (H, W, 3) or (H, W) of 0..255, uint8 or float."""
        png = picture if isinstance(picture, bytes) else _png(picture)
        with Image.open(io.BytesIO(png)) as opened:
            width, height = opened.size
        message = summary_pb2.Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
        self._add(step, [summary_pb2.Summary.Value(tag=tag, image=message)])

    def text(self, step: int, tag: str, markdown: str) -> None:
        """A note, shown as Markdown in the Text tab."""
        kind = summary_pb2.SummaryMetadata(plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text"))
        tensor = tensor_pb2.TensorProto(
            dtype=types_pb2.DT_STRING,
            tensor_shape=tensor_shape_pb2.TensorShapeProto(),
            string_val=[markdown.encode()],
        )
        self._add(step, [summary_pb2.Summary.Value(tag=tag, metadata=kind, tensor=tensor)])

    def hparams(self, config: Mapping[str, Any], metrics: Mapping[str, float], *, step: int = 0) -> None:
        """The run's row in the HParams tab: its knobs, and the figures to compare runs by.

        Call it at the start with no metrics, so that a running run is listed, and again at the end with them (this
        also marks the run as finished). Every scalar of the run can be chosen as a column.

        Args:
            config: names to bool, number, string, None or a list; the last two are shown as text.
            metrics: names to values, logged as scalars at `step`.
        """
        start = plugin_data_pb2.SessionStartInfo(start_time_secs=time.time())
        for name, value in config.items():
            if isinstance(value, bool):  # before the numbers: a bool is an int
                start.hparams[name].bool_value = value
            elif isinstance(value, (int, float)):
                start.hparams[name].number_value = value
            else:
                start.hparams[name].string_value = (
                    ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
                )
        values = [_session(metadata.SESSION_START_INFO_TAG, session_start_info=start)]
        if metrics:
            end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time())
            values.append(_session(metadata.SESSION_END_INFO_TAG, session_end_info=end))
            self.scalars(step, metrics)
        self._add(step, values)

    def flush(self) -> None:
        """Hand everything to the operating system, so that a running TensorBoard sees it."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close; closing twice is allowed."""
        self._file.close()

    def _add(self, step: int, values: list[summary_pb2.Summary.Value]) -> None:
        if values:
            summary = summary_pb2.Summary(value=values)
            self._write(event_pb2.Event(wall_time=time.time(), step=int(step), summary=summary))

    def _write(self, event: event_pb2.Event) -> None:
        payload = event.SerializeToString()
        head, tail = framed(payload)
        self._file.write(head + payload + tail)


def _session(tag: str, **info: Any) -> summary_pb2.Summary.Value:
    # The message travels in the metadata; the tensor is there because a value must have one.
    kind = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(**info))
    return summary_pb2.Summary.Value(tag=tag, metadata=kind, tensor=metadata.NULL_TENSOR)


def _png(picture: np.ndarray) -> bytes:
    pixels = np.asarray(picture)
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise InputError(f"A picture of shape {pixels.shape} cannot be logged.", expected="(H, W, 3) or (H, W).")
    out = io.BytesIO()
    Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).convert("RGB").save(out, "PNG")
    return out.getvalue()
