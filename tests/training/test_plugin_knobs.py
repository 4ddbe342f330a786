"""The plug-in's knobs on their way to the head, and what becomes of them with another head or another run."""

from pathlib import Path

import pytest

from fgtl.errors import DataError, UsageError
from fgtl.heads.classifier import Classifier
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.models.backbone import build_network
from fgtl.training import init_run
from fgtl.training.fit import build_classifier
from fgtl.training.fit_knobs import FitKnobs
from fgtl.training.init_run import load_init

NAMES = ["a", "b", "c"]
SMALL = {"backbone": "mobilenet_v2", "weights": "none", "image_size": 64}


def test_they_reach_the_head_with_its_own_dropout_by_default() -> None:
    chosen = {"fpn_size": 16, "num_selects": ("40", "0.5", "4", "2"), "lambda_s": 0.5, "plugin_output": "combiner"}
    head = build_classifier(FitKnobs(**SMALL, head="plugin", label_smoothing=0.2, **chosen), NAMES).head
    assert isinstance(head, PluginHead)
    assert (head.knobs, head.kept) == (PluginKnobs(**chosen), [40, 32, 4, 2])
    assert (head.rate, head.label_smoothing) == (0.1, 0.2)
    assert build_classifier(FitKnobs(**SMALL, head="plugin", dropout=0.0), NAMES).head.rate == 0
    assert build_classifier(FitKnobs(**SMALL), NAMES).head.rate == 0


def test_another_head_refuses_them() -> None:
    with pytest.raises(UsageError, match=r"--num_selects: the head linear has no such knob[\s\S]*--head=plugin"):
        build_classifier(FitKnobs(**SMALL, num_selects=("32",)), NAMES)
    with pytest.raises(UsageError, match=r"--aux_weight=0\.4: the head plugin has no auxiliary classifier"):
        build_classifier(FitKnobs(**SMALL, head="plugin", aux_weight=0.4), NAMES)


@pytest.mark.slow
def test_a_run_with_a_learned_map_of_points_starts_no_run_at_another_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def model_at(size: int, upsample: str) -> Classifier:
        knobs = PluginKnobs(fpn_size=8, plugin_upsample=upsample, num_selects=("20", "8", "3", "2"))
        return Classifier(build_network("mobilenet_v2", size), PluginHead(3, knobs))

    class Finished:
        class_names, model = tuple(NAMES), tmp_path / "model.keras"

        @classmethod
        def open(cls, folder: Path) -> "Finished":
            return cls()

    monkeypatch.setattr(init_run, "Run", Finished)
    model_at(64, "points").save(Finished.model)
    bigger = model_at(96, "points")
    before = bigger.backbone.get_weights()[0]
    with pytest.raises(DataError, match=r"pyramid/level1_up/kernel is \(256, 64\) there and \(576, 144\) here"):
        load_init(bigger, tmp_path, NAMES, head=True)
    assert (bigger.backbone.get_weights()[0] == before).all()
    load_init(bigger, tmp_path, NAMES, head=False)
    # The size-free one goes to any size.
    model_at(64, "auto").save(Finished.model)
    load_init(model_at(96, "auto"), tmp_path, NAMES, head=True)
