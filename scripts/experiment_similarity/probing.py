"""What features of a target are worth: a logistic regression whose C nobody chose."""

from fgtl.analysis.probe import probe
from fgtl.analysis.probe_knobs import ProbeKnobs
from fgtl.features.feature_set import Features


def probe_accuracy(train: Features, test: Features, c: float) -> float:
    """Test accuracy of a logistic regression with a fixed C on standardised features."""
    knobs = ProbeKnobs(classifiers=("logistic",), c=c, standardise="on")
    return probe(train, None, test, knobs).outcomes[0].evaluation.top1
