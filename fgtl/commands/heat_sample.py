"""Where the model of a run looks, drawn when it is trained or evaluated: for the report and TensorBoard."""

from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.files import write_atomically

if TYPE_CHECKING:
    import numpy as np

    from fgtl.data.records import Selection
    from fgtl.heads.classifier import Classifier
    from fgtl.training.run import Run


def show_heat_sample(
    run: "Run",
    model: "Classifier",
    selection: "Selection",
    title: str,
    path: Path,
    probabilities: "np.ndarray | None" = None,
) -> None:
    """Draw a few images of a selection; nothing where the head keeps no points.

    Args:
        run: finished.
        model: the run's.
        selection: what was evaluated.
        title: how TensorBoard calls it.
        path: of the picture.
        probabilities: (N, K), what the model says of each image, by which right and wrong ones are chosen.
    """
    from fgtl.heads.plugin import PluginHead
    from fgtl.reports.tensorboard import EventWriter
    from fgtl.training.heat_sample import IMAGES, draw_heat_sample, heat_sample

    if not isinstance(model.head, PluginHead):
        return
    sample = heat_sample(selection, probabilities)
    # Nothing is left where all images are giants.
    if not len(sample):
        return
    picture = draw_heat_sample(model, sample, run.view_knobs(eval_batch_size=IMAGES))
    write_atomically(path, picture)
    with EventWriter(run.stage().events) as events:
        events.image(run.model_facts.get("step", 0), f"where it looks/{title}", picture)
