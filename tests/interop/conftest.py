"""A writer of torch checkpoints that needs no torch (it emits the pickle operations one by one), and photographs."""

import io
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

# For saved_modules.py: pytest's importlib mode leaves the tests' folders out of the path.
sys.path.insert(0, str(Path(__file__).parent))

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}


class Wire:
    """Pickle operations as bytes (protocol 2), and the two containers around them."""

    @staticmethod
    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value.encode())) + value.encode()

    @staticmethod
    def number(value: int) -> bytes:
        if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(raw)]) + raw

    @staticmethod
    def named(module: str, name: str) -> bytes:
        return f"c{module}\n{name}\n".encode()

    @staticmethod
    def group(*items: bytes) -> bytes:
        return b"(" + b"".join(items) + b"t"

    @staticmethod
    def call(module: str, name: str, *arguments: bytes) -> bytes:
        return Wire.named(module, name) + Wire.group(*arguments) + b"R"

    @staticmethod
    def ordered(entries: dict[str, bytes]) -> bytes:
        items = b"".join(Wire.text(key) + value for key, value in entries.items())
        metadata = b"}" + Wire.text("_metadata") + Wire.call("collections", "OrderedDict") + b"s"
        return Wire.call("collections", "OrderedDict") + b"(" + items + b"u" + metadata + b"b"

    @staticmethod
    def program(body: bytes) -> bytes:
        return b"\x80\x02" + body + b"."

    @staticmethod
    def tensor(
        key: str, dtype: str, numel: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *, legacy: bool
    ) -> bytes:
        parts = [Wire.text("storage"), Wire.named("torch", STORAGES[dtype]), Wire.text(key), Wire.text("cpu")]
        identity = Wire.group(*parts, Wire.number(numel), *([b"N"] if legacy else []))
        sizes = [Wire.group(*(Wire.number(value) for value in values)) for values in (shape, strides)]
        hooks = Wire.call("collections", "OrderedDict")
        return Wire.call(
            "torch._utils", "_rebuild_tensor_v2", identity + b"Q", Wire.number(offset), *sizes, b"\x89", hooks
        )

    @staticmethod
    def state(arrays: dict[str, np.ndarray], *, legacy: bool) -> bytes:
        """A state dict with one storage for each array, keys 0, 1, ..."""
        return Wire.ordered(
            {
                name: Wire.tensor(
                    str(index),
                    str(array.dtype),
                    array.size,
                    0,
                    array.shape,
                    tuple(stride // array.itemsize for stride in array.strides),
                    legacy=legacy,
                )
                for index, (name, array) in enumerate(arrays.items())
            }
        )

    @staticmethod
    def zipped(body: bytes, storages: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", compression) as archive:
            archive.writestr("weights/data.pkl", Wire.program(body))
            archive.writestr("weights/byteorder", "little")
            for key, content in storages.items():
                archive.writestr(f"weights/data/{key}", content)
            archive.writestr("weights/version", "3\n")
        return file.getvalue()

    @staticmethod
    def legacy(body: bytes, storages: dict[str, tuple[int, bytes]]) -> bytes:
        """`storages`: key -> (elements, bytes)."""
        machine = b"}(" + Wire.text("protocol_version") + Wire.number(1001) + Wire.text("little_endian") + b"\x88u"
        keys = b"](" + b"".join(Wire.text(key) for key in storages) + b"e"
        programs = [Wire.number(MAGIC), Wire.number(1001), machine, body, keys]
        data = b"".join(struct.pack("<q", numel) + content for numel, content in storages.values())
        return b"".join(map(Wire.program, programs)) + data

    @staticmethod
    def checkpoint(arrays: dict[str, np.ndarray], *, legacy: bool) -> bytes:
        """A whole file."""
        body = Wire.state(arrays, legacy=legacy)
        raw = {str(index): array for index, array in enumerate(arrays.values())}
        if legacy:
            return Wire.legacy(body, {key: (array.size, array.tobytes()) for key, array in raw.items()})
        return Wire.zipped(body, {key: array.tobytes() for key, array in raw.items()})


@pytest.fixture(scope="session")
def wire() -> type[Wire]:
    return Wire


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """bytes -> the path of a file that holds them."""

    def write_bytes(content: bytes, name: str = "weights.pth") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write_bytes


@pytest.fixture(scope="session")
def photographs() -> Callable[..., np.ndarray]:
    """Folder of JPEGs, resampling, every how many -> (N, 224, 224, 3) float32 in 0..255: short side 256, centre crop."""

    def read(folder: Path, resampling: Image.Resampling, every: int = 1) -> np.ndarray:
        crops = []
        for path in sorted(folder.glob("*.JPEG"))[::every]:
            with Image.open(path) as file:
                image = file.convert("RGB")
            scale = 256 / min(image.size)
            image = image.resize((round(image.width * scale), round(image.height * scale)), resampling)
            left, top = (image.width - 224) // 2, (image.height - 224) // 2
            crops.append(np.asarray(image.crop((left, top, left + 224, top + 224)), "float32"))
        return np.stack(crops)

    return read
