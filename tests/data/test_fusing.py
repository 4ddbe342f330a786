from typing import Any

import pytest

from fgtl.data.quiet import import_tensorflow

tf = import_tensorflow()

from fgtl.data import fusing  # noqa: E402


@pytest.fixture(autouse=True)
def tried_anew() -> Any:
    fusing.can_fuse.cache_clear()
    yield
    fusing.can_fuse.cache_clear()


def test_an_operation_is_compiled_where_that_is_possible() -> None:
    assert fusing.can_fuse()
    ran_in_python: list[bool] = []

    def doubled(image: Any) -> Any:
        ran_in_python.append(tf.executing_eagerly())
        return 2 * image

    assert float(fusing.fused(doubled)(tf.constant(3.0))) == 6
    assert ran_in_python == [False]


def test_an_operation_runs_as_it_stands_where_xla_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise tf.errors.InvalidArgumentError(None, None, "not compilable")

    monkeypatch.setattr(fusing, "_doubled", refuse)
    assert not fusing.can_fuse()
    eager: list[bool] = []

    def doubled(image: Any) -> Any:
        eager.append(tf.executing_eagerly())
        return 2 * image

    assert float(fusing.fused(doubled)(tf.constant(3.0))) == 6
    assert eager == [True]
