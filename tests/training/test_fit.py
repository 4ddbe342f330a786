"""build_classifier: what the model knobs put together, and what they refuse."""

import pytest

from fgtl.errors import UsageError
from fgtl.training.fit import build_classifier
from fgtl.training.fit_knobs import FitKnobs
from fgtl.training.variables import count_weights, trained_part

NAMES = [f"bird {number}" for number in range(200)]
SMALL = {"backbone": "mobilenet_v2", "weights": "none", "image_size": 32}


def test_the_head_gets_its_knobs() -> None:
    head = build_classifier(FitKnobs(**SMALL, dropout=0.3, label_smoothing=0.2), NAMES).head
    assert (head.classes, head.rate, head.label_smoothing, head.aux_weight) == (200, 0.3, 0.2, 0.0)


def test_a_backbone_without_residual_branches_to_leave_out_refuses_drop_path() -> None:
    with pytest.raises(UsageError, match=r"--drop_path=0.2: mobilenet_v2 leaves out no residual branch"):
        build_classifier(FitKnobs(**SMALL, drop_path=0.2), NAMES)
    build_classifier(FitKnobs(**SMALL, drop_path=0.0), NAMES)


def test_drop_path_reaches_the_backbone_and_by_default_leaves_it_alone() -> None:
    network = {"backbone": "efficientnet_b0", "weights": "none", "image_size": 32}

    def deepest(knobs: FitKnobs) -> float:
        layers = build_classifier(knobs, NAMES[:2]).backbone.trunk.layers
        return [layer.rate for layer in layers if layer.name.endswith("_drop")][-1]

    assert deepest(FitKnobs(**network, drop_path=0.5)) == pytest.approx(0.5)
    assert 0.1 < deepest(FitKnobs(**network)) < 0.2


@pytest.mark.parametrize(("aux_weight", "weights"), [(0.0, 409_800), (0.4, 3_120_400)])
def test_the_last_layer_recipe_trains_as_many_weights_as_the_original(aux_weight: float, weights: int) -> None:
    """Acceptance E4, CUB-200."""
    knobs = FitKnobs(backbone="inception_v3", weights="none", image_size=299, aux_weight=aux_weight)
    model = build_classifier(knobs, NAMES)
    assert count_weights(trained_part(model, "head").trainable_variables) == weights
